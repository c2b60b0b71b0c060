// HLT of a guest.

import { RESULT_OK } from "../results";
import { NEXT_INSTRUCTION } from "../vcpu/action";
import { Vcpu } from "../vcpu/vcpu";

/** Goes on behind the HLT, until the guest has used up the number that its start gave it. */
export function onHalt(vcpu: Vcpu): u32 {
  if (--vcpu.haltsLeft != 0) return NEXT_INSTRUCTION;
  vcpu.advance();
  vcpu.isHalted = true;
  return vcpu.stop(RESULT_OK);
}
