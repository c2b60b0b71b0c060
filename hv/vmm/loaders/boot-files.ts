// What a guest is started from: its kernel, its initial RAM disk, its command line, and where the machine's tables are.

import { COMMAND_LINE_OFFSET, VcpuPage } from "../../shared/vcpu-page";
import { ModuleBytes } from "../memory/module-bytes";
import { CommandLine } from "./boot-texts";

export class BootFiles {
  readonly kernel: ModuleBytes = new ModuleBytes();
  /** Of 0 bytes where there is none. */
  readonly initrd: ModuleBytes = new ModuleBytes();
  readonly commandLine: CommandLine;
  /** The guest-physical address of ACPI's RSDP, or 0. */
  rsdp: u64 = 0;

  constructor(pageAddress: u32) {
    this.commandLine = new CommandLine(pageAddress + COMMAND_LINE_OFFSET);
  }

  /** Takes what core has written to the vCPU page. */
  read(page: VcpuPage, rsdp: u64): void {
    this.kernel.show(page.moduleAddress, page.moduleBytes);
    this.initrd.show(page.initrdAddress, page.initrdBytes);
    this.commandLine.length = page.commandLineBytes;
    this.rsdp = rsdp;
  }
}
