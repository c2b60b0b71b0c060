// What is changed in a base: each bit by itself, chosen values, and pairs of bits at random.

import {
  CR0,
  CR3,
  CR4,
  CS_ATTRIBUTES,
  DR6,
  DR7,
  EFER,
  EVENTINJ,
  G_PAT,
  GUEST_ASID,
  INTERCEPTS_2,
  IOPM_BASE_PA,
  MSRPM_BASE_PA,
  N_CR3,
  NESTED_CONTROL,
  RFLAGS,
  S_CET,
} from "../../../doctor/svm/fields";
import { STATE_MEMORY_PDPTE0 } from "../../../doctor/inputs";
import { INTERRUPTION_VALID } from "../../../x86/exceptions";
import { Random } from "../../mutate/random";
import { BASE_64_BIT, BASE_PAE } from "./base-names";
import { Slots } from "./slots";
import { VmcbImage } from "./vmcb-image";

const SEED: u64 = 0x9e3779b97f4a7c15;
const EVENT_TYPES: u32 = 8;
const EVENT_VECTORS: u32 = 34;
const EVENTS: u32 = EVENT_TYPES * EVENT_VECTORS;
const PAGE: u64 = 0x1000;

/** What bases other than the first are about. */
const OF_MODES: StaticArray<u32> = [
  CR0,
  CR3,
  CR4,
  EFER,
  CS_ATTRIBUTES,
  RFLAGS,
  EVENTINJ,
  DR6,
  DR7,
  S_CET,
  G_PAT,
  N_CR3,
  NESTED_CONTROL,
  GUEST_ASID,
  INTERCEPTS_2,
];

/** Values beside the events: the edges of the permission maps, whole words, memory types. */
const CHOSEN_FIELDS: StaticArray<u32> = [
  IOPM_BASE_PA,
  IOPM_BASE_PA,
  IOPM_BASE_PA,
  MSRPM_BASE_PA,
  MSRPM_BASE_PA,
  GUEST_ASID,
  GUEST_ASID,
  CR0,
  CR4,
  EFER,
  G_PAT,
  G_PAT,
  G_PAT,
];
/** In the same order; of the first five the pages that they lie below the end of physical addresses. */
const CHOSEN_VALUES: StaticArray<u64> = [
  3, 2, 1, 2, 1, 0, 0xffffffff, 0x60000011, 0, 0, 0x0706050401000706, 0x0706050401000702, 0x0306050401000706,
];
const EDGES: i32 = 5;

/** One or two words to change, each by the bits that are flipped. */
export class Mutation {
  slot: i32 = 0;
  mask: u64 = 0;
  secondSlot: i32 = 0;
  /** 0: there is no second one. */
  secondMask: u64 = 0;

  clear(): void {
    this.mask = 0;
    this.secondMask = 0;
  }
}

/** Gives the mutations of one base after the other, in the same order in every run. */
export class Mutations {
  private readonly random: Random = new Random(SEED);
  /** The slots that are mutated in the base. */
  private readonly own: StaticArray<i32>;
  private count: i32 = 0;
  private next: i32 = 0;
  private bit: u32 = 0;
  private chosen: u32 = 0;
  private pairsLeft: u32 = 0;

  constructor(
    private readonly slots: Slots,
    private readonly base: VmcbImage,
    /** MAXPHYADDR. */
    private readonly physicalBits: u32,
  ) {
    this.own = new StaticArray<i32>(slots.count);
  }

  /** Starts with the base of that number, which the image holds: each bit, the chosen values, then `pairs` pairs. */
  start(number: u32, pairs: u32): void {
    this.count = 0;
    for (let slot = 0; slot < this.slots.count; slot++) {
      if (belongs(number, this.slots.names[slot])) this.own[this.count++] = slot;
    }
    this.next = 0;
    this.bit = 0;
    this.chosen = 0;
    this.pairsLeft = pairs;
  }

  /** The next mutation of the base; false behind its last. */
  take(mutation: Mutation): bool {
    mutation.clear();
    return this.takeBit(mutation) || this.takeChosen(mutation) || this.takePair(mutation);
  }

  private takeBit(mutation: Mutation): bool {
    if (this.next == this.count) return false;
    mutation.slot = this.own[this.next];
    mutation.mask = (<u64>1) << (<u64>this.bit);
    this.bit++;
    if (this.bit == this.slots.widths[mutation.slot]) {
      this.next++;
      this.bit = 0;
    }
    return true;
  }

  private takeChosen(mutation: Mutation): bool {
    const number = this.chosen++;
    if (number < EVENTS) {
      const event = INTERRUPTION_VALID | ((number / EVENT_VECTORS) << 8) | (number % EVENT_VECTORS);
      this.change(mutation, EVENTINJ, event);
      return true;
    }
    const row = <i32>(number - EVENTS);
    if (row >= CHOSEN_FIELDS.length) return false;
    const end: u64 = (<u64>1) << (<u64>this.physicalBits);
    this.change(mutation, CHOSEN_FIELDS[row], row < EDGES ? end - CHOSEN_VALUES[row] * PAGE : CHOSEN_VALUES[row]);
    return true;
  }

  private change(mutation: Mutation, name: u32, value: u64): void {
    mutation.slot = this.slots.of(name);
    mutation.mask = this.base.get(name) ^ value;
  }

  private takePair(mutation: Mutation): bool {
    if (this.pairsLeft == 0) return false;
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

function belongs(base: u32, name: u32): bool {
  if (name >= STATE_MEMORY_PDPTE0) return base == BASE_PAE;
  return base == BASE_64_BIT || OF_MODES.includes(name);
}
