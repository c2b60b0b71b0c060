// A VMCB as it was before a VMRUN: what is left of it after VMEXIT_INVALID may be something else.

// QEMU 7.2 writes the state that it has loaded so far, part of it the host's, over the state save area, and Bochs 2.7 clears
// EVENTINJ's valid bit.

import { PAGE_BYTES } from "../../memory/page-pool";
import { Vmcb } from "../vmcb";

export class VmcbCopy {
  readonly vmcb: Vmcb;

  /** `page` is a page of the pool's; `original` is the VMCB that is copied, whose address the copy has. */
  constructor(
    page: usize,
    private readonly original: Vmcb,
  ) {
    this.vmcb = new Vmcb(page, original.physical);
  }

  /** Takes over what the VMCB holds now. */
  take(): void {
    for (let offset: u32 = 0; offset < PAGE_BYTES; offset += 8) this.vmcb.write64(offset, this.original.read64(offset));
  }

  /** Gives it back. */
  restore(): void {
    for (let offset: u32 = 0; offset < PAGE_BYTES; offset += 8) this.original.write64(offset, this.vmcb.read64(offset));
  }
}
