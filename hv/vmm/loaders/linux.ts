// Loads a Linux bzImage by the 64-bit boot protocol (Documentation/arch/x86/boot.rst).

import { START_64_BIT } from "../../shared/vcpu-page";
import { RAM_OK } from "../memory/ram";
import { NO_ROOM_FOR_INITRD } from "./initrd";
import { writeBootParams } from "./linux-boot-params";
import { ENTRY_64_BIT, LinuxHeader } from "./linux-header";
import { COMMAND_LINE, GDT, GDT_LIMIT, PML4, STACK_TOP, writeStartTables, ZERO_PAGE } from "./linux-start";
import { GOOD } from "./load-plan";
import { Loading } from "./loading";
import { HIGH_MEMORY, MemoryMap } from "./memory-map";

const PAGE_MASK: u64 = 0xfff;
/** No address of RAM: in place of one, there is no room. */
const NO_ROOM: u64 = 0;
/** Beyond any RAM, and far from where sums of addresses end. */
const FAR: u64 = 1 << 32;

/**
 * Loads the kernel, of which `hasLinuxHeader` is true, and writes the start state. GOOD, or why there is nothing to start.
 */
export function loadLinux(loading: Loading): string {
  const header = loading.header;
  const problem = header.read();
  if (problem.length != 0) return problem;
  if (loading.files.commandLine.length > header.commandLineBytes) {
    return "its command line is longer than this Linux kernel takes (cmdline_size)";
  }
  const start = loadAddress(header);
  const bytes = max(header.initBytes, header.codeBytes);
  if (start < HIGH_MEMORY) return "this Linux kernel goes below 1 MiB (pref_address), and cannot be relocated";
  if (start >= FAR || !loading.map.isRam(start, bytes)) {
    return "this VM has too little RAM for this Linux kernel (pref_address, init_size); give it more (memory=)";
  }
  const initrd = loading.initrd;
  initrd.start = initrd.isThere ? initrdRoom(header, loading.map, start, start + bytes, initrd.bytes) : 0;
  if (initrd.isThere && initrd.start == NO_ROOM) return NO_ROOM_FOR_INITRD;
  return write(loading, start) ? GOOD : "a part of it could not be copied, which is a defect of Basalt's";
}

/** Writes all that has been found to be good, for a kernel at `start`. False where something of it is no RAM. */
function write(loading: Loading, start: u64): bool {
  const header = loading.header;
  const from = loading.files.kernel.pointer(header.codeOffset, header.codeBytes);
  if (from == 0 || loading.ram.copyIn(start, from, header.codeBytes) != RAM_OK) return false;
  if (!loading.initrd.load(loading.ram)) return false;
  const commandLine = loading.files.commandLine;
  const writer = loading.writer;
  writer.begin(COMMAND_LINE);
  writer.bytes(commandLine.address, commandLine.length);
  if (!writer.isGood || !writeStartTables(loading.ram, writer) || !writeBootParams(loading, start)) return false;

  const page = loading.page;
  page.startMode = START_64_BIT;
  page.startRip = start + ENTRY_64_BIT;
  page.startRsp = STACK_TOP;
  page.startCr3 = PML4;
  page.startGdtrBase = GDT;
  page.startGdtrLimit = GDT_LIMIT;
  loading.registers.rsi = ZERO_PAGE;
  return true;
}

/** pref_address; a kernel that can be relocated goes to the next address above that is aligned and behind the first MiB. */
function loadAddress(header: LinuxHeader): u64 {
  const preferred = header.preferredAddress;
  if (preferred >= FAR || !header.isRelocatable) return preferred;
  const mask = header.alignment - 1;
  return (max(preferred, HIGH_MEMORY) + mask) & ~mask;
}

/**
 * The highest page-aligned room for `bytes` in RAM above 1 MiB and up to the kernel's limit, above the kernel, which takes
 * [start, end), or else below it. NO_ROOM if there is none.
 */
function initrdRoom(header: LinuxHeader, map: MemoryMap, start: u64, end: u64, bytes: u64): u64 {
  const limit = min(header.initrdLast + 1, map.ramBytes);
  const above = roomBelow(limit, end, bytes);
  return above != NO_ROOM ? above : roomBelow(min(limit, start), HIGH_MEMORY, bytes);
}

/** The highest page-aligned room for `bytes` in [least, limit), or NO_ROOM. */
function roomBelow(limit: u64, least: u64, bytes: u64): u64 {
  if (bytes > limit) return NO_ROOM;
  const room = (limit - bytes) & ~PAGE_MASK;
  return room >= least ? room : NO_ROOM;
}
