// What a guest is started from: its kernel, its initial RAM disk, its command line, and where the machine's tables are.

import { ModuleBytes } from "../memory/module-bytes";
import { CommandLine } from "./boot-texts";

export class BootFiles {
  /** `initrd` has 0 bytes where there is none; `rsdp` is the guest-physical address of ACPI's RSDP, or 0. */
  constructor(
    readonly kernel: ModuleBytes,
    readonly initrd: ModuleBytes,
    readonly commandLine: CommandLine,
    readonly rsdp: u64,
  ) {}
}
