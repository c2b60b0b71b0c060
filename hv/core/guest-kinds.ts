// The kinds of VM: where a guest's memory comes from, and in which state its vCPU starts.

import { TOUCHED_BYTES } from "../shared/guests";

/** RAM of its own; starts in 64-bit mode with flat segments. */
export const KIND_64_BIT: u32 = 0;
/** RAM of its own; starts in real mode. */
export const KIND_REAL_MODE: u32 = 1;
/** RAM of its own; starts with the controls and the state of a public report of an entry that failed (start-states.ts). */
export const KIND_REPORTED: u32 = 2;
/** Basalt's memory and the running host's state. */
export const KIND_MIRROR: u32 = 3;
/** The same, and RDTSC exits. */
export const KIND_MIRROR_RDTSC: u32 = 4;
/** RAM of its own; starts in 32-bit protected mode, with flat segments and without paging. */
export const KIND_PROTECTED_MODE: u32 = 5;
export const KINDS: i32 = 6;

/** The kind of each built-in guest, by its number (hv/shared/guests.ts). */
export const GUEST_KINDS: StaticArray<u32> = [
  KIND_64_BIT, // hlt
  KIND_64_BIT, // count
  KIND_64_BIT, // fault-bounds
  KIND_64_BIT, // fault-unreachable
  KIND_64_BIT, // fault-stack
  KIND_64_BIT, // fault-loop
  KIND_64_BIT, // fault-assert
  KIND_MIRROR, // mirror
  KIND_MIRROR_RDTSC, // rdtsc
  KIND_REPORTED, // ept
  KIND_REAL_MODE, // real
  KIND_64_BIT, // hypercall
  KIND_64_BIT, // rdmsr
  KIND_64_BIT, // port
  KIND_64_BIT, // mmio
  KIND_PROTECTED_MODE, // module
  KIND_64_BIT, // touch
  KIND_64_BIT, // zeroes
  KIND_64_BIT, // unpack
  KIND_64_BIT, // loop
  KIND_64_BIT, // registers
];

/** Whether a VM of this kind has no memory of its own: its code is Basalt's, and it needs no vmm. */
export function mirrorsHost(kind: u32): bool {
  return kind == KIND_MIRROR || kind == KIND_MIRROR_RDTSC;
}

/** With these guest `touch` has 402 MiB of RAM, of which the first piece holds its code: a machine of 512 MiB has that. */
const MAXIMUM_TOUCHES: u64 = 200;

/** RAM of guest `touch` for a number of iterations; it makes no more of them than this RAM has room for. */
export function touchedRamBytes(iterations: u64): u64 {
  return (min(iterations, MAXIMUM_TOUCHES) + 1) * TOUCHED_BYTES;
}
