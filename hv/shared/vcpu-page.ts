// The vCPU page: what core and a vmm tell each other about one vCPU. It is mapped into both memories.

/** Where the vCPU page lies in a vmm's memory. */
export const VCPU_PAGE_IN_VMM: u32 = 0xfffe0000;

/** The general-purpose registers end the page, in the order of their encodings; boot/vmx.asm saves them there. */
export const REGISTERS_OFFSET: u32 = 4096 - 16 * 8;
/** Text that the vmm writes for the console: ASCII, no more than CONSOLE_CAPACITY bytes. */
export const CONSOLE_OFFSET: u32 = 0x400;
export const CONSOLE_CAPACITY: u32 = 320;

/** What a vmm answers to `reset` and `exit`. */
export const ANSWER_RESUME: u32 = 0;
/** Advance RIP past the instruction that exited, then resume. */
export const ANSWER_NEXT_INSTRUCTION: u32 = 1;
/** The guest has ended as it should. */
export const ANSWER_GUEST_ENDED: u32 = 2;
/** The vmm does not know what the guest wants. */
export const ANSWER_NOT_HANDLED: u32 = 3;

/** The start of the vCPU page. Each field has one writer: core or the vmm. */
@unmanaged
export class VcpuPage {
  // Written by core at an exit that goes to the vmm; sections of the Intel SDM 3C 25.9.
  exitReason: u32;
  instructionLength: u32;
  exitQualification: u64;

  // Written by core before `create`.
  /** Guest RAM is [0, ramBytes). */
  ramBytes: u64;
  /** How often a guest that counts does what it does. */
  iterations: u64;
  /** One of hv/shared/guests.ts. */
  guest: u32;

  // Written by the vmm.
  /** Bytes of text at CONSOLE_OFFSET; core prints them after each call and sets this to 0. */
  consoleLength: u32;
  /** What `reset` asks for; the rest of the start state is that of the guest's kind (hv/core/vmx/start-states.ts). */
  startRip: u64;
  startRsp: u64;
  startCr3: u64;
  /** What an IN reads, as many of the low bits as it has. */
  ioValue: u64;
}

/** The general-purpose registers; RSP lives in the VMCS and its place is unused. */
@unmanaged
export class Registers {
  rax: u64;
  rcx: u64;
  rdx: u64;
  rbx: u64;
  unusedRsp: u64;
  rbp: u64;
  rsi: u64;
  rdi: u64;
  r8: u64;
  r9: u64;
  r10: u64;
  r11: u64;
  r12: u64;
  r13: u64;
  r14: u64;
  r15: u64;
}
