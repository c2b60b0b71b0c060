// Instructions that a guest's processor does not have, or refuses.

import { VECTOR_GENERAL_PROTECTION, VECTOR_INVALID_OPCODE } from "../../x86/exceptions";
import { NO_ERROR_CODE } from "../../shared/vcpu-page";
import { NEXT_INSTRUCTION } from "../vcpu/action";
import { Vcpu } from "../vcpu/vcpu";

/** An instruction of a feature that CPUID does not show. */
export function onMissingInstruction(vcpu: Vcpu): u32 {
  return vcpu.raise(VECTOR_INVALID_OPCODE, NO_ERROR_CODE);
}

/** RDPMC: the guest has no performance counter, so that every number is beyond the last (SDM 2B, "RDPMC"). */
export function onRdpmc(vcpu: Vcpu): u32 {
  return vcpu.raise(VECTOR_GENERAL_PROTECTION, 0);
}

/**
 * INVD, WBINVD: nothing to do, as no device of the machine sees the guest's memory past the caches. INVD as such would lose
 * what core and other guests wrote, WBINVD take as long as it takes.
 */
export function onCacheFlush(_vcpu: Vcpu): u32 {
  return NEXT_INSTRUCTION;
}

/** PAUSE: a hint, which one vCPU a VM has no use for. */
export function onPause(_vcpu: Vcpu): u32 {
  return NEXT_INSTRUCTION;
}
