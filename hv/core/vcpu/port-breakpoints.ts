// Breakpoints on ports, which the processor leaves out where the access exits (SDM 3B 17.2.4 and 17.3.1.3).

import { IO_PORT_MASK, IO_PORT_SHIFT, IO_SIZE_MASK } from "../../shared/port-access";
import { CR4_DE } from "../../x86/control-registers";
import { readRegister, REGISTER_DR0 } from "../hardware";
import { STATE_CR4, STATE_DR7 } from "./state";
import { Vcpu } from "./vcpu";

const BREAKPOINTS: u32 = 4;
/** L0 and G0; two bits on for each breakpoint. */
const DR7_ENABLED: u64 = 3;
/** L0 to G3. */
export const DR7_ANY_ENABLED: u64 = 0xff;
/** Where R/W0 and LEN0 lie; four bits on for each breakpoint. */
const DR7_KIND_SHIFT: u32 = 16;
const DR7_KIND_MASK: u64 = 3;
const DR7_KIND_PORT: u64 = 2;

/**
 * Which enabled breakpoints the access to a port meets that `access` describes (hv/shared/port-access.ts): bits B0 to B3 as DR6
 * has them.
 */
export function portBreakpoints(vcpu: Vcpu, access: u64): u64 {
  const dr7 = vcpu.read(STATE_DR7);
  if (!(dr7 & DR7_ANY_ENABLED) || !(vcpu.read(STATE_CR4) & CR4_DE)) return 0;
  const first = (access >> IO_PORT_SHIFT) & IO_PORT_MASK;
  const end = first + (access & IO_SIZE_MASK) + 1;
  let met: u64 = 0;
  for (let n: u32 = 0; n < BREAKPOINTS; n++) {
    if (!((dr7 >> (2 * n)) & DR7_ENABLED)) continue;
    const kind = dr7 >> (DR7_KIND_SHIFT + 4 * n);
    if ((kind & DR7_KIND_MASK) != DR7_KIND_PORT) continue;
    // LEN is the size less one, with 2 for eight bytes, and clears the address's lower bits.
    const length = (kind >> 2) & 3;
    const mask: u64 = length == 2 ? 7 : length;
    const start = readRegister(REGISTER_DR0 + n) & ~mask;
    if (start < end && first <= start + mask) met |= (<u64>1) << n;
  }
  return met;
}
