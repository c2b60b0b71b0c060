// Failures on purpose (boot option `fail=`), so that what a user sees of one can be seen and tested.

import { FAIL_ASSERTION, FAIL_BOUNDS, FAIL_EXCEPTION, FAIL_STACK } from "../boot/options";
import { rdtsc, REGISTER_CR4, writeRegister } from "../hardware";

/** CR4 with every reserved bit: #GP. */
const RESERVED_BITS: u64 = 0xffffffffffffffff;

/** Does what the option asks for; returns only if that is nothing. */
export function failOnPurpose(fail: u32): void {
  assert(fail != FAIL_ASSERTION, "this assertion fails because the boot option fail=assertion asks for it");
  if (fail == FAIL_EXCEPTION) writeRegister(REGISTER_CR4, RESERVED_BITS);
  if (fail == FAIL_STACK) recurse(0);
  if (fail == FAIL_BOUNDS) beyondMemory();
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
