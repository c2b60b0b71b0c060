// Gives the doctor what it can know of the VM entry that is to come: the VMCS as it reads back, capabilities, state, memory.

import { Subject } from "../../../doctor/subject";
import { EntryReader, readCapabilities } from "../entry/subject";
import { PagePool } from "../../memory/page-pool";
import { VmxCapabilities } from "../capabilities";
import { VmcsImage } from "./vmcs-image";

/** Fills a subject; `vmcs` is always the current VMCS, in launch state "clear", and the next instruction is VMLAUNCH. */
export class Examination {
  private readonly reader: EntryReader;

  constructor(
    private readonly subject: Subject,
    capabilities: VmxCapabilities,
    pool: PagePool,
    vmcs: u64,
  ) {
    const reader = new EntryReader(subject, pool);
    readCapabilities(subject, capabilities);
    reader.readVmcs();
    reader.readState(vmcs, 0);
    this.reader = reader;
  }

  /** `image` is what the VMCS holds. */
  prepare(image: VmcsImage): void {
    for (let slot = 0; slot < image.slots.fields; slot++) {
      this.subject.set(image.slots.names[slot], image.values[slot]);
    }
    this.reader.readMemory();
  }
}
