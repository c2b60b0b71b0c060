// Loads a kernel with a Multiboot header, of either version, from a boot module, and tells it what the specifications say.

import { Registers, START_PROTECTED_MODE, VcpuPage } from "../../shared/vcpu-page";
import { ModuleBytes } from "../memory/module-bytes";
import { Ram } from "../memory/ram";
import { BootFiles } from "./boot-files";
import { InformationWriter } from "./information-writer";
import { Initrd, NO_ROOM_FOR_INITRD } from "./initrd";
import { GOOD, LoadPlan } from "./load-plan";
import { findMultiboot1, MULTIBOOT1_LOADER_MAGIC, planMultiboot1, writeMultiboot1 } from "./multiboot1";
import { findMultiboot2, MULTIBOOT2_LOADER_MAGIC, planMultiboot2, writeMultiboot2 } from "./multiboot2";
import { NO_HEADER } from "./multiboot-image";

/** All of either boot information but the command line. */
const INFORMATION_BYTES: u64 = 512;

/** Whether the module has a header of either version. */
export function hasMultibootHeader(module: ModuleBytes): bool {
  return findMultiboot2(module) != NO_HEADER || findMultiboot1(module) != NO_HEADER;
}

/**
 * Loads `files.kernel`, of which `hasMultibootHeader` is true, with its boot information, and writes the start state to `page`
 * and `registers`: 32-bit protected mode with paging off (Multiboot 3.2, Multiboot2 3.3). A header of Multiboot2 comes before
 * one of the older version; the initial RAM disk is the kernel's one module. GOOD, or why there is nothing to start.
 */
export function loadMultiboot(
  files: BootFiles,
  plan: LoadPlan,
  ram: Ram,
  page: VcpuPage,
  registers: Registers,
): string {
  const module = files.kernel;
  const commandLine = files.commandLine;
  const header2 = findMultiboot2(module);
  const header1 = header2 == NO_HEADER ? findMultiboot1(module) : NO_HEADER;
  let problem = header2 != NO_HEADER ? planMultiboot2(module, header2, plan) : planMultiboot1(module, header1, plan);
  if (problem.length != 0) return problem;
  const base = plan.base;
  const initrd = new Initrd(files.initrd);
  if (!initrd.place(plan)) return NO_ROOM_FOR_INITRD;
  const information = plan.findRoom(INFORMATION_BYTES + commandLine.length);
  if (information == 0) return "it leaves no room in RAM for its boot information";
  problem = plan.load(ram);
  if (problem.length != 0) return problem;

  if (!initrd.load(ram)) return "its initial RAM disk could not be copied, which is a defect of Basalt's";
  const writer = new InformationWriter(ram, information);
  if (header2 != NO_HEADER) writeMultiboot2(writer, plan.map, base, commandLine, initrd);
  else writeMultiboot1(writer, plan.map, commandLine, initrd);
  if (!writer.isGood) return "its boot information could not be written, which is a defect of Basalt's";

  page.startMode = START_PROTECTED_MODE;
  page.startRip = plan.entry;
  page.startRsp = 0;
  registers.rax = header2 != NO_HEADER ? MULTIBOOT2_LOADER_MAGIC : MULTIBOOT1_LOADER_MAGIC;
  registers.rbx = information;
  return GOOD;
}
