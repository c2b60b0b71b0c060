// Writing text to the vCPU page.

/** Writes `text` as ASCII to `to`, where there is room for it. */
export function storeText(to: usize, text: string): void {
  for (let i = 0; i < text.length; i++) store<u8>(to + i, <u8>text.charCodeAt(i));
}
