// A VMCB as it was before its first VMRUN: what is left of it after VMEXIT_INVALID may be something else.

// QEMU 7.2 writes the state that it has loaded so far, part of it the host's, over the state save area, and Bochs 2.7 clears
// EVENTINJ's valid bit.

import { PAGE_BYTES } from "../../memory/page-pool";
import { Vmcb } from "../vmcb";

/** Has `to` hold what `from` holds. */
export function copyVmcb(from: Vmcb, to: Vmcb): void {
  for (let offset: u32 = 0; offset < PAGE_BYTES; offset += 8) to.write64(offset, from.read64(offset));
}
