// VM exits as scripts give them, and the scripts for Basalt's built-in guests.
import { EptViolation, GuestException, type Guest } from "./guest.ts";
import { reason } from "./tables.ts";

/** One VM exit. What it leaves out is as the SDM leaves it: qualification 0, an instruction length of no meaning. */
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
export const vmcall: Exit = { reason: reason("EXIT_REASON_VMCALL"), instructionLength: 3 };
export const externalInterrupt: Exit = { reason: reason("EXIT_REASON_EXTERNAL_INTERRUPT") };
export const tripleFault: Exit = { reason: reason("EXIT_REASON_TRIPLE_FAULT") };
/** Vector 2, type 2, valid; NMIs are blocked until IRET. */
export const nmi: Exit = {
  reason: reason("EXIT_REASON_EXCEPTION_OR_NMI"),
  fields: { VM_EXIT_INTERRUPTION_INFORMATION: 0x80000202n },
};

/**
 * Executes the guest's own instructions, as far as the built-in guests have them, fetched through its page tables and
 * the EPT. What it cannot fetch is an EPT violation or a triple fault.
 */
export const interpreted: Script = (guest) => interruptedAt([])(guest);

/** As `interpreted`, but where row n of `rips` is not null, the exit of entry n is an external interrupt at that RIP. */
export function interruptedAt(rips: readonly (bigint | null)[]): Script {
  return function* (guest) {
    for (let entry = 0; ; entry++) yield nextExit(guest, rips[entry] ?? null);
  };
}

function nextExit(guest: Guest, interruptAt: bigint | null): Exit {
  try {
    return interpret(guest, interruptAt);
  } catch (error) {
    if (error instanceof GuestException) return tripleFault;
    if (!(error instanceof EptViolation)) throw error;
    const fields = { GUEST_PHYSICAL_ADDRESS: error.physical, GUEST_LINEAR_ADDRESS: error.linear };
    return { reason: reason("EXIT_REASON_EPT_VIOLATION"), qualification: error.qualification, fields };
  }
}

const MASK = 0xffffffffffffffffn;

/** Runs until an instruction exits, or until RIP is at `interruptAt`; RIP stands there then. */
function interpret(guest: Guest, interruptAt: bigint | null): Exit {
  while (guest.rip !== interruptAt) {
    const code = (length: number): Buffer => Buffer.from(guest.fetch(guest.rip, length));
    const first = code(1)[0];
    if (first === 0xf4) return hlt;
    const word = code(2).toString("hex");
    if (word === "0fa2") return cpuid;
    if (word === "0f01" && code(3)[2] === 0xc1) return vmcall;
    if (word === "31c0") {
      guest.registers.set("rax", 0n);
      guest.zeroFlag = true;
      guest.rip += 2n;
    } else if (word === "49ff" && code(3)[2] === 0xc8) {
      const value = (guest.registers.get("r8") - 1n) & MASK;
      guest.registers.set("r8", value);
      guest.zeroFlag = value === 0n;
      guest.rip += 3n;
    } else if (first === 0x75) {
      guest.rip += 2n + (guest.zeroFlag ? 0n : BigInt(code(2).readInt8(1)));
    } else if (first === 0xe9) {
      guest.rip += 5n + BigInt(code(5).readInt32LE(1));
    } else {
      throw new Error(`the built-in guests have no instruction ${word}: teach it to the interpreter`);
    }
  }
  return externalInterrupt;
}
