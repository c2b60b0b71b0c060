// The vCPU page: what core and a vmm tell each other about one vCPU. It is mapped into both memories.

/** Where the vCPU page lies in a vmm's memory. */
export const VCPU_PAGE_IN_VMM: u32 = 0xfffe0000;

/** The rest of the CPU's state, which core fills in where the vmm needs it (SEGMENTS_OFFSET: 8 x SegmentState). */
export const CPU_STATE_OFFSET: u32 = 0x200;
export const SEGMENTS_OFFSET: u32 = 0x300;
export const SEGMENT_STATE_BYTES: u32 = 24;

/** The general-purpose registers end the page, in the order of their encodings; boot/vm_entry.asm saves them there. */
export const REGISTERS_OFFSET: u32 = 4096 - 16 * 8;
/** Text that the vmm writes for the console: ASCII, no more than CONSOLE_CAPACITY bytes. */
export const CONSOLE_OFFSET: u32 = 0x400;
export const CONSOLE_CAPACITY: u32 = 320;

/** The command line of a guest that is a boot module, by core: no more than COMMAND_LINE_CAPACITY bytes, no zero behind. */
export const COMMAND_LINE_OFFSET: u32 = 0x600;
export const COMMAND_LINE_CAPACITY: u32 = 2048;
/** From here on of a vmm's memory core maps the boot module that is its guest, if it is one, read-only. */
export const MODULE_IN_VMM: u32 = 0xd0000000;

// Why the vmm is asked, whatever the vendor's name for it: VcpuPage.exitKind.
/** IN or OUT; `access` in the form of port-access.ts. */
export const EXIT_PORT: u32 = 0;
/** INS or OUTS; `access` as above, and CpuState. */
export const EXIT_STRING_PORT: u32 = 1;
/** An access to guest-physical `gpa` that is no RAM; `access` of ACCESS_*, and CpuState. */
export const EXIT_MEMORY: u32 = 2;
/** A hypercall: VMCALL or VMMCALL. */
export const EXIT_HYPERCALL: u32 = 3;
/**
 * A HLT with nothing that ends it yet; `access` is not 0 while the guest takes interrupts. The vmm answers ANSWER_RESUME where an
 * interrupt may come, else ANSWER_GUEST_ENDED.
 */
export const EXIT_HALT: u32 = 4;
/** A task switch; `access` in the form of task-switch.ts, and CpuState. */
export const EXIT_TASK_SWITCH: u32 = 5;
/**
 * As EXIT_MEMORY, and asked before it: of CpuState only what fetching needs is filled in (`rip`, `cr3`, `cr4`, `efer`, `cpl`
 * and CS's rights), and RSP is not. The vmm carries a MOV out and answers ANSWER_EMULATED, or has done nothing and answers
 * ANSWER_STATE_NEEDED.
 */
export const EXIT_MEMORY_MOVE: u32 = 6;

/**
 * Where the instruction at RIP ends, as the processor did not tell it; CpuState. The vmm answers ANSWER_NEXT_INSTRUCTION with
 * `instructionLength` and `recordedPlaces`.
 */
export const EXIT_INSTRUCTION: u32 = 7;

/**
 * RDMSR or WRMSR of an MSR that is the machine's; `access` is its number, with MSR_IS_WRITE for WRMSR, whose value is
 * `ioValue`; the vmm answers ANSWER_NEXT_INSTRUCTION, for RDMSR with `ioValue`, or ANSWER_FAULT.
 */
export const EXIT_MSR: u32 = 8;
/** `wakeAt` is over, or an interrupt with INTERRUPT_TELLS has been delivered: no instruction is answered. */
export const EXIT_ALARM: u32 = 9;
/** Bytes were typed for the guest's console: no instruction is answered. */
export const EXIT_INPUT: u32 = 10;

/** MOV to or from CR8; `access` is the value, with TASK_PRIORITY_IS_READ to read it into `ioValue`. No instruction is answered. */
export const EXIT_TASK_PRIORITY: u32 = 11;
export const TASK_PRIORITY_IS_READ: u64 = 1 << 8;

/** A bit of VcpuPage.access with EXIT_MSR. */
export const MSR_IS_WRITE: u64 = (<u64>1) << 32;

// How memory was accessed: bits of VcpuPage.access with EXIT_MEMORY and EXIT_MEMORY_MOVE.
export const ACCESS_READ: u64 = 1;
export const ACCESS_WRITE: u64 = 2;
export const ACCESS_FETCH: u64 = 4;
/** The access was to a paging structure (or its A/D flags) while an address was translated, not to the operand. */
export const ACCESS_OF_PAGING: u64 = 8;
/** VcpuPage.linearAddress is that of the access. */
export const ACCESS_HAS_LINEAR: u64 = 16;

/** What a vmm answers to `reset` and `exit`. */
export const ANSWER_RESUME: u32 = 0;
/** Advance RIP past the instruction that exited, then resume. */
export const ANSWER_NEXT_INSTRUCTION: u32 = 1;
/** The guest has ended as it should. */
export const ANSWER_GUEST_ENDED: u32 = 2;
/** The vmm does not know what the guest wants. */
export const ANSWER_NOT_HANDLED: u32 = 3;
/** As ANSWER_NEXT_INSTRUCTION, with VcpuPage.instructionLength by the vmm, and with the arithmetic flags of CpuState.rflags. */
export const ANSWER_EMULATED: u32 = 4;
/** Deliver the exception in VcpuPage.faultVector, faultErrorCode and (for #PF) faultAddress; RIP stays. */
export const ANSWER_FAULT: u32 = 5;
/** A task switch is done: all of CpuState, the segments and the registers are to be loaded. */
export const ANSWER_LOAD_STATE: u32 = 6;

/** The guest has ended itself, with VcpuPage.exitValue. */
export const ANSWER_GUEST_EXITED: u32 = 7;
/** To EXIT_MEMORY_MOVE only: ask again, as EXIT_MEMORY. */
export const ANSWER_STATE_NEEDED: u32 = 8;

/** The start of the vCPU page. Each field has one writer: core or the vmm. */
@unmanaged
export class VcpuPage {
  // Written by core at an exit that goes to the vmm.
  /** One of EXIT_*. */
  exitKind: u32;
  /** Bytes of the instruction; 0 where the CPU does not tell, and then the vmm sets it (ANSWER_EMULATED). */
  instructionLength: u32;
  /** What the kind says it is. */
  access: u64;
  gpa: u64;
  linearAddress: u64;

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
  /** What `reset` asks for; the rest of the start state is that of the guest's kind (hv/core/vcpu/start-states.ts). */
  startRip: u64;
  startRsp: u64;
  startCr3: u64;
  /** What an IN reads, as many of the low bits as it has. */
  ioValue: u64;
  faultAddress: u64;
  faultVector: u32;
  /** NO_ERROR_CODE where the exception has none. */
  faultErrorCode: u32;

  // Written by core before `create`, for a guest that is a boot module.
  /** The module's bytes lie here in the vmm's memory. */
  moduleAddress: u32;
  moduleBytes: u32;
  /** Bytes of the command line at COMMAND_LINE_OFFSET. */
  commandLineBytes: u32;

  // Written by the vmm.
  /** 1: the text at CONSOLE_OFFSET is for log level debug; core sets this to 0, too. */
  consoleIsDebug: u32;
  /** With ANSWER_GUEST_EXITED: the guest's own word for how it ended, 0 if all was well. */
  exitValue: u32;
  /** REQUEST_*, or 0; core takes it after each call, and sets it to 0. */
  eventRequest: u32;
  /** How many RecordedPlace there are at INSTRUCTION_RECORD_OFFSET (instruction-record.ts), or 0. */
  recordedPlaces: u32;
  /** To EXIT_INSTRUCTION: the general-purpose register of a MOV to or from a control register, by its number. */
  decodedRegister: u32;
  /** The same, of LMSW: its operand of 16 bits; NO_OPERAND_READ for what is no LMSW. */
  machineStatusWord: u32;

  // Written by core before `create`.
  /** 1: `linearAddress` with EXIT_MEMORY_MOVE is `gpa`, as the processor tells no linear address. */
  hidesLinearAddress: u32;
  /** The third byte of the hypercall: INTEL_HYPERCALL_BYTE or AMD_HYPERCALL_BYTE, behind 0F and 01. */
  hypercallByte: u32;
  /** Of the host's time-stamp counter, which `clock` reads; at least 1. */
  tscKilohertz: u32;

  // Written by core before `create`, for a guest that is a boot module: further modules, 0 bytes where there is none.
  initrdAddress: u32;
  initrdBytes: u32;
  /** The disk's contents: memory that nobody else has, and that the vmm may write unless `diskIsReadOnly`. */
  diskAddress: u32;
  diskBytes: u32;
  diskIsReadOnly: u32;

  // Written by core whenever it changes.
  /** The guest's time-stamp counter less the host's. */
  tscOffset: u64;

  // Written by the vmm, which adds ANSWER_AND_REQUEST when one of the two has changed.
  /** The value of the host's time-stamp counter from which on the vmm is to be asked EXIT_ALARM; all ones: none. */
  wakeAt: u64;
  /** INTERRUPT_WAITS and the vector that is to be delivered as soon as the guest takes interrupts, or 0. */
  waitingInterrupt: u32;

  /**
   * Written by core when it has delivered `waitingInterrupt`, which it sets to 0: the same value, which is the processor's
   * acknowledgement to the interrupt controller. The vmm sets it to 0.
   */
  acknowledgedInterrupt: u32;

  // Written by core with EXIT_INPUT: how many bytes at INPUT_OFFSET were typed; the vmm sets how many of them it took.
  inputLength: u32;

  // Written by `reset`.
  /** One of START_*; only a guest that is a boot module has a choice. */
  startMode: u32;
  /** With START_64_BIT: the GDT that the vmm has written to guest RAM. */
  startGdtrBase: u32;
  startGdtrLimit: u32;

  // Written by core before `create`, for a guest that is a boot module.
  /** 1: the module is a flat binary, whatever its bytes look like. */
  moduleIsFlat: u32;

  // Written by core before `create`: 256 bits that nobody can guess, for the vmm's random numbers.
  seed0: u64;
  seed1: u64;
  seed2: u64;
  seed3: u64;
  /** The time when the VM begins, in seconds since 1970. */
  startSeconds: u64;

  // Written by core before `create`.
  /** 1: the guest's console shows what it prints as it is, unfinished lines too. */
  hasRawConsole: u32;

  // Written by the vmm.
  /** 1: the text at CONSOLE_OFFSET is what the guest printed in a raw console; core sets this to 0, as `consoleIsDebug`. */
  consoleIsRaw: u32;

  /** Where the vmm saves its state and restores it from: numbers of 64 bits in its memory. */
  stateAddress: u32;

  // Written by `save`, and by who calls `restore`.
  /** How many numbers there are, STATE_NUMBERS at most. */
  stateLength: u32;
}

/** A vmm's state has no more numbers. */
export const STATE_NUMBERS: u32 = 4096;

// In which state the vCPU starts: VcpuPage.startMode.
/** As the guest's kind says. */
export const START_AS_KIND: u32 = 0;
/** 64-bit mode as Linux's boot protocol has it: CS 0x10, the others 0x18, IF = 0, and GDTR as the page says. */
export const START_64_BIT: u32 = 1;
/** 32-bit protected mode with flat segments, without paging, and with IF = 0. */
export const START_PROTECTED_MODE: u32 = 2;
export const START_MODES: u32 = 3;

/** What was typed for the guest's console, INPUT_CAPACITY bytes at most. */
export const INPUT_OFFSET: u32 = 0x580;
export const INPUT_CAPACITY: u32 = 16;

/** In `waitingInterrupt` and `acknowledgedInterrupt`: bits 7:0 are a vector. */
export const INTERRUPT_WAITS: u32 = 1 << 8;
/** Added to `waitingInterrupt`: the vmm is to be asked EXIT_ALARM at once when it has been delivered, as another may follow. */
export const INTERRUPT_TELLS: u32 = 1 << 9;

/** The guest has reset its machine: `reset` is to be called again, and the vCPU to start anew. */
export const ANSWER_GUEST_RESET: u32 = 9;
/** The guest has switched its machine off. */
export const ANSWER_GUEST_OFF: u32 = 10;

/** Added to any answer: `eventRequest`, `waitingInterrupt` or `wakeAt` has changed. */
export const ANSWER_AND_REQUEST: u32 = 1 << 8;

/** Added to any answer: there is text for the console. */
export const ANSWER_AND_TEXT: u32 = 1 << 9;

// What a vmm asks for in `eventRequest`.
export const REQUEST_NMI: u32 = 1 << 9;

/** VMCALL of Intel's processors, and VMMCALL of AMD's. */
export const INTEL_HYPERCALL_BYTE: u32 = 0xc1;
export const AMD_HYPERCALL_BYTE: u32 = 0xd9;

/** For VcpuPage.machineStatusWord. */
export const NO_OPERAND_READ: u32 = 0xffffffff;

export const NO_ERROR_CODE: u32 = 0xffffffff;

/**
 * The guest's state beside its general-purpose registers, at CPU_STATE_OFFSET: valid for exits with the kind EXIT_MEMORY,
 * EXIT_STRING_PORT or EXIT_TASK_SWITCH. In 64-bit mode, of the segments only CS, SS, FS and GS are filled in.
 */
@unmanaged
export class CpuState {
  rip: u64;
  rflags: u64;
  cr0: u64;
  cr3: u64;
  cr4: u64;
  efer: u64;
  /** With PAE paging: the PDPTE registers, which the guest's writes to memory do not change (SDM 3A 4.4.1). */
  pdpte0: u64;
  pdpte1: u64;
  pdpte2: u64;
  pdpte3: u64;
  gdtrBase: u64;
  idtrBase: u64;
  gdtrLimit: u32;
  idtrLimit: u32;
  /** Current privilege level, 0 to 3. */
  cpl: u32;
  /** MAXPHYADDR as the guest's CPUID tells it. */
  physicalAddressBits: u32;
}

/** A segment register, ES, CS, SS, DS, FS, GS, LDTR or TR by its place at SEGMENTS_OFFSET. */
@unmanaged
export class SegmentState {
  base: u64;
  limit: u32;
  /** In the form of hv/x86/segments.ts, ACCESS_RIGHTS_UNUSABLE among it. */
  accessRights: u32;
  selector: u32;
  reserved: u32;
}

/**
 * The general-purpose registers in the order of their encodings. RSP's place is filled in where CpuState is, and read back
 * after such an exit.
 */
@unmanaged
export class Registers {
  rax: u64;
  rcx: u64;
  rdx: u64;
  rbx: u64;
  rsp: u64;
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
