// Faults of a vmm on purpose (guests fault-*): each must end its VM, with a report, and nothing else.

import {
  GUEST_FAULT_ASSERT,
  GUEST_FAULT_BOUNDS,
  GUEST_FAULT_LOOP,
  GUEST_FAULT_STACK,
  GUEST_FAULT_UNREACHABLE,
} from "../../shared/guests";
import { clock } from "../host";

@unmanaged
class Anything {
  value: u64;
}

/** The last page of the 32-bit address space is beyond every Wasm memory of 65,535 pages. */
const BEYOND_MEMORY: u32 = 0xfffffff0;

/** Does what `guest` is named after; does not return. */
export function commitFault(guest: u32): void {
  // First, because gcc joins what is alike: behind `unreachable` the two would have one place in the image.
  assert(guest != GUEST_FAULT_ASSERT, "this assertion fails because the guest is fault-assert");
  if (guest == GUEST_FAULT_BOUNDS) readBeyondMemory();
  if (guest == GUEST_FAULT_UNREACHABLE) unreachable();
  if (guest == GUEST_FAULT_STACK) recurse(0);
  if (guest == GUEST_FAULT_LOOP) loop();
}

function readBeyondMemory(): void {
  if (changetype<Anything>(BEYOND_MEMORY).value == 1) clock();
}

/** The counter never reads 0; the condition and the sum keep compilers from seeing the end, or making a loop of it. */
function recurse(depth: u64): u64 {
  return clock() == 0 ? depth : recurse(depth + 1) + clock();
}

function loop(): void {
  while (true) continue;
}
