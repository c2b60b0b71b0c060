// The processors that Basalt may use, by their local APICs' IDs.

import { X2APIC_BROADCAST, XAPIC_BROADCAST } from "../../x86/apic";
import { APIC_X2APIC } from "../interrupts/local-apic";
import { MAX_CPUS } from "./shared-words";

/** The boot processor first, then what firmware's tables offer, in their order and each ID once. */
export class ProcessorList {
  /** Firmware has offered the boot processor, too. */
  hasBootProcessor: bool = false;
  /** How many were left out as no interrupt reaches them in this mode, and the APIC ID of the first. */
  unreachable: u32 = 0;
  firstUnreachable: u32 = 0;
  private readonly all: Array<u32> = [];

  /** `mode` is the local APICs', APIC_XAPIC or APIC_X2APIC. */
  constructor(
    private readonly mode: u32,
    bootApicId: u32,
  ) {
    this.all.push(bootApicId);
  }

  /** How many processors Basalt uses: 1 to MAX_CPUS. */
  get count(): i32 {
    return min(this.all.length, <i32>MAX_CPUS);
  }

  /** How many usable ones there are beyond MAX_CPUS. */
  get unused(): i32 {
    return this.all.length - this.count;
  }

  /** The APIC ID of processor `index`, 0 to count - 1; 0 is the boot processor. */
  apicId(index: i32): u32 {
    return this.all[index];
  }

  /** Adds a processor that a table of firmware's lists as enabled; X2APIC_BROADCAST stands for either broadcast ID. */
  offer(apicId: u32): void {
    const isReachable = this.mode == APIC_X2APIC ? apicId != X2APIC_BROADCAST : apicId < XAPIC_BROADCAST;
    if (apicId == this.all[0]) {
      this.hasBootProcessor = true;
    } else if (!isReachable) {
      if (this.unreachable++ == 0) this.firstUnreachable = apicId;
    } else if (!this.all.includes(apicId)) {
      this.all.push(apicId);
    }
  }
}
