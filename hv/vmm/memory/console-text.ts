// Writing text to the console part of the vCPU page.

/** Writes `text` as ASCII to `address`, as much as `capacity` bytes hold; returns the length. */
export function writeText(address: u32, capacity: u32, text: string): u32 {
  const length = min(<u32>text.length, capacity);
  for (let i: u32 = 0; i < length; i++) store<u8>(address + i, <u8>text.charCodeAt(i));
  return length;
}
