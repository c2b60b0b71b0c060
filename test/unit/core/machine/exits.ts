// VM exits as scripts give them.
import type { Guest } from "./guest.ts";
import { reason } from "./tables.ts";

/** A #VMEXIT of SVM as the VMCB tells it (APM 2 15.6). */
export interface SvmExit {
  readonly code: number;
  readonly info1?: bigint;
  readonly info2?: bigint;
}

/** One VM exit, in VMX's terms; svm/exit-table.ts says what it is in SVM's. What it leaves out is as the SDM leaves it: qualification 0, an instruction length of no meaning. */
export interface Exit {
  /** The whole exit-reason field: the basic exit reason with its flags. */
  readonly reason: number;
  readonly instructionLength?: number;
  readonly qualification?: bigint;
  /** The guest's RIP at the exit, if it went on since the entry. */
  readonly rip?: bigint;
  readonly registers?: Readonly<Record<string, bigint>>;
  /** Further VMCS fields, by the names of their constants. */
  readonly fields?: Readonly<Record<string, bigint>>;
  /** What SVM makes of it, where a test wants to say so itself. */
  readonly svm?: SvmExit;
}

/** Gives the exits of one vCPU, one for each VM entry, in order. */
export type Script = (guest: Guest) => Iterator<Exit, unknown, undefined>;

/** The exits of a list; another entry after the last one fails the test. */
export function listed(...exits: readonly Exit[]): Script {
  return () => exits[Symbol.iterator]();
}

/** One exit, then those of `rest`. */
export function first(exit: Exit, rest: Script): Script {
  return function* (guest) {
    yield exit;
    yield* { [Symbol.iterator]: () => rest(guest) };
  };
}

export const cpuid: Exit = { reason: reason("EXIT_REASON_CPUID"), instructionLength: 2 };
export const hlt: Exit = { reason: reason("EXIT_REASON_HLT"), instructionLength: 1 };
export const rdmsr: Exit = { reason: reason("EXIT_REASON_RDMSR"), instructionLength: 2 };
export const rdtsc: Exit = { reason: reason("EXIT_REASON_RDTSC"), instructionLength: 2 };
export const vmcall: Exit = { reason: reason("EXIT_REASON_VMCALL"), instructionLength: 3 };
export const externalInterrupt: Exit = { reason: reason("EXIT_REASON_EXTERNAL_INTERRUPT") };
export const tripleFault: Exit = { reason: reason("EXIT_REASON_TRIPLE_FAULT") };
/** Vector 2, type 2, valid; NMIs are blocked until IRET. */
export const nmi: Exit = {
  reason: reason("EXIT_REASON_EXCEPTION_OR_NMI"),
  fields: { VM_EXIT_INTERRUPTION_INFORMATION: 0x80000202n },
};

/** #MC: vector 18, type 3, valid. */
export const machineCheck: Exit = { ...nmi, fields: { VM_EXIT_INTERRUPTION_INFORMATION: 0x80000312n } };

/** IN or OUT of one byte by way of DX (SDM 3C 28.2.1, table 28-5). */
export function io(port: bigint, isIn: boolean): Exit {
  const qualification = (port << 16n) | (isIn ? 8n : 0n);
  return { reason: reason("EXIT_REASON_IO_INSTRUCTION"), instructionLength: 1, qualification };
}
