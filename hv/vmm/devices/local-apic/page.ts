// The local APIC's registers as memory: a page with 32 bits at each multiple of 16 (SDM 3A 11.4.1), in xAPIC mode.

import { Device } from "../../bus";
import { LocalApic } from "./local-apic";

const ALL_ONES: u64 = 0xffffffffffffffff;
const REGISTER_BYTES: u32 = 4;

/** To be attached at LOCAL_APIC_ADDRESS. In the other modes nothing answers there. */
export class LocalApicPage extends Device {
  constructor(private readonly apic: LocalApic) {
    super();
  }

  /** The bits of a register from `offset` on; what lies between the registers reads 0. */
  read(offset: u32, _bytes: u32): u64 {
    if (!this.apic.hasPage) return ALL_ONES;
    const start = offset & 15;
    return start < REGISTER_BYTES ? (<u64>this.apic.readPage(offset >> 4)) >> (8 * start) : 0;
  }

  /** Writes of other than 32 aligned bits do nothing; the manual leaves them undefined. */
  write(offset: u32, bytes: u32, value: u64): void {
    if (!this.apic.hasPage || bytes != REGISTER_BYTES || (offset & 15) != 0) return;
    this.apic.writePage(offset >> 4, <u32>value);
  }
}

/** For Bus.attach. */
export function writeLocalApicPage(device: Device, offset: u32, bytes: u32, value: u64): void {
  changetype<LocalApicPage>(device).write(offset, bytes, value);
}
