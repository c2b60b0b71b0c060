// Arithmetic on 64-bit registers as bigint.

/** The value as an unsigned number of 64 bits: Wasm passes u64 as a signed bigint. */
export function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

export function has(value: bigint, bits: bigint): boolean {
  return (value & bits) !== 0n;
}

/** Bits 63:47 of a linear address are alike (SDM 1 3.3.7.1), with 48-bit linear addresses. */
export function isCanonical(address: bigint): boolean {
  return u64(BigInt.asIntN(48, address)) === address;
}

/** Each byte of a PAT is one of the memory types 0, 1, 4, 5, 6, 7 (SDM 3A 12.12.2). */
export function isPat(value: bigint): boolean {
  for (let entry = 0n; entry < 8n; entry++) {
    const type = (value >> (8n * entry)) & 0xffn;
    if (type > 7n || type === 2n || type === 3n) return false;
  }
  return true;
}
