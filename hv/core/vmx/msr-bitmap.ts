// The MSR bitmap of a VM: which RDMSR and WRMSR do not exit (SDM 3C 25.6.9).

import { IA32_EFER, IA32_PAT, IA32_TIME_STAMP_COUNTER } from "../../x86/msr";
import { FEATURE_OWN_EFER, FEATURE_OWN_PAT, FEATURE_TSC_OFFSET } from "../cpu/features";
import { GuestMsrs } from "../cpu/guest-msrs";
import { EXITS_NONE, EXITS_READ, EXITS_WRITE, MSR_COLUMNS, MSR_POLICY } from "../cpu/msrs";
import { BitmapPage } from "../memory/bitmap-page";

// Each quarter of the page has a bit for each of 8192 MSRs: reads of the low and the high ones, then writes.
const QUARTER: u32 = 8192;
const HIGH_FIRST: u32 = 0xc0000000;
const WRITES: u32 = 2 * QUARTER;

/** Fills `page` in for a guest with these MSRs; `features` are those of its vCPU. */
export function writeMsrBitmap(page: usize, msrs: GuestMsrs, features: u32): void {
  const bitmap = new BitmapPage(page);
  for (let i: u32 = 0; i < <u32>MSR_POLICY.length; i += MSR_COLUMNS) {
    const exits = <u32>MSR_POLICY[i + 6];
    const last = <u32>MSR_POLICY[i + 1];
    if (!msrs.isThere(<u32>MSR_POLICY[i + 5])) continue;
    for (let msr = <u32>MSR_POLICY[i]; msr <= last; msr++) {
      if (!isGuestsOwn(msr, features)) continue;
      const bit = msr < HIGH_FIRST ? msr : msr - HIGH_FIRST + QUARTER;
      if (exits == EXITS_NONE || exits == EXITS_WRITE) bitmap.clear(bit);
      if (exits == EXITS_NONE || exits == EXITS_READ) bitmap.clear(bit + WRITES);
    }
  }
}

/** Whether the processor holds the guest's value while the guest runs, with these features. */
function isGuestsOwn(msr: u32, features: u32): bool {
  if (msr == IA32_EFER) return (features & FEATURE_OWN_EFER) != 0;
  if (msr == IA32_PAT) return (features & FEATURE_OWN_PAT) != 0;
  return msr != IA32_TIME_STAMP_COUNTER || (features & FEATURE_TSC_OFFSET) != 0;
}
