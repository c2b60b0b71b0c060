// All that loading a guest works with: it is allocated once, as a guest that resets its machine is loaded again.

import { Registers, VcpuPage } from "../../shared/vcpu-page";
import { Ram } from "../memory/ram";
import { BootFiles } from "./boot-files";
import { ElfParts } from "./elf";
import { InformationWriter } from "./information-writer";
import { Initrd } from "./initrd";
import { LinuxHeader } from "./linux-header";
import { LoadPlan } from "./load-plan";
import { MemoryMap } from "./memory-map";

export class Loading {
  readonly files: BootFiles;
  readonly map: MemoryMap;
  readonly plan: LoadPlan;
  readonly elf: ElfParts = new ElfParts();
  readonly header: LinuxHeader;
  readonly initrd: Initrd;
  readonly writer: InformationWriter;
  /** RAM is zero; no guest has run in it yet. */
  isClean: bool = true;

  /** `page` and `registers`, where the start state is written, are those of the vCPU page at `pageAddress`. */
  constructor(
    pageAddress: u32,
    readonly ram: Ram,
    readonly page: VcpuPage,
    readonly registers: Registers,
  ) {
    const files = new BootFiles(pageAddress);
    this.files = files;
    const map = new MemoryMap(ram.bytes);
    this.map = map;
    this.plan = new LoadPlan(files.kernel, map);
    this.header = new LinuxHeader(files.kernel);
    this.initrd = new Initrd(files.initrd);
    this.writer = new InformationWriter(ram);
  }
}
