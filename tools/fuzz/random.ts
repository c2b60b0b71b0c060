// Random numbers that are the same for the same seed, without an allocation: xorshift with 32 bits (Marsaglia, 2003).

/** Values at which devices' counters and indices turn over. */
const EDGES = [0, 1, 2, 3, 7, 8, 0x0f, 0x10, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff];
const ALL_ONES = 0xffff_ffff;

/** The seed of part `index` of what has the seed `seed`: any two parts differ in about half of the bits. */
export function partSeed(seed: number, index: number): number {
  let mixed = Math.imul((seed ^ (index * 0x9e37_79b1)) >>> 0, 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

export class Random {
  #state = 1;

  seed(seed: number): void {
    // Zero would stay zero.
    this.#state = seed | 0 || 1;
    this.u32();
    this.u32();
  }

  u32(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  /** From 0 to `limit` - 1. */
  below(limit: number): number {
    return this.u32() % limit;
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.u32() % times === 0;
  }

  of<T>(values: readonly T[]): T {
    return values[this.u32() % values.length]!;
  }

  /** A number of 32 bits with a liking for those at which something turns over. */
  value(): number {
    const choice = this.u32() & 7;
    if (choice < 3) return this.u32();
    if (choice < 5) return this.u32() & 0xff;
    if (choice === 5) return this.of(EDGES);
    return choice === 6 ? (1 << (this.u32() & 31)) >>> 0 : (ALL_ONES - this.of(EDGES)) >>> 0;
  }
}
