// Kernels with a header of Multiboot 0.6.96: its section 3.1 is the header, 3.3 what the kernel is told.

import { ModuleBytes } from "../memory/module-bytes";
import { ElfParts, isElf, planElf } from "./elf";
import { CommandLine, LOADER_NAME } from "./boot-texts";
import { InformationWriter } from "./information-writer";
import { Initrd } from "./initrd";
import { LoadPlan } from "./load-plan";
import { MEMORY_MAP_ENTRIES, MemoryMap } from "./memory-map";
import { NO_HEADER, planImage } from "./multiboot-image";

/** What EAX holds at the start. */
export const MULTIBOOT1_LOADER_MAGIC: u32 = 0x2badb002;

const HEADER_MAGIC: u32 = 0x1badb002;
/** The header lies within so many bytes of the file's start, at a multiple of 4. */
const SEARCHED_BYTES: u32 = 8192;
const HEADER_BYTES: u32 = 12;

// The header's flags. Of those below bit 16 a loader must refuse what it cannot do.
const FLAG_ALIGN_MODULES: u32 = 1 << 0;
const FLAG_MEMORY_INFORMATION: u32 = 1 << 1;
const FLAG_VIDEO_MODE: u32 = 1 << 2;
const FLAG_ADDRESSES: u32 = 1 << 16;
const REQUIRED_FLAGS: u32 = 0xffff;

// The boot information: flags that say which fields are valid, and its size with all fields that are defined.
const HAS_MEMORY_SIZES: u32 = 1 << 0;
const HAS_COMMAND_LINE: u32 = 1 << 2;
const HAS_MODULES: u32 = 1 << 3;
const HAS_MEMORY_MAP: u32 = 1 << 6;
const HAS_LOADER_NAME: u32 = 1 << 9;
const INFORMATION_BYTES: u64 = 116;
/** An entry of the list of modules: its start, its end, its text and a field that is reserved. */
const MODULE_BYTES: u64 = 16;
/** An entry of the map, and of it what its first field counts: all but that field. */
const MAP_ENTRY_BYTES: u32 = 24;
const MAP_ENTRY_SIZE: u32 = 20;

/** The offset of the header in the file, or NO_HEADER. */
export function findMultiboot1(module: ModuleBytes): u32 {
  const end = min(module.length, SEARCHED_BYTES);
  for (let at: u32 = 0; at + HEADER_BYTES <= end; at += 4) {
    if (module.u32(at) != HEADER_MAGIC) continue;
    if (HEADER_MAGIC + module.u32(at + 4) + module.u32(at + 8) == 0) return at;
  }
  return NO_HEADER;
}

/** Plans what the header at `header` describes: GOOD, or why it cannot be loaded. */
export function planMultiboot1(module: ModuleBytes, header: u32, plan: LoadPlan, parts: ElfParts): string {
  const flags = module.u32(header + 4);
  if (flags & FLAG_VIDEO_MODE)
    return "its Multiboot header requires a video mode (flag 2), and this machine has no screen";
  if (flags & REQUIRED_FLAGS & ~(FLAG_ALIGN_MODULES | FLAG_MEMORY_INFORMATION)) {
    return "its Multiboot header requires what the specification does not define (flags 3 to 15)";
  }
  if (flags & FLAG_ADDRESSES) {
    if (!module.holds(header, 32)) return "its Multiboot header ends before its address fields";
    const problem = planImage(module, header, header + 12, plan);
    plan.entry = module.u32(header + 28);
    return problem.length != 0 ? problem : plan.checkEntry();
  }
  if (!isElf(module)) return "it is no ELF, and its Multiboot header has no address fields (flag 16)";
  const problem = planElf(module, plan, parts);
  return problem.length != 0 ? problem : plan.checkEntry();
}

/** Writes the boot information to where `writer` stands, a multiple of 4. Fields whose flag is not set are 0. */
export function writeMultiboot1(
  writer: InformationWriter,
  map: MemoryMap,
  commandLine: CommandLine,
  initrd: Initrd,
): void {
  const modules = writer.at + INFORMATION_BYTES;
  const entries = modules + MODULE_BYTES;
  const entryBytes = MEMORY_MAP_ENTRIES * MAP_ENTRY_BYTES;
  const name = entries + entryBytes;
  const text = name + LOADER_NAME.length + 1;

  writer.u32(HAS_MEMORY_SIZES | HAS_COMMAND_LINE | HAS_MODULES | HAS_MEMORY_MAP | HAS_LOADER_NAME);
  writer.u32(map.lowKiB);
  writer.u32(map.highKiB);
  writer.u32(0); // boot device
  writer.u32(<u32>text);
  writer.u32(initrd.isThere ? 1 : 0); // modules
  writer.u32(initrd.isThere ? <u32>modules : 0);
  writer.zeroes(4); // symbols
  writer.u32(entryBytes);
  writer.u32(<u32>entries);
  writer.zeroes(3); // drives, configuration table
  writer.u32(<u32>name);
  writer.zeroes(12); // APM, VBE, framebuffer
  writer.u32(<u32>initrd.start);
  writer.u32(<u32>(initrd.start + initrd.bytes));
  writer.zeroes(2); // text, reserved
  for (let i: u32 = 0; i < MEMORY_MAP_ENTRIES; i++) {
    writer.u32(MAP_ENTRY_SIZE);
    writer.u64(map.start(i));
    writer.u64(map.bytes(i));
    writer.u32(map.type(i));
  }
  writer.text(LOADER_NAME);
  writer.bytes(commandLine.address, commandLine.length);
}
