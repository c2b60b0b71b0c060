// A seeded generator of random numbers, so that a failing round can be had again.

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 0x9e37_79b9 + 0x1234_5678) >>> 0;
  }

  /** A whole number below `bound`. */
  below(bound: number): number {
    // mulberry32.
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError("found no item to pick from, expected one or more");
    return item;
  }
}
