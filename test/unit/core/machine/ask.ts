// Asks core about one instruction after another of a guest: what the guest finds behind each.
import assert from "node:assert/strict";
import { assertEnd } from "../assertions.ts";
import { vmcall, type Exit } from "./exits.ts";
import type { Guest } from "./guest.ts";
import { boot, type MachineOptions, type Run } from "./machine.ts";
import { field, reason } from "./tables.ts";

/** What came of an instruction that exited: it was done, or raised a fault. */
export interface Answer {
  /** "done", or a fault as "#GP(0)". */
  readonly outcome: string;
  readonly eax: bigint;
  readonly ebx: bigint;
  readonly ecx: bigint;
  readonly edx: bigint;
  /** EDX:EAX. */
  readonly value: bigint;
}

type Turns<Result> = Generator<Exit, Result, undefined>;

export class Asker {
  readonly guest: Guest;

  constructor(guest: Guest) {
    this.guest = guest;
  }

  read(name: string): bigint {
    return this.guest.vmcs.read(field(name));
  }
  write(name: string, value: bigint): void {
    this.guest.vmcs.set(name, value);
  }

  /** Has the exit happen, and tells what core did about it. */
  *exit(exit: Exit): Turns<Answer> {
    const rip = this.guest.rip;
    yield exit;
    const event = this.read("VM_ENTRY_INTERRUPTION_INFORMATION");
    const isFault = (event >> 31n) & 1n;
    const advanced = this.guest.rip - rip;
    assert.equal(advanced, isFault ? 0n : BigInt(exit.instructionLength ?? 0), "RIP and the fault agree");
    const register = (name: string): bigint => this.guest.registers.get(name);
    const [eax, ebx, ecx, edx] = ["rax", "rbx", "rcx", "rdx"].map(register) as [bigint, bigint, bigint, bigint];
    return { outcome: isFault ? this.#fault(event) : "done", eax, ebx, ecx, edx, value: (edx << 32n) | eax };
  }

  #fault(event: bigint): string {
    const name = new Map([
      [6n, "#UD"],
      [13n, "#GP"],
    ]).get(event & 0xffn);
    assert.equal(event & 0x700n, 0x300n, "a hardware exception");
    const hasErrorCode = ((event >> 11n) & 1n) !== 0n;
    return `${name}${hasErrorCode ? `(${this.read("VM_ENTRY_EXCEPTION_ERROR_CODE")})` : ""}`;
  }

  *cpuid(leaf: number, subleaf = 0): Turns<readonly number[]> {
    const registers = { rax: BigInt(leaf >>> 0), rcx: BigInt(subleaf) };
    const answer = yield* this.exit({ reason: reason("EXIT_REASON_CPUID"), instructionLength: 2, registers });
    return [answer.eax, answer.ebx, answer.ecx, answer.edx].map(Number);
  }

  *rdmsr(index: number): Turns<bigint | string> {
    const registers = { rcx: BigInt(index) };
    const { outcome, value } = yield* this.exit({
      reason: reason("EXIT_REASON_RDMSR"),
      instructionLength: 2,
      registers,
    });
    return outcome === "done" ? value : outcome;
  }

  *wrmsr(index: number, value: bigint): Turns<string> {
    const registers = { rcx: BigInt(index), rax: value & 0xffffffffn, rdx: value >> 32n };
    return (yield* this.exit({ reason: reason("EXIT_REASON_WRMSR"), instructionLength: 2, registers })).outcome;
  }

  /** MOV to CR`number` from RBX. */
  *writeControlRegister(number: number, value: bigint): Turns<string> {
    const qualification = BigInt(number | (3 << 8));
    const registers = { rbx: value };
    const exit = {
      reason: reason("EXIT_REASON_CONTROL_REGISTER_ACCESS"),
      // CR8 takes a REX prefix.
      instructionLength: number === 8 ? 4 : 3,
      qualification,
      registers,
    };
    return (yield* this.exit(exit)).outcome;
  }

  *xsetbv(value: bigint, register = 0n): Turns<string> {
    const registers = { rcx: register, rax: value & 0xffffffffn, rdx: value >> 32n };
    return (yield* this.exit({ reason: reason("EXIT_REASON_XSETBV"), instructionLength: 3, registers })).outcome;
  }

  /** CR0 or CR4 as the guest reads it (SDM 3C 26.3). */
  seen(name: "CR0" | "CR4"): bigint {
    const mask = this.read(`${name}_GUEST_HOST_MASK`);
    return (this.read(`GUEST_${name}`) & ~mask) | (this.read(`${name}_READ_SHADOW`) & mask);
  }
}

/** Questions to core, one after the other: each is a turn of the guest's script. */
export type Questions = (asker: Asker) => Turns<void>;

/** Runs guest `count`, or what the options say, with these questions; the run ends well. */
export function ask(questions: Questions, options: MachineOptions = {}): Run {
  const run = boot({
    commandLine: "guest=count",
    ...options,
    scripts: [
      function* (guest) {
        yield* questions(new Asker(guest));
        yield { ...vmcall, registers: { rax: 0n } };
      },
    ],
  });
  assertEnd(run, "ok");
  return run;
}
