// Failures on purpose (boot option `fail=`), so that what a user sees of one can be seen and tested.

import { EPT_POINTER, GUEST_GS_ACCESS_RIGHTS, GUEST_GS_LIMIT } from "../../x86/vmcs-fields";
import {
  FAIL_ASSERTION,
  FAIL_BOUNDS,
  FAIL_ENTRY_CONTROLS,
  FAIL_ENTRY_STATE,
  FAIL_EXCEPTION,
  FAIL_STACK,
} from "../boot/options";
import { rdtsc, vmread, vmwrite, writeCr4 } from "../hardware";

/** CR4 with every reserved bit: #GP. */
const RESERVED_BITS: u64 = 0xffffffffffffffff;

/** Does what the option asks for; returns only if that is nothing. */
export function failOnPurpose(fail: u32): void {
  assert(fail != FAIL_ASSERTION, "this assertion fails because the boot option fail=assertion asks for it");
  if (fail == FAIL_EXCEPTION) writeCr4(RESERVED_BITS);
  if (fail == FAIL_STACK) recurse(0);
  if (fail == FAIL_BOUNDS) beyondMemory();
}

/** Beyond MAXPHYADDR on any processor of today. */
const ADDRESS_BIT_51: u64 = 0x8000000000000;

/** Spoils the current VMCS, which is ready for its first entry, as the option asks. The CPU must have EPT. */
export function spoilEntry(fail: u32): void {
  if (fail == FAIL_ENTRY_CONTROLS) vmwrite(EPT_POINTER, vmread(EPT_POINTER) | ADDRESS_BIT_51);
  // What is left of GS where its fields are never written: usable, with type, S and P of 0.
  if (fail != FAIL_ENTRY_STATE) return;
  vmwrite(GUEST_GS_ACCESS_RIGHTS, 0);
  vmwrite(GUEST_GS_LIMIT, 0);
}

/** The counter never reads 0; the condition and the sum keep compilers from seeing the end, or making a loop of it. */
function recurse(depth: u64): u64 {
  return rdtsc() == 0 ? depth : recurse(depth + 1) + rdtsc();
}

@unmanaged
class Anything {
  value: u64;
}

/** 2 GiB is beyond core's memory and within its reservation. */
function beyondMemory(): void {
  changetype<Anything>(0x80000000).value = 1;
}
