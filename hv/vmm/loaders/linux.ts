// Loads a Linux bzImage by the 64-bit boot protocol (Documentation/arch/x86/boot.rst).

import { Registers, START_64_BIT, VcpuPage } from "../../shared/vcpu-page";
import { Ram, RAM_OK } from "../memory/ram";
import { BootFiles } from "./boot-files";
import { InformationWriter } from "./information-writer";
import { NO_ROOM_FOR_INITRD } from "./initrd";
import { writeBootParams } from "./linux-boot-params";
import { ENTRY_64_BIT, LinuxHeader } from "./linux-header";
import { COMMAND_LINE, GDT, GDT_LIMIT, PML4, STACK_TOP, writeStartTables, ZERO_PAGE } from "./linux-start";
import { GOOD } from "./load-plan";
import { HIGH_MEMORY, MemoryMap } from "./memory-map";

const PAGE_MASK: u64 = 0xfff;
/** No address of RAM: in place of one, there is no room. */
const NO_ROOM: u64 = 0;
/** Beyond any RAM, and far from where sums of addresses end. */
const FAR: u64 = 1 << 32;

/**
 * Loads `files.kernel`, of which `hasLinuxHeader` is true, and writes the start state to `page` and `registers`. GOOD, or why
 * there is nothing to start.
 */
export function loadLinux(files: BootFiles, ram: Ram, page: VcpuPage, registers: Registers): string {
  const kernel = files.kernel;
  const header = new LinuxHeader(kernel);
  const problem = header.check();
  if (problem.length != 0) return problem;
  if (files.commandLine.length > header.commandLineBytes) {
    return "its command line is longer than this Linux kernel takes (cmdline_size)";
  }
  const map = new MemoryMap(ram.bytes);
  const start = loadAddress(header);
  const bytes = max(header.initBytes, header.codeBytes);
  if (start < HIGH_MEMORY) return "this Linux kernel goes below 1 MiB (pref_address), and cannot be relocated";
  if (start >= FAR || !map.isRam(start, bytes)) {
    return "this VM has too little RAM for this Linux kernel (pref_address, init_size); give it more (memory=)";
  }
  const initrdBytes: u64 = files.initrd.length;
  const initrd = initrdRoom(header, map, start, start + bytes, initrdBytes);
  if (initrdBytes != 0 && initrd == NO_ROOM) return NO_ROOM_FOR_INITRD;

  let isGood = copyFile(ram, start, kernel.pointer(header.codeOffset, header.codeBytes), header.codeBytes);
  if (initrdBytes != 0) isGood = isGood && copyFile(ram, initrd, files.initrd.pointer(0, initrdBytes), initrdBytes);
  const text = new InformationWriter(ram, COMMAND_LINE);
  text.bytes(files.commandLine.address, files.commandLine.length);
  isGood = isGood && text.isGood && writeStartTables(ram);
  isGood = isGood && writeBootParams(ram, kernel, header, map, start, initrd, initrdBytes, files.rsdp);
  if (!isGood) return "a part of it could not be copied, which is a defect of Basalt's";

  page.startMode = START_64_BIT;
  page.startRip = start + ENTRY_64_BIT;
  page.startRsp = STACK_TOP;
  page.startCr3 = PML4;
  page.startGdtrBase = GDT;
  page.startGdtrLimit = GDT_LIMIT;
  registers.rsi = ZERO_PAGE;
  return GOOD;
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

function copyFile(ram: Ram, to: u64, from: u32, bytes: u64): bool {
  return from != 0 && ram.copyIn(to, from, bytes) == RAM_OK;
}
