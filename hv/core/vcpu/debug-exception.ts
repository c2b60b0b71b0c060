// #DB that Basalt delivers in the processor's place (SDM 3B 17.3.1.1 and 17.2.3).

import { VECTOR_DEBUG } from "../../x86/exceptions";
import { DEBUGCTL_BTF, DEBUGCTL_LBR } from "../../x86/msr";
import { NO_ERROR_CODE } from "../../shared/vcpu-page";
import { STATE_DEBUGCTL, STATE_DR7 } from "./state";
import { Vcpu } from "./vcpu";

/** B0 to B3, which say what was met this time; the other conditions stay in DR6 until software clears them. */
export const DR6_BREAKPOINTS: u64 = 0xf;
/** BD, BS and BT. */
export const DR6_STICKY: u64 = 0xe000;
/** A single step. */
export const DR6_BS: u64 = 1 << 14;
/** A task switch to a TSS with the T flag. */
export const DR6_BT: u64 = 1 << 15;
const DR7_GD: u64 = 1 << 13;

/**
 * Raises #DB for `conditions` in the form of DR6. An injected #DB changes neither DR6 nor DR7 nor IA32_DEBUGCTL (SDM 3C
 * 27.6.1.1), a #DB of the processor's does. To be returned by a handler.
 */
export function raiseDebugException(vcpu: Vcpu, conditions: u64): u32 {
  const kept = vcpu.dr6 & ~DR6_BREAKPOINTS;
  vcpu.dr6 = kept | (conditions & (DR6_BREAKPOINTS | DR6_STICKY));
  vcpu.write(STATE_DR7, vcpu.read(STATE_DR7) & ~DR7_GD);
  vcpu.write(STATE_DEBUGCTL, vcpu.read(STATE_DEBUGCTL) & ~(DEBUGCTL_LBR | DEBUGCTL_BTF));
  return vcpu.raise(VECTOR_DEBUG, NO_ERROR_CODE);
}
