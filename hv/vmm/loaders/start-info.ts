// PVH's hvm_start_info, version 1 (Xen, public/arch-x86/hvm/start_info.h), and the start of a kernel that is told of it.

import { Registers, START_PROTECTED_MODE, VcpuPage } from "../../shared/vcpu-page";
import { Ram } from "../memory/ram";
import { BootFiles } from "./boot-files";
import { InformationWriter } from "./information-writer";
import { Initrd, NO_ROOM_FOR_INITRD } from "./initrd";
import { GOOD, LoadPlan } from "./load-plan";
import { MEMORY_MAP_ENTRIES } from "./memory-map";

const MAGIC: u32 = 0x336ec578;
const VERSION: u32 = 1;
const HEAD_BYTES: u64 = 56;
const MODULE_BYTES: u64 = 32;
const MAP_ENTRY_BYTES: u64 = 24;
const MAP: u64 = HEAD_BYTES + MODULE_BYTES;
const TEXT: u64 = MAP + MEMORY_MAP_ENTRIES * MAP_ENTRY_BYTES;

/**
 * Loads the parts of `plan`, whose entry point is good, with the initial RAM disk and the start info, and writes the start
 * state: 32-bit protected mode with paging off, and EBX holds the start info's address. GOOD, or why there is no start.
 */
export function startWithInfo(
  plan: LoadPlan,
  files: BootFiles,
  ram: Ram,
  page: VcpuPage,
  registers: Registers,
): string {
  const initrd = new Initrd(files.initrd);
  if (!initrd.place(plan)) return NO_ROOM_FOR_INITRD;
  const info = plan.findRoom(TEXT + files.commandLine.length + 1);
  if (info == 0) return "it leaves no room in RAM for its boot information";
  const problem = plan.load(ram);
  if (problem.length != 0) return problem;
  if (!initrd.load(ram) || !writeInfo(ram, info, plan, files, initrd)) {
    return "its boot information could not be written, which is a defect of Basalt's";
  }
  page.startMode = START_PROTECTED_MODE;
  page.startRip = plan.entry;
  page.startRsp = 0;
  registers.rbx = info;
  return GOOD;
}

function writeInfo(ram: Ram, info: u64, plan: LoadPlan, files: BootFiles, initrd: Initrd): bool {
  const writer = new InformationWriter(ram, info);
  writer.u32(MAGIC);
  writer.u32(VERSION);
  writer.u32(0); // flags
  writer.u32(initrd.isThere ? 1 : 0);
  writer.u64(initrd.isThere ? info + HEAD_BYTES : 0);
  writer.u64(info + TEXT);
  writer.u64(files.rsdp);
  writer.u64(info + MAP);
  writer.u32(MEMORY_MAP_ENTRIES);
  writer.u32(0);
  // The one module, without a command line.
  writer.u64(initrd.start);
  writer.u64(initrd.bytes);
  writer.zeroes(4);
  const map = plan.map;
  for (let i: u32 = 0; i < MEMORY_MAP_ENTRIES; i++) {
    writer.u64(map.start(i));
    writer.u64(map.bytes(i));
    writer.u32(map.type(i));
    writer.u32(0);
  }
  writer.bytes(files.commandLine.address, files.commandLine.length);
  return writer.isGood;
}
