export function withSourceLines(code: string, _wasm: string): string {
  return code;
}
