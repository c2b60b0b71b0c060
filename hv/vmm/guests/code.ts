// The code of the built-in guests. test/unit/vmm/guest-code.test.ts holds the bytes against ndisasm.

import { GUEST_COUNT, GUEST_HYPERCALL, GUEST_MMIO, GUEST_PORT, GUEST_RDMSR, TOUCHED_BYTES } from "../../shared/guests";
import { Registers, AMD_HYPERCALL_BYTE } from "../../shared/vcpu-page";
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
/** mov edi, 0xf0000000; mov [rdi + 8], eax; dec r8; jnz to the store. */
const WRITE_MEMORY: StaticArray<u8> = [0xbf, 0x00, 0x00, 0x00, 0xf0, 0x89, 0x47, 0x08, 0x49, 0xff, 0xc8, 0x75, 0xf8];
/** xor eax, eax; vmcall. */
const END: StaticArray<u8> = [0x31, 0xc0, 0x0f, 0x01, 0xc1];

/** mov [rdi], dil; add rdi, rsi; dec r8; jnz to the start; vmcall. Four instructions an iteration. */
const TOUCH: StaticArray<u8> = [0x40, 0x88, 0x3f, 0x48, 0x01, 0xf7, 0x49, 0xff, 0xc8, 0x75, 0xf5, 0x0f, 0x01, 0xc1];

/** xor eax, eax; repe scasq; jne to the ud2; vmcall; ud2. */
const ZEROES: StaticArray<u8> = [0x31, 0xc0, 0xf3, 0x48, 0xaf, 0x75, 0x03, 0x0f, 0x01, 0xc1, 0x0f, 0x0b];

/** lodsb; xor al, 0x5a; stosb; loop to the start; jmp rbx. */
const UNPACK: StaticArray<u8> = [0xac, 0x34, 0x5a, 0xaa, 0xe2, 0xfa, 0xff, 0xe3];
/** What it unpacks, each byte XORed with 0x5a: mov eax, 42; vmcall. */
const PACKED: StaticArray<u8> = [0xe2, 0x70, 0x5a, 0x5a, 0x5a, 0x55, 0x5b, 0x9b];
/** Where it unpacks to: a page of its own. */
const UNPACKED: u64 = 0x30000;

/**
 * jmp to itself: no instruction of it exits. It takes interrupts: in Bochs a guest that does not would stop a KVM below Basalt,
 * for which an interrupt then makes no exit.
 */
const LOOP: StaticArray<u8> = [0xeb, 0xfe];

// VMCALL as a number, and as PACKED has it.
const THREE_BYTES: u64 = 0xffffff;
const PLAIN_HYPERCALL: u64 = 0xc1010f;
const PACKING: u32 = 0x5a;
const PACKED_HYPERCALL: u64 = 0x9b5b55;

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

/** The hypercall, as it is and packed, in all of the code that begins at `code`, becomes AMD's VMMCALL. */
export function useAmdHypercall(ram: Ram, code: u64): void {
  for (let address = code; address < code + 2 * PAGE_BYTES; address++) {
    const bytes = ram.readU64(address) & THREE_BYTES;
    if (bytes == PLAIN_HYPERCALL) ram.writeLow(address + 2, 1, AMD_HYPERCALL_BYTE);
    if (bytes == PACKED_HYPERCALL) ram.writeLow(address + 2, 1, AMD_HYPERCALL_BYTE ^ PACKING);
  }
}

/** Unpacks code into the page at UNPACKED, as a program that hides itself does, and jumps to it. */
export function unpackGuest(ram: Ram, code: u64, registers: Registers): u32 {
  registers.rsi = code + PAGE_BYTES;
  registers.rdi = UNPACKED;
  registers.rbx = UNPACKED;
  registers.rcx = PACKED.length;
  const status = ram.write(registers.rsi, PACKED);
  return status == RAM_OK ? ram.write(code, UNPACK) : status;
}
