// The code of the built-in guests. test/unit/vmm/guest-code.test.ts holds the bytes against ndisasm.

import { Registers } from "../../shared/vcpu-page";
import { Ram, RAM_OK } from "../memory/ram";

const PAGE_BYTES: u64 = 4096;
const HLT: u8 = 0xf4;

/** jmp -4096: from the end of a page to its start. */
const JUMP_TO_PAGE_START: StaticArray<u8> = [0xe9, 0x00, 0xf0, 0xff, 0xff];

/** xor eax, eax; cpuid; dec r8; jnz to the start; vmcall. Four instructions an iteration, one of which exits. */
const COUNT: StaticArray<u8> = [0x31, 0xc0, 0x0f, 0xa2, 0x49, 0xff, 0xc8, 0x75, 0xf7, 0x0f, 0x01, 0xc1];

/** vmcall. */
const HYPERCALL: StaticArray<u8> = [0x0f, 0x01, 0xc1];

/** A page of HLT that ends in a jump back to its start. RAM_OK or RAM_OUT_OF_RANGE, as for those below. */
export function haltGuest(ram: Ram, code: u64): u32 {
  const status = ram.fill(code, HLT, PAGE_BYTES);
  return status == RAM_OK ? ram.write(code + PAGE_BYTES - JUMP_TO_PAGE_START.length, JUMP_TO_PAGE_START) : status;
}

/** CPUID leaf 0, `iterations` times, then a hypercall. */
export function countGuest(ram: Ram, code: u64, registers: Registers, iterations: u64): u32 {
  registers.r8 = iterations;
  return ram.write(code, COUNT);
}

/** One hypercall. */
export function hypercallGuest(ram: Ram, code: u64): u32 {
  return ram.write(code, HYPERCALL);
}
