// Executables in the format ELF, of 32 and of 64 bits (System V ABI, chapters 4 and 5).

import { ModuleBytes } from "../memory/module-bytes";
import { GOOD, LoadPlan } from "./load-plan";

/** 0x7f "ELF", as a little-endian number. */
const MAGIC: u32 = 0x464c457f;
const CLASS_32: u32 = 1;
const CLASS_64: u32 = 2;
const LITTLE_ENDIAN: u32 = 1;
const TYPE_EXECUTABLE: u32 = 2;
const MACHINE_386: u32 = 3;
const MACHINE_X86_64: u32 = 62;
const SEGMENT_LOAD: u32 = 1;
const SEGMENT_NOTE: u32 = 4;

/** Bytes of the ELF header of the class of 32 bits. */
const SMALLEST_HEADER: u64 = 52;

// Where the fields of the ELF header lie; those behind the entry point depend on the class.
const CLASS_OFFSET: u32 = 4;
const DATA_OFFSET: u32 = 5;
const TYPE_OFFSET: u32 = 16;
const MACHINE_OFFSET: u32 = 18;
const ENTRY_OFFSET: u32 = 24;

/** Where the fields of a class lie: in its ELF header, and in its program header. */
class Layout {
  constructor(
    readonly is64Bit: bool,
    readonly headersOffset: u32,
    readonly headerBytesOffset: u32,
    readonly headerCountOffset: u32,
    readonly headerBytes: u32,
    readonly fileOffset: u32,
    readonly linearAddress: u32,
    readonly physicalAddress: u32,
    readonly fileBytes: u32,
    readonly memoryBytes: u32,
  ) {}

  /** A field that is as wide as the class's addresses. */
  word(module: ModuleBytes, offset: u64): u64 {
    return this.is64Bit ? module.u64(offset) : module.u32(offset);
  }
}

/** Whether the module says that it is an ELF. */
export function isElf(module: ModuleBytes): bool {
  return module.holds(0, 4) && module.u32(0) == MAGIC;
}

/** What an ELF has beside its segments, as physical addresses and offsets of the file. */
export class ElfParts {
  readonly wide: Layout = new Layout(true, 32, 54, 56, 56, 8, 16, 24, 32, 40);
  readonly narrow: Layout = new Layout(false, 28, 42, 44, 32, 4, 8, 12, 16, 20);
  /** Whether e_entry, a linear address, lies in a segment; then its physical address is `entry`. */
  hasEntry: bool = false;
  entry: u64 = 0;
  /** The first segment of notes, 0 bytes where there is none. */
  notes: u64 = 0;
  noteBytes: u64 = 0;

  clear(): void {
    this.hasEntry = false;
    this.entry = 0;
    this.notes = 0;
    this.noteBytes = 0;
  }
}

/**
 * Adds the segments to be loaded of an ELF to `plan`, at their physical addresses, and sets its entry point: the physical
 * address of e_entry, which is a linear one. GOOD, or what is wrong with the file.
 */
export function planElf(module: ModuleBytes, plan: LoadPlan, parts: ElfParts): string {
  const problem = planElfParts(module, plan, parts);
  if (problem.length != 0) return problem;
  plan.entry = parts.entry;
  return parts.hasEntry ? GOOD : "its entry point is in none of its segments";
}

/** As `planElf`, but for the entry point, which is for the caller to take: `parts` says what there is. */
export function planElfParts(module: ModuleBytes, plan: LoadPlan, parts: ElfParts): string {
  if (!module.holds(0, SMALLEST_HEADER)) return "it ends within its ELF header";
  const is64Bit = module.u8(CLASS_OFFSET) == CLASS_64;
  if (!is64Bit && module.u8(CLASS_OFFSET) != CLASS_32) return "it is an ELF of neither 32 nor 64 bits";
  if (module.u8(DATA_OFFSET) != LITTLE_ENDIAN) return "it is an ELF for a big-endian processor";
  if (module.u16(TYPE_OFFSET) != TYPE_EXECUTABLE) return "it is an ELF, but no executable that is linked to an address";
  const machine = module.u16(MACHINE_OFFSET);
  if (machine != MACHINE_386 && machine != MACHINE_X86_64) return "it is an ELF for another processor than x86";
  parts.clear();
  return planSegments(module, plan, is64Bit ? parts.wide : parts.narrow, parts);
}

function planSegments(module: ModuleBytes, plan: LoadPlan, layout: Layout, parts: ElfParts): string {
  const entry = layout.word(module, ENTRY_OFFSET);
  const first = layout.word(module, layout.headersOffset);
  const step: u64 = module.u16(layout.headerBytesOffset);
  const count: u64 = module.u16(layout.headerCountOffset);
  if (!module.isWhole) return "it ends within its ELF header";
  if (count == 0) return "it is an ELF without program headers";
  if (step < layout.headerBytes) return "it is an ELF whose program headers are too short";
  if (!module.holds(first, count * step)) return "its program headers lie beyond the end of the file";

  for (let i: u64 = 0; i < count; i++) {
    const header = first + i * step;
    const type = module.u32(header);
    const offset = layout.word(module, header + layout.fileOffset);
    const fileBytes = layout.word(module, header + layout.fileBytes);
    if (type == SEGMENT_NOTE && parts.noteBytes == 0) {
      parts.notes = offset;
      parts.noteBytes = fileBytes;
    }
    if (type != SEGMENT_LOAD) continue;
    const memoryBytes = layout.word(module, header + layout.memoryBytes);
    const physical = layout.word(module, header + layout.physicalAddress);
    const linear = layout.word(module, header + layout.linearAddress);
    const problem = plan.add(offset, fileBytes, physical, memoryBytes);
    if (problem.length != 0) return problem;
    if (entry < linear || entry - linear >= memoryBytes) continue;
    parts.entry = entry - linear + physical;
    parts.hasEntry = true;
  }
  return GOOD;
}
