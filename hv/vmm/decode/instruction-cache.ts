// Instructions decoded before. The key is the very bytes and the mode, so that a hit is right whatever became of the code.

import { InstructionBytes } from "../memory/instruction-bytes";
import { Decoder } from "./decoder";
import { Instruction } from "./instruction";
import { DECODED } from "./operations";

const ALL_ONES: u64 = 0xffffffffffffffff;
/** A power of two. */
const ENTRIES: u32 = 64;

class Entry {
  readonly instruction: Instruction = new Instruction();
  /** CODE_*; 0 is an entry that holds nothing. */
  mode: u32 = 0;
  // The instruction's bytes, those behind it as 0, and which bits are its own.
  low: u64 = 0;
  high: u64 = 0;
  lowMask: u64 = 0;
  highMask: u64 = 0;
}

export class InstructionCache {
  private readonly entries: StaticArray<Entry>;
  private readonly decoder: Decoder = new Decoder();
  /** What `find` found, complete if it returned DECODED. */
  instruction: Instruction;

  constructor() {
    const entries = new StaticArray<Entry>(ENTRIES);
    for (let i: u32 = 0; i < ENTRIES; i++) entries[i] = new Entry();
    this.entries = entries;
    this.instruction = entries[0].instruction;
  }

  /** As Decoder.decode; `rip` says where to look, and the bytes there whether it is the same instruction. */
  find(code: InstructionBytes, mode: u32, rip: u64): u32 {
    const entry = this.entries[(<u32>rip) & (ENTRIES - 1)];
    const instruction = entry.instruction;
    this.instruction = instruction;
    const low = code.low;
    const high = code.high;
    const difference = ((low ^ entry.low) & entry.lowMask) | ((high ^ entry.high) & entry.highMask);
    if (difference == 0 && entry.mode == mode && instruction.length <= code.count) return DECODED;

    entry.mode = 0;
    const status = this.decoder.decode(code, mode, instruction);
    if (status != DECODED) return status;
    const length = instruction.length;
    entry.mode = mode;
    entry.lowMask = length < 8 ? ALL_ONES >> (64 - 8 * length) : ALL_ONES;
    entry.highMask = length <= 8 ? 0 : ALL_ONES >> (128 - 8 * length);
    entry.low = low & entry.lowMask;
    entry.high = high & entry.highMask;
    return DECODED;
  }
}
