// The code of the built-in guests. test/unit/vmm/guest-code.test.ts holds the bytes against ndisasm.

import { GUEST_COUNT, GUEST_HYPERCALL, GUEST_MMIO, GUEST_PORT, GUEST_RDMSR } from "../../shared/guests";
import { Registers } from "../../shared/vcpu-page";
import { Ram, RAM_OK } from "../memory/ram";

const PAGE_BYTES: u64 = 4096;
const HLT: u8 = 0xf4;

/** jmp -4096: from the end of a page to its start. */
const JUMP_TO_PAGE_START: StaticArray<u8> = [0xe9, 0x00, 0xf0, 0xff, 0xff];

// The guests that are measured: a loop of `iterations` rounds with one exit each, whose code is at its start or behind what
// is done once; then a hypercall ends them.

/** xor eax, eax; cpuid; dec r8; jnz to the start; then the end. */
const COUNT: StaticArray<u8> = [0x31, 0xc0, 0x0f, 0xa2, 0x49, 0xff, 0xc8, 0x75, 0xf7];
/** mov eax, "BAS" and 1 (hv/core/exits/hypercall.ts); vmcall; dec r8; jnz to the start. */
const HYPERCALLS: StaticArray<u8> = [0xb8, 0x01, 0x53, 0x41, 0x42, 0x0f, 0x01, 0xc1, 0x49, 0xff, 0xc8, 0x75, 0xf3];
/** mov ecx, IA32_MISC_ENABLE; rdmsr; dec r8; jnz to the rdmsr. */
const READ_MSR: StaticArray<u8> = [0xb9, 0xa0, 0x01, 0x00, 0x00, 0x0f, 0x32, 0x49, 0xff, 0xc8, 0x75, 0xf9];
/** mov edx, 0x3f8; mov eax, carriage return; out dx, al; dec r8; jnz to the out. */
const WRITE_PORT: StaticArray<u8> = [
  0xba, 0xf8, 0x03, 0x00, 0x00, 0xb8, 0x0d, 0x00, 0x00, 0x00, 0xee, 0x49, 0xff, 0xc8, 0x75, 0xfa,
];
/** mov edi, 0xd0000000; mov [rdi + 8], eax; dec r8; jnz to the store. */
const WRITE_MEMORY: StaticArray<u8> = [0xbf, 0x00, 0x00, 0x00, 0xd0, 0x89, 0x47, 0x08, 0x49, 0xff, 0xc8, 0x75, 0xf8];
/** xor eax, eax; vmcall. */
const END: StaticArray<u8> = [0x31, 0xc0, 0x0f, 0x01, 0xc1];

/** jmp to itself: no instruction of it exits. */
const LOOP: StaticArray<u8> = [0xeb, 0xfe];

/** vmcall. */
const HYPERCALL: StaticArray<u8> = [0x0f, 0x01, 0xc1];

/** A page of HLT that ends in a jump back to its start. RAM_OK or RAM_OUT_OF_RANGE, as for those below. */
export function haltGuest(ram: Ram, code: u64): u32 {
  const status = ram.fill(code, HLT, PAGE_BYTES);
  return status == RAM_OK ? ram.write(code + PAGE_BYTES - JUMP_TO_PAGE_START.length, JUMP_TO_PAGE_START) : status;
}

/** The code of one of the guests that are measured; null for any other. */
export function measuredCode(guest: u32): StaticArray<u8> | null {
  if (guest == GUEST_COUNT) return COUNT;
  if (guest == GUEST_HYPERCALL) return HYPERCALLS;
  if (guest == GUEST_RDMSR) return READ_MSR;
  if (guest == GUEST_PORT) return WRITE_PORT;
  return guest == GUEST_MMIO ? WRITE_MEMORY : null;
}

/** One exit a round, `iterations` times, then a hypercall. */
export function measuredGuest(ram: Ram, code: u64, loop: StaticArray<u8>, registers: Registers, iterations: u64): u32 {
  registers.r8 = iterations;
  const status = ram.write(code, loop);
  return status == RAM_OK ? ram.write(code + loop.length, END) : status;
}

/** An endless loop. */
export function loopGuest(ram: Ram, code: u64): u32 {
  return ram.write(code, LOOP);
}

/** One hypercall. */
export function hypercallGuest(ram: Ram, code: u64): u32 {
  return ram.write(code, HYPERCALL);
}
