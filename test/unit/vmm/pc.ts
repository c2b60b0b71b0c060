// One instance of build/vmm.wasm as a whole PC: a test plays the processor and core, by the vCPU page alone.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildDirectory } from "../../../tools/paths.ts";
import { guestNames, vcpuPage } from "../core/machine/tables.ts";
import { VcpuPageView } from "../core/machine/vcpu-page.ts";
import { textAt } from "../core/machine/vmm-bridge.ts";

const vmmModule = new WebAssembly.Module(readFileSync(join(buildDirectory, "vmm.wasm")));
const PAGE = vcpuPage("VCPU_PAGE_IN_VMM");
const REGISTERS = PAGE + vcpuPage("REGISTERS_OFFSET");
const DISK = vcpuPage("MODULE_IN_VMM");
const [RAX, RBX] = [0, 3];
export const NEVER = 0xffff_ffff_ffff_ffffn;

/** MOV between EAX, AX or AL and [EBX], and where they lie. */
const MOVES = {
  read4: { place: 0x1000, code: [0x8b, 0x03] },
  write4: { place: 0x1010, code: [0x89, 0x03] },
  read2: { place: 0x1020, code: [0x66, 0x8b, 0x03] },
  write2: { place: 0x1030, code: [0x66, 0x89, 0x03] },
  read1: { place: 0x1040, code: [0x8a, 0x03] },
  write1: { place: 0x1050, code: [0x88, 0x03] },
} as const;

interface Exports {
  readonly memory: WebAssembly.Memory;
  start(): void;
  create(page: number): number;
  reset(root: number): number;
  exit(root: number): number;
  save(root: number): number;
  restore(root: number): number;
}

export interface PcOptions {
  readonly ramBytes: bigint;
  readonly diskBytes: bigint;
  readonly kilohertz?: bigint;
  /** The host's counter at the beginning, and the guest's less it. */
  readonly now: bigint;
  readonly tscOffset: bigint;
  readonly startSeconds?: bigint;
  readonly seed?: bigint;
}

export class Pc {
  readonly page: VcpuPageView;
  readonly options: PcOptions;
  /** The host's time-stamp counter. */
  now: bigint;
  readonly #exports: Exports;
  readonly #memory: Buffer;
  readonly #root: number;

  constructor(options: PcOptions) {
    this.options = options;
    this.now = options.now;
    const env = {
      abort: (message: number, file: number, line: number) => {
        const where = `${textAt(this.#exports.memory, file)}:${line}`;
        throw new Error(`abort: ${textAt(this.#exports.memory, message)} at ${where}`);
      },
    };
    const instance = new WebAssembly.Instance(vmmModule, { env, host: { clock: () => this.now } });
    this.#exports = instance.exports as unknown as Exports;
    const { buffer } = this.#exports.memory;
    this.#memory = Buffer.from(buffer);
    this.page = new VcpuPageView(buffer, PAGE);
    this.#exports.start();
    const { ramBytes, diskBytes, kilohertz = 1_000_000n, tscOffset, startSeconds = 1n << 30n, seed = 1n } = options;
    const guest = BigInt(guestNames.indexOf("loop"));
    const fields = { guest, ramBytes, diskBytes, tscOffset, startSeconds, diskAddress: BigInt(DISK) };
    const all = { ...fields, tscKilohertz: kilohertz, seed0: seed, seed1: seed, iterations: 1n };
    for (const [name, value] of Object.entries(all)) this.page.set(name, value);
    this.#root = this.#exports.create(PAGE) >>> 0;
  }

  /** Loads the guest, and the instructions by which `readMemory` and `writeMemory` work. */
  start(): this {
    assert.equal(this.#exports.reset(this.#root), vcpuPage("ANSWER_RESUME"));
    for (const { place, code } of Object.values(MOVES)) this.ram.set(code, place);
    this.page.set("consoleLength", 0n);
    return this;
  }

  get ram(): Buffer {
    return this.#memory.subarray(0, Number(this.options.ramBytes));
  }
  get disk(): Buffer {
    return this.#memory.subarray(DISK, DISK + Number(this.options.diskBytes));
  }

  /** Asks the vmm; its answer. */
  exit(kind: string, access = 0n): number {
    this.page.set("exitKind", BigInt(vcpuPage(kind)));
    this.page.set("access", access);
    return this.#exports.exit(this.#root) >>> 0;
  }
  in(port: number, bytes: number): number {
    return this.exit("EXIT_PORT", (BigInt(port) << 16n) | 8n | BigInt(bytes - 1));
  }
  out(port: number, bytes: number, value: number): number {
    this.#setRegister(RAX, BigInt(value >>> 0));
    return this.exit("EXIT_PORT", (BigInt(port) << 16n) | BigInt(bytes - 1));
  }
  readMsr(msr: number): number {
    return this.exit("EXIT_MSR", BigInt(msr));
  }
  writeMsr(msr: number, value: bigint): number {
    this.page.set("ioValue", value);
    return this.exit("EXIT_MSR", BigInt(msr) | (1n << 32n));
  }
  /** What it reads is in RAX. */
  readMemory(address: number, bytes: 1 | 2 | 4): number {
    return this.#move(`read${bytes}`, address, vcpuPage("ACCESS_READ"));
  }
  writeMemory(address: number, bytes: 1 | 2 | 4, value: number): number {
    this.#setRegister(RAX, BigInt(value >>> 0));
    return this.#move(`write${bytes}`, address, vcpuPage("ACCESS_WRITE"));
  }
  get rax(): bigint {
    return this.#memory.readBigUInt64LE(REGISTERS);
  }
  set rax(value: bigint) {
    this.#setRegister(RAX, value);
  }
  type(text: readonly number[]): number {
    this.#memory.set(text, PAGE + vcpuPage("INPUT_OFFSET"));
    this.page.set("inputLength", BigInt(text.length));
    return this.exit("EXIT_INPUT");
  }

  /** Core delivers the interrupt that waits, if there is one, and asks the vmm where it wants to be told. */
  deliver(): number {
    const waiting = this.page.get("waitingInterrupt");
    if (waiting === 0n) return 0;
    this.page.set("acknowledgedInterrupt", waiting);
    this.page.set("waitingInterrupt", 0n);
    return (Number(waiting) & vcpuPage("INTERRUPT_TELLS")) === 0 ? 0 : this.exit("EXIT_ALARM");
  }

  /** Lets `ticks` pass, with the alarm if its time has come. */
  pass(ticks: bigint): number {
    this.now += ticks;
    return this.now >= this.page.get("wakeAt") ? this.exit("EXIT_ALARM") : 0;
  }

  /** What the vmm printed by its last answer, as core takes it. */
  takeText(): string {
    const start = PAGE + vcpuPage("CONSOLE_OFFSET");
    const text = this.#memory.toString("latin1", start, start + Number(this.page.get("consoleLength")));
    for (const name of ["consoleLength", "consoleIsDebug", "consoleIsRaw"]) this.page.set(name, 0n);
    return text;
  }

  /** The state's numbers; fails unless the vmm has saved it. */
  save(): BigUint64Array {
    assert.equal(this.#exports.save(this.#root), 0);
    return this.#numbers(Number(this.page.get("stateLength"))).slice();
  }
  /** One of STATE_*. */
  restore(numbers: BigUint64Array, length = numbers.length): number {
    this.#numbers(numbers.length).set(numbers);
    this.page.set("stateLength", BigInt(length));
    return this.#exports.restore(this.#root);
  }

  #numbers(length: number): BigUint64Array {
    return new BigUint64Array(this.#exports.memory.buffer, Number(this.page.get("stateAddress")), length);
  }

  #setRegister(number: number, value: bigint): void {
    this.#memory.writeBigUInt64LE(value, REGISTERS + 8 * number);
  }

  /** In 32-bit protected mode with flat segments, without paging. */
  #move(move: keyof typeof MOVES, address: number, access: number): number {
    const { page } = this;
    const { place, code } = MOVES[move];
    for (const segment of ["es", "cs", "ss", "ds", "fs", "gs"]) {
      page.set(`${segment}.base`, 0n);
      page.set(`${segment}.limit`, 0xffff_ffffn);
      page.set(`${segment}.accessRights`, segment === "cs" ? 0xc09bn : 0xc093n);
    }
    const state = { rip: BigInt(place), rflags: 2n, cr0: 0x11n, cr3: 0n, cr4: 0n, efer: 0n, cpl: 0n };
    for (const [name, value] of Object.entries({ ...state, physicalAddressBits: 40n })) page.set(name, value);
    page.set("gpa", BigInt(address));
    page.set("linearAddress", BigInt(address));
    page.set("instructionLength", BigInt(code.length));
    this.#setRegister(RBX, BigInt(address));
    return this.exit("EXIT_MEMORY", BigInt(access | vcpuPage("ACCESS_HAS_LINEAR")));
  }
}
