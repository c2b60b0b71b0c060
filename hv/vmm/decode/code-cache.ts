// Instructions of 64-bit code that were fetched and decoded before. Nothing is taken on trust: the paging entries and the
// bytes are read again at each use, and only where all are as they were is the instruction the one of last time.

import { CpuState, SegmentState } from "../../shared/vcpu-page";
import { CR4_LA57 } from "../../x86/control-registers";
import { PAGE_OFFSET_MASK_4_KIB, PAGE_SIZE_4_KIB } from "../../x86/paging";
import { VcpuViews } from "../cpu/vcpu-views";
import { InstructionBytes } from "../memory/instruction-bytes";
import { Ram } from "../memory/ram";
import { Instruction } from "./instruction";
import { FETCH_BYTES } from "./linear-memory";
import { Move } from "./plain-move";
import { PageWalker } from "./translate";
import { WalkRecord } from "./walk-record";

const ALL_ONES: u64 = 0xffffffffffffffff;
/** A power of two. */
const ENTRIES: u32 = 64;
/** CR3 of an entry that holds nothing: no CPU has it. */
const NEVER: u64 = ALL_ONES;

/** An instruction that was decoded, and what that rests on. */
export class Known {
  readonly instruction: Instruction = new Instruction();
  /** The same once more, where it is a plain MOV. */
  readonly move: Move = new Move();
  readonly walk: WalkRecord = new WalkRecord();
  // What else the fetch and the decoding depend on.
  rip: u64 = 0;
  cr3: u64 = NEVER;
  cr4: u64 = 0;
  efer: u64 = 0;
  codeRights: u32 = 0;
  cpl: u32 = 0;
  // The instruction's bytes, those behind it as 0, and which bits are its own.
  low: u64 = 0;
  high: u64 = 0;
  lowMask: u64 = 0;
  highMask: u64 = 0;
}

export class CodeCache {
  private readonly entries: StaticArray<Known>;
  /** What was recalled last: often the next one too. */
  private last: Known;
  private readonly cpu: CpuState;
  private readonly codeSegment: SegmentState;

  constructor(
    private readonly vcpu: VcpuViews,
    private readonly ram: Ram,
    private readonly walker: PageWalker,
  ) {
    this.cpu = vcpu.cpu;
    this.codeSegment = vcpu.codeSegment;
    const entries = new StaticArray<Known>(ENTRIES);
    for (let i: u32 = 0; i < ENTRIES; i++) entries[i] = new Known();
    this.entries = entries;
    this.last = entries[0];
  }

  private entryOf(rip: u64): Known {
    return this.entries[(<u32>rip) & (ENTRIES - 1)];
  }

  /** The instruction at RIP, or null where it has to be fetched and decoded. */
  recall(): Known | null {
    const cpu = this.cpu;
    let entry = this.last;
    if (entry.rip != cpu.rip) {
      entry = this.entryOf(cpu.rip);
      this.last = entry;
    }
    const difference =
      (entry.rip ^ cpu.rip) |
      (entry.cr3 ^ cpu.cr3) |
      (entry.cr4 ^ cpu.cr4) |
      (entry.efer ^ cpu.efer) |
      (entry.codeRights ^ this.codeSegment.accessRights) |
      (entry.cpl ^ cpu.cpl);
    if (difference != 0) return null;
    const ram = this.ram;
    const walk = entry.walk;
    const physical = <u32>walk.physical;
    const changed = walk.difference(ram) | ((ram.readHeld(physical) ^ entry.low) & entry.lowMask);
    if (changed != 0) return null;
    if (entry.highMask != 0 && ((ram.readHeld(physical + 8) ^ entry.high) & entry.highMask) != 0) return null;
    return entry;
  }

  /** The place for the instruction at RIP, which nothing recalls before `keep`. */
  place(): Instruction {
    const entry = this.entryOf(this.cpu.rip);
    entry.cr3 = NEVER;
    return entry.instruction;
  }

  /** Has the instruction be recalled that was decoded from `code` into `place`; all of `code` is in one page of RAM, or it is not. */
  keep(code: InstructionBytes, access: u32): void {
    const cpu = this.cpu;
    const rip = cpu.rip;
    const entry = this.entryOf(rip);
    const isInPage = (rip & PAGE_OFFSET_MASK_4_KIB) <= PAGE_SIZE_4_KIB - FETCH_BYTES;
    if (!this.vcpu.isIn64BitMode || (cpu.cr4 & CR4_LA57) != 0 || !isInPage) return;
    if (!this.walker.record(rip, access, entry.walk) || !this.ram.holds(entry.walk.physical, FETCH_BYTES)) return;
    const length = entry.instruction.length;
    entry.move.prepare(entry.instruction, rip);
    entry.lowMask = length < 8 ? ALL_ONES >> (64 - 8 * length) : ALL_ONES;
    entry.highMask = length <= 8 ? 0 : ALL_ONES >> (128 - 8 * length);
    entry.low = code.low & entry.lowMask;
    entry.high = code.high & entry.highMask;
    entry.rip = rip;
    entry.cr3 = cpu.cr3;
    entry.cr4 = cpu.cr4;
    entry.efer = cpu.efer;
    entry.codeRights = this.codeSegment.accessRights;
    entry.cpl = cpu.cpl;
  }
}
