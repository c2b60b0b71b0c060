// PVH's hvm_start_info, version 1 (Xen, public/arch-x86/hvm/start_info.h), and the start of a kernel that is told of it.

import { START_PROTECTED_MODE } from "../../shared/vcpu-page";
import { NO_ROOM_FOR_INITRD } from "./initrd";
import { GOOD } from "./load-plan";
import { Loading } from "./loading";
import { MEMORY_MAP_ENTRIES } from "./memory-map";

const MAGIC: u32 = 0x336ec578;
const VERSION: u32 = 1;
const HEAD_BYTES: u64 = 56;
const MODULE_BYTES: u64 = 32;
const MAP_ENTRY_BYTES: u64 = 24;
const MAP: u64 = HEAD_BYTES + MODULE_BYTES;
const TEXT: u64 = MAP + MEMORY_MAP_ENTRIES * MAP_ENTRY_BYTES;

/**
 * Loads the plan's parts, of which the entry point is good, with the initial RAM disk and the start info, and writes the start
 * state: 32-bit protected mode with paging off, and EBX holds the start info's address. GOOD, or why there is no start.
 */
export function startWithInfo(loading: Loading): string {
  const plan = loading.plan;
  const ram = loading.ram;
  if (!loading.initrd.place(plan)) return NO_ROOM_FOR_INITRD;
  const info = plan.findRoom(TEXT + loading.files.commandLine.length + 1);
  if (info == 0) return "it leaves no room in RAM for its boot information";
  const problem = plan.load(ram, loading.isClean);
  if (problem.length != 0) return problem;
  if (!loading.initrd.load(ram) || !writeInfo(loading, info)) {
    return "its boot information could not be written, which is a defect of Basalt's";
  }
  const page = loading.page;
  page.startMode = START_PROTECTED_MODE;
  page.startRip = plan.entry;
  page.startRsp = 0;
  page.startCr3 = 0;
  loading.registers.rbx = info;
  return GOOD;
}

function writeInfo(loading: Loading, info: u64): bool {
  const writer = loading.writer;
  const initrd = loading.initrd;
  const commandLine = loading.files.commandLine;
  writer.begin(info);
  writer.u32(MAGIC);
  writer.u32(VERSION);
  writer.u32(0); // flags
  writer.u32(initrd.isThere ? 1 : 0);
  writer.u64(initrd.isThere ? info + HEAD_BYTES : 0);
  writer.u64(info + TEXT);
  writer.u64(loading.files.rsdp);
  writer.u64(info + MAP);
  writer.u32(MEMORY_MAP_ENTRIES);
  writer.u32(0);
  // The one module, without a command line.
  writer.u64(initrd.start);
  writer.u64(initrd.bytes);
  writer.zeroes(4);
  const map = loading.map;
  for (let i: u32 = 0; i < MEMORY_MAP_ENTRIES; i++) {
    writer.u64(map.start(i));
    writer.u64(map.bytes(i));
    writer.u32(map.type(i));
    writer.u32(0);
  }
  writer.bytes(commandLine.address, commandLine.length);
  return writer.isGood;
}
