// A set of interrupt vectors, as the local APIC's ISR, TMR and IRR are (SDM 3A 11.8.4), which knows its highest member.

import { StateTable } from "../../state";

const WORDS: u32 = 4;
/** No APIC accepts the vectors 0 to 15. */
const RESERVED_VECTORS: u64 = 0xffff;

/** Vectors from 16 to 255. */
export class VectorSet {
  /** The highest member; 0, which is no interrupt's vector, where there is none. */
  highest: u32 = 0;
  private readonly words: StaticArray<u64> = new StaticArray<u64>(WORDS);

  has(vector: u32): bool {
    return ((unchecked(this.words[(vector >> 6) & (WORDS - 1)]) >> (vector & 63)) & 1) != 0;
  }

  add(vector: u32): void {
    const index = (vector >> 6) & (WORDS - 1);
    unchecked((this.words[index] |= (<u64>1) << (vector & 63)));
    if (vector > this.highest) this.highest = vector;
  }

  remove(vector: u32): void {
    const index = (vector >> 6) & (WORDS - 1);
    unchecked((this.words[index] &= ~((<u64>1) << (vector & 63))));
    if (vector == this.highest) this.findHighest(index);
  }

  clear(): void {
    for (let i: u32 = 0; i < WORDS; i++) unchecked((this.words[i] = 0));
    this.highest = 0;
  }

  /** The members from 32 x `index` to 32 x `index` + 31, as one of the eight registers shows them. */
  segment(index: u32): u32 {
    return <u32>(unchecked(this.words[(index >> 1) & (WORDS - 1)]) >> ((index & 1) << 5));
  }

  visit(table: StateTable): void {
    for (let i: u32 = 0; i < WORDS; i++) unchecked((this.words[i] = table.number(this.words[i])));
    unchecked((this.words[0] &= ~RESERVED_VECTORS));
    this.findHighest(WORDS - 1);
  }

  /** Nothing is in the words behind `index`. */
  private findHighest(index: u32): void {
    let at = <i32>index;
    while (at > 0 && unchecked(this.words[at]) == 0) at--;
    const word = unchecked(this.words[at]);
    this.highest = word == 0 ? 0 : ((<u32>at) << 6) + 63 - <u32>clz(word);
  }
}
