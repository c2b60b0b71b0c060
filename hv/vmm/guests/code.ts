// The code of the built-in guests. test/unit/vmm/guest-code.test.ts holds the bytes against ndisasm.

import { TOUCHED_BYTES } from "../../shared/guests";
import { Registers } from "../../shared/vcpu-page";
import { Ram, RAM_OK } from "../memory/ram";

const PAGE_BYTES: u64 = 4096;
const HLT: u8 = 0xf4;

/** jmp -4096: from the end of a page to its start. */
const JUMP_TO_PAGE_START: StaticArray<u8> = [0xe9, 0x00, 0xf0, 0xff, 0xff];

/** xor eax, eax; cpuid; dec r8; jnz to the start; vmcall. Four instructions an iteration, one of which exits. */
const COUNT: StaticArray<u8> = [0x31, 0xc0, 0x0f, 0xa2, 0x49, 0xff, 0xc8, 0x75, 0xf7, 0x0f, 0x01, 0xc1];

/** mov [rdi], dil; add rdi, rsi; dec r8; jnz to the start; vmcall. Four instructions an iteration. */
const TOUCH: StaticArray<u8> = [0x40, 0x88, 0x3f, 0x48, 0x01, 0xf7, 0x49, 0xff, 0xc8, 0x75, 0xf5, 0x0f, 0x01, 0xc1];

/** xor eax, eax; repe scasq; jne to the ud2; vmcall; ud2. */
const ZEROES: StaticArray<u8> = [0x31, 0xc0, 0xf3, 0x48, 0xaf, 0x75, 0x03, 0x0f, 0x01, 0xc1, 0x0f, 0x0b];

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

/** Writes a byte to each TOUCHED_BYTES of RAM but the first, in order, then a hypercall. */
export function touchGuest(ram: Ram, code: u64, registers: Registers): u32 {
  registers.rdi = TOUCHED_BYTES;
  registers.rsi = TOUCHED_BYTES;
  registers.r8 = ram.bytes / TOUCHED_BYTES - 1;
  return ram.write(code, TOUCH);
}

/** Reads all of RAM behind the code, and makes a hypercall if all of it is 0; else #UD, for which it has no IDT. */
export function zeroesGuest(ram: Ram, code: u64, registers: Registers): u32 {
  const start = code + PAGE_BYTES;
  registers.rdi = start;
  registers.rcx = (ram.bytes - start) / 8;
  return ram.write(code, ZEROES);
}
