// Fletcher's sum with two halves modulo 65535, as hv/core/watch/sum.ts has it.

const modulus = 65535;

/** The sum of the bytes in the low half, in the high half that of the low halves on the way. */
export function fletcher(bytes: Iterable<number>): number {
  let [low, high] = [0, 0];
  for (const byte of bytes) {
    low = (low + byte) % modulus;
    high = (high + low) % modulus;
  }
  return high * 65536 + low;
}
