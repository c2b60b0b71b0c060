// Which bits are changed in a base: each bit by itself where it means something, and pairs of bits at random.

import { Random } from "../../mutate/random";
import { belongs, isWhole } from "./relevance";
import { Slots } from "./slots";

/** One or two bits to flip. */
export class Mutation {
  slot: i32 = 0;
  mask: u64 = 0;
  secondSlot: i32 = 0;
  /** 0: there is no second one. */
  secondMask: u64 = 0;
}

/** Bits that are flipped where not all are: those with a meaning, and the edges of addresses. */
const SAMPLED: u64 = 0x8011c0118013f9ff;
const SEED: u64 = 0x9e3779b97f4a7c15;

/** Gives the mutations of one base after the other, in the same order in every run. */
export class Mutations {
  private readonly random: Random = new Random(SEED);
  /** The slots that are mutated in the base. */
  private readonly own: StaticArray<i32>;
  private count: i32 = 0;
  private base: u32 = 0;
  private next: i32 = 0;
  private bit: u32 = 0;
  private pairsLeft: u32 = 0;

  constructor(private readonly slots: Slots) {
    this.own = new StaticArray<i32>(slots.count);
  }

  /** Starts with `base`: each bit, then `pairs` pairs. */
  start(base: u32, pairs: u32): void {
    this.count = 0;
    for (let slot = 0; slot < this.slots.count; slot++) {
      if (belongs(base, this.slots.names[slot])) this.own[this.count++] = slot;
    }
    this.base = base;
    this.next = 0;
    this.bit = 0;
    this.pairsLeft = pairs;
  }

  /** The next mutation of the base; false behind its last. */
  take(mutation: Mutation): bool {
    while (this.next < this.count) {
      const slot = this.own[this.next];
      while (this.bit < this.slots.widths[slot]) {
        const mask = (<u64>1) << (<u64>this.bit);
        this.bit++;
        if ((mask & SAMPLED) == 0 && !isWhole(this.base, this.slots.names[slot], this.slots.widths[slot])) continue;
        mutation.slot = slot;
        mutation.mask = mask;
        mutation.secondMask = 0;
        return true;
      }
      this.next++;
      this.bit = 0;
    }
    return this.takePair(mutation);
  }

  private takePair(mutation: Mutation): bool {
    if (this.pairsLeft == 0 || this.count == 0) return false;
    this.pairsLeft--;
    mutation.slot = this.own[this.random.below(this.count)];
    mutation.mask = this.anyBit(mutation.slot);
    mutation.secondSlot = this.own[this.random.below(this.count)];
    mutation.secondMask = this.anyBit(mutation.secondSlot);
    return true;
  }

  private anyBit(slot: i32): u64 {
    return (<u64>1) << (<u64>this.random.below(this.slots.widths[slot]));
  }
}
