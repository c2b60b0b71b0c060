// Loads a kernel with a Multiboot header, of either version, from a boot module, and tells it what the specifications say.

import { Registers, START_PROTECTED_MODE, VcpuPage } from "../../shared/vcpu-page";
import { ModuleBytes } from "../memory/module-bytes";
import { Ram } from "../memory/ram";
import { CommandLine } from "./boot-texts";
import { InformationWriter } from "./information-writer";
import { GOOD, LoadPlan } from "./load-plan";
import { HIGH_MEMORY, MemoryMap } from "./memory-map";
import { findMultiboot1, MULTIBOOT1_LOADER_MAGIC, planMultiboot1, writeMultiboot1 } from "./multiboot1";
import { findMultiboot2, MULTIBOOT2_LOADER_MAGIC, planMultiboot2, writeMultiboot2 } from "./multiboot2";
import { NO_HEADER } from "./multiboot-image";

/** All of either boot information but the command line. */
const INFORMATION_BYTES: u64 = 512;

/**
 * Loads the kernel `module` into `ram`, which is zero, with its boot information, and writes the start state to `page` and
 * `registers`: 32-bit protected mode with paging off (Multiboot 3.2, Multiboot2 3.3).
 * A header of Multiboot2 comes before one of the older version. GOOD, or why there is nothing to start.
 */
export function loadMultiboot(
  module: ModuleBytes,
  ram: Ram,
  commandLine: CommandLine,
  page: VcpuPage,
  registers: Registers,
): string {
  if (ram.bytes <= HIGH_MEMORY) return "the VM has no RAM above 1 MiB";
  const map = new MemoryMap(ram.bytes);
  const plan = new LoadPlan(module, map);
  const header2 = findMultiboot2(module);
  const header1 = header2 == NO_HEADER ? findMultiboot1(module) : NO_HEADER;
  if (header2 == NO_HEADER && header1 == NO_HEADER) {
    return "it has no Multiboot header; expected one of Multiboot in its first 8 KiB, or of Multiboot2 in its first 32 KiB";
  }
  let problem = header2 != NO_HEADER ? planMultiboot2(module, header2, plan) : planMultiboot1(module, header1, plan);
  if (problem.length != 0) return problem;
  const information = plan.findRoom(INFORMATION_BYTES + commandLine.length);
  if (information == 0) return "it leaves no room in RAM for its boot information";
  problem = plan.load(ram);
  if (problem.length != 0) return problem;

  const writer = new InformationWriter(ram, information);
  if (header2 != NO_HEADER) writeMultiboot2(writer, map, plan.base, commandLine);
  else writeMultiboot1(writer, map, commandLine);
  if (!writer.isGood) return "its boot information could not be written, which is a defect of Basalt's";

  page.startMode = START_PROTECTED_MODE;
  page.startRip = plan.entry;
  page.startRsp = 0;
  registers.rax = header2 != NO_HEADER ? MULTIBOOT2_LOADER_MAGIC : MULTIBOOT1_LOADER_MAGIC;
  registers.rbx = information;
  return GOOD;
}
