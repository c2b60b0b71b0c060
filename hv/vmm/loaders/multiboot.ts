// Loads a kernel with a Multiboot header, of either version, from a boot module, and tells it what the specifications say.

import { START_PROTECTED_MODE } from "../../shared/vcpu-page";
import { ModuleBytes } from "../memory/module-bytes";
import { NO_ROOM_FOR_INITRD } from "./initrd";
import { GOOD } from "./load-plan";
import { Loading } from "./loading";
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
 * Loads the kernel, of which `hasMultibootHeader` is true, with its boot information, and writes the start state: 32-bit
 * protected mode with paging off (Multiboot 3.2, Multiboot2 3.3). A header of Multiboot2 comes before one of the older version;
 * the initial RAM disk is the kernel's one module. GOOD, or why there is nothing to start.
 */
export function loadMultiboot(loading: Loading): string {
  const module = loading.files.kernel;
  const header2 = findMultiboot2(module);
  if (header2 != NO_HEADER) {
    const problem = planMultiboot2(module, header2, loading.plan, loading.elf);
    return problem.length != 0 ? problem : start(loading, true);
  }
  const problem = planMultiboot1(module, findMultiboot1(module), loading.plan, loading.elf);
  return problem.length != 0 ? problem : start(loading, false);
}

/** Loads what is planned. */
function start(loading: Loading, isMultiboot2: bool): string {
  const plan = loading.plan;
  const ram = loading.ram;
  const initrd = loading.initrd;
  const commandLine = loading.files.commandLine;
  const base = plan.base;
  if (!initrd.place(plan)) return NO_ROOM_FOR_INITRD;
  const information = plan.findRoom(INFORMATION_BYTES + commandLine.length);
  if (information == 0) return "it leaves no room in RAM for its boot information";
  const problem = plan.load(ram, loading.isClean);
  if (problem.length != 0) return problem;

  if (!initrd.load(ram)) return "its initial RAM disk could not be copied, which is a defect of Basalt's";
  const writer = loading.writer;
  writer.begin(information);
  if (isMultiboot2) writeMultiboot2(writer, plan.map, base, commandLine, initrd);
  else writeMultiboot1(writer, plan.map, commandLine, initrd);
  if (!writer.isGood) return "its boot information could not be written, which is a defect of Basalt's";

  const page = loading.page;
  page.startMode = START_PROTECTED_MODE;
  page.startRip = plan.entry;
  page.startRsp = 0;
  page.startCr3 = 0;
  loading.registers.rax = isMultiboot2 ? MULTIBOOT2_LOADER_MAGIC : MULTIBOOT1_LOADER_MAGIC;
  loading.registers.rbx = information;
  return GOOD;
}
