// Kernels with a header of Multiboot2 2.0: its section 3.1 is the header, 3.6 what the kernel is told.

import { ModuleBytes } from "../memory/module-bytes";
import { CommandLine, LOADER_NAME } from "./boot-texts";
import { ElfParts, isElf, planElf } from "./elf";
import { InformationWriter } from "./information-writer";
import { Initrd } from "./initrd";
import { GOOD, LoadPlan } from "./load-plan";
import { MEMORY_MAP_ENTRIES, MemoryMap } from "./memory-map";
import { NO_HEADER, planImage } from "./multiboot-image";

/** What EAX holds at the start. */
export const MULTIBOOT2_LOADER_MAGIC: u32 = 0x36d76289;

const HEADER_MAGIC: u32 = 0xe85250d6;
const ARCHITECTURE_I386: u32 = 0;
/** The header lies within so many bytes of the file's start, at a multiple of 8. */
const SEARCHED_BYTES: u32 = 32768;
const HEADER_BYTES: u32 = 16;

// Tags of the header, and the flag of one that a loader may ignore.
const HEADER_TAG_END: u32 = 0;
const HEADER_TAG_INFORMATION_REQUEST: u32 = 1;
const HEADER_TAG_ADDRESSES: u32 = 2;
const HEADER_TAG_ENTRY: u32 = 3;
const HEADER_TAG_CONSOLE: u32 = 4;
const HEADER_TAG_FRAMEBUFFER: u32 = 5;
/** Beyond it lie what a loader may do (align modules, relocate), what EFI needs, and nothing else that is defined. */
const LAST_HEADER_TAG: u32 = 10;
const TAG_IS_OPTIONAL: u32 = 1;
const CONSOLE_IS_REQUIRED: u32 = 1;
const ADDRESSES_BYTES: u32 = 24;
const ENTRY_BYTES: u32 = 12;

// Tags of the boot information.
const TAG_END: u32 = 0;
const TAG_COMMAND_LINE: u32 = 1;
const TAG_LOADER_NAME: u32 = 2;
const TAG_MODULE: u32 = 3;
const TAG_MEMORY_SIZES: u32 = 4;
const TAG_MEMORY_MAP: u32 = 6;
const TAG_LOAD_BASE: u32 = 21;
const TAG_HEAD_BYTES: u32 = 8;
/** Start, end, and a text of one zero. */
const TAG_MODULE_BYTES: u32 = 17;
const MAP_ENTRY_BYTES: u32 = 24;

/** The offset of the header in the file, or NO_HEADER. */
export function findMultiboot2(module: ModuleBytes): u32 {
  const end = min(module.length, SEARCHED_BYTES);
  for (let at: u32 = 0; at + HEADER_BYTES <= end; at += 8) {
    if (module.u32(at) != HEADER_MAGIC) continue;
    const length = module.u32(at + 8);
    if (HEADER_MAGIC + module.u32(at + 4) + length + module.u32(at + 12) == 0) return at;
  }
  return NO_HEADER;
}

/** Plans what the header at `header` describes: GOOD, or why it cannot be loaded. */
export function planMultiboot2(module: ModuleBytes, header: u32, plan: LoadPlan, parts: ElfParts): string {
  if (module.u32(header + 4) != ARCHITECTURE_I386) return "its Multiboot2 header is for another processor than x86";
  const length = module.u32(header + 8);
  if (length < HEADER_BYTES || length > SEARCHED_BYTES || !module.holds(header, length)) {
    return "the length of its Multiboot2 header makes no sense";
  }
  const end = header + length;
  let addresses: u32 = 0;
  let entry: u32 = 0;
  let at = header + HEADER_BYTES;
  while (true) {
    if (at + TAG_HEAD_BYTES > end) return "its Multiboot2 header has no end tag";
    const type = module.u16(at);
    const bytes = module.u32(at + 4);
    if (bytes < TAG_HEAD_BYTES || bytes > end - at) return "a tag of its Multiboot2 header has an impossible size";
    if (type == HEADER_TAG_END) break;
    if (type == HEADER_TAG_ADDRESSES && bytes >= ADDRESSES_BYTES) addresses = at;
    else if (type == HEADER_TAG_ENTRY && bytes >= ENTRY_BYTES) entry = at;
    else if (!(module.u16(at + 2) & TAG_IS_OPTIONAL)) {
      const problem = checkRequirement(module, type, at, bytes);
      if (problem.length != 0) return problem;
    }
    at += (bytes + 7) & ~7;
  }
  return planParts(module, header, addresses, entry, plan, parts);
}

/** Plans by the header's tags of addresses and entry point, whose offsets are 0 where the header has none. */
function planParts(
  module: ModuleBytes,
  header: u32,
  addresses: u32,
  entry: u32,
  plan: LoadPlan,
  parts: ElfParts,
): string {
  if (addresses != 0 && entry == 0) return "its Multiboot2 header has an address tag, but none of the entry address";
  if (addresses == 0 && !isElf(module)) return "it is no ELF, and its Multiboot2 header has no address tag";
  const problem =
    addresses != 0 ? planImage(module, header, addresses + TAG_HEAD_BYTES, plan) : planElf(module, plan, parts);
  if (entry != 0) plan.entry = module.u32(entry + TAG_HEAD_BYTES);
  return problem.length != 0 ? problem : plan.checkEntry();
}

/** A tag that a loader must not ignore: GOOD, or why this one cannot do what it asks for. */
function checkRequirement(module: ModuleBytes, type: u32, at: u32, bytes: u32): string {
  if (type == HEADER_TAG_INFORMATION_REQUEST) {
    for (let offset = TAG_HEAD_BYTES; offset + 4 <= bytes; offset += 4) {
      // What is defined may be asked for, and may be missing: this machine has neither VBE nor EFI (Multiboot2 3.1.4).
      if (module.u32(at + offset) > TAG_LOAD_BASE)
        return "its Multiboot2 header requests information that is not defined";
    }
    return GOOD;
  }
  if (type == HEADER_TAG_FRAMEBUFFER)
    return "its Multiboot2 header requires a framebuffer, and this machine has no screen";
  if (type == HEADER_TAG_CONSOLE && module.u32(at + TAG_HEAD_BYTES) & CONSOLE_IS_REQUIRED) {
    return "its Multiboot2 header requires a console that the loader tells of, and this machine has no screen";
  }
  if (type == HEADER_TAG_ADDRESSES || type == HEADER_TAG_ENTRY) return "a tag of its Multiboot2 header is too short";
  return type <= LAST_HEADER_TAG ? GOOD : "its Multiboot2 header has a required tag that is not defined";
}

/** Writes the boot information to where `writer` stands, a multiple of 8; `base` is the kernel's lowest address. */
export function writeMultiboot2(
  writer: InformationWriter,
  map: MemoryMap,
  base: u64,
  commandLine: CommandLine,
  initrd: Initrd,
): void {
  const textBytes = TAG_HEAD_BYTES + commandLine.length + 1;
  const nameBytes = TAG_HEAD_BYTES + <u32>LOADER_NAME.length + 1;
  const mapBytes = TAG_HEAD_BYTES + 8 + MEMORY_MAP_ENTRIES * MAP_ENTRY_BYTES;
  const moduleBytes = initrd.isThere ? aligned(TAG_MODULE_BYTES) : 0;
  const total =
    moduleBytes + 8 + aligned(textBytes) + aligned(nameBytes) + 16 + aligned(mapBytes) + aligned(12) + TAG_HEAD_BYTES;

  writer.u32(total);
  writer.u32(0);
  writer.u32(TAG_COMMAND_LINE);
  writer.u32(textBytes);
  writer.bytes(commandLine.address, commandLine.length);
  writer.align(8);
  if (initrd.isThere) writeModule(writer, initrd);
  writer.u32(TAG_LOADER_NAME);
  writer.u32(nameBytes);
  writer.text(LOADER_NAME);
  writer.align(8);
  writer.u32(TAG_MEMORY_SIZES);
  writer.u32(16);
  writer.u32(map.lowKiB);
  writer.u32(map.highKiB);
  writer.u32(TAG_MEMORY_MAP);
  writer.u32(mapBytes);
  writer.u32(MAP_ENTRY_BYTES);
  writer.u32(0); // version of an entry
  for (let i: u32 = 0; i < MEMORY_MAP_ENTRIES; i++) {
    writer.u64(map.start(i));
    writer.u64(map.bytes(i));
    writer.u32(map.type(i));
    writer.u32(0);
  }
  writer.u32(TAG_LOAD_BASE);
  writer.u32(12);
  writer.u32(<u32>base);
  writer.align(8);
  writer.u32(TAG_END);
  writer.u32(TAG_HEAD_BYTES);
}

/** The tag of a module without text. */
function writeModule(writer: InformationWriter, initrd: Initrd): void {
  writer.u32(TAG_MODULE);
  writer.u32(TAG_MODULE_BYTES);
  writer.u32(<u32>initrd.start);
  writer.u32(<u32>(initrd.start + initrd.bytes));
  writer.text("");
  writer.align(8);
}

function aligned(bytes: u32): u32 {
  return (bytes + 7) & ~7;
}
