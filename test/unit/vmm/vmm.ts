// One instance of build/vmm.wasm for a test: its vCPU page, its RAM, and its exports.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildDirectory } from "../../../tools/paths.ts";
import { guestNames, vcpuPage } from "../core/machine/tables.ts";
import { textAt } from "../core/machine/vmm-bridge.ts";

const vmmModule = new WebAssembly.Module(readFileSync(join(buildDirectory, "vmm.wasm")));
const PAGE = vcpuPage("VCPU_PAGE_IN_VMM");
const REGISTERS = PAGE + vcpuPage("REGISTERS_OFFSET");

/** Where the fields of hv/shared/vcpu-page.ts's VcpuPage lie: unmanaged classes are laid out as C does it. */
const OFFSETS = {
  exitKind: 0,
  instructionLength: 4,
  access: 8,
  gpa: 16,
  linearAddress: 24,
  ramBytes: 32,
  iterations: 40,
  guest: 48,
  consoleLength: 52,
  startRip: 56,
  startRsp: 64,
  startCr3: 72,
  ioValue: 80,
  faultAddress: 88,
  faultVector: 96,
  faultErrorCode: 100,
  moduleAddress: 104,
  moduleBytes: 108,
  commandLineBytes: 112,
  consoleIsDebug: 116,
  exitValue: 120,
  tscKilohertz: 148,
  initrdAddress: 152,
  initrdBytes: 156,
  diskAddress: 160,
  diskBytes: 164,
  diskIsReadOnly: 168,
  tscOffset: 176,
  wakeAt: 184,
  waitingInterrupt: 192,
  acknowledgedInterrupt: 196,
  inputLength: 200,
  startMode: 204,
  startGdtrBase: 208,
  startGdtrLimit: 212,
  moduleIsFlat: 216,
} as const;
const NARROW = new Set<string>([
  "exitKind",
  "instructionLength",
  "guest",
  "consoleLength",
  "faultVector",
  "faultErrorCode",
  "moduleAddress",
  "moduleBytes",
  "commandLineBytes",
  "consoleIsDebug",
  "exitValue",
  "tscKilohertz",
  "initrdAddress",
  "initrdBytes",
  "diskAddress",
  "diskBytes",
  "diskIsReadOnly",
  "waitingInterrupt",
  "acknowledgedInterrupt",
  "inputLength",
  "startMode",
  "startGdtrBase",
  "startGdtrLimit",
  "moduleIsFlat",
]);

interface Exports {
  readonly memory: WebAssembly.Memory;
  start(): void;
  create(page: number): number;
  reset(root: number): number;
  exit(root: number): number;
}

export class TestVmm {
  readonly bytes: Uint8Array;
  readonly #exports: Exports;
  readonly #view: DataView;
  #root = 0;

  constructor(guest: string, ramBytes: bigint, iterations = 1n) {
    const env = {
      abort: (message: number, file: number, line: number) => {
        const where = `${textAt(this.#exports.memory, file)}:${line}`;
        throw new Error(`abort: ${textAt(this.#exports.memory, message)} at ${where}`);
      },
    };
    const instance = new WebAssembly.Instance(vmmModule, { env, host: { clock: () => 1n } });
    this.#exports = instance.exports as unknown as Exports;
    const { buffer } = this.#exports.memory;
    this.bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
    this.#exports.start();
    this.set("guest", BigInt(guestNames.indexOf(guest)));
    this.set("ramBytes", ramBytes);
    this.set("iterations", iterations);
    this.set("tscKilohertz", 1_000_000n);
  }

  create(): this {
    this.#root = this.#exports.create(PAGE) >>> 0;
    return this;
  }
  reset(): number {
    return this.#exports.reset(this.#root) >>> 0;
  }
  exit(): number {
    return this.#exports.exit(this.#root) >>> 0;
  }
  /** As `exit`, of which a line for the console is part: the answer without its flags, of which one says so. */
  exitWithText(): number {
    const answer = this.exit();
    const flag = vcpuPage("ANSWER_AND_TEXT");
    assert.equal((answer & flag) !== 0, this.get("consoleLength") !== 0n, "core is told whether there is text");
    return answer & ~(flag | vcpuPage("ANSWER_AND_REQUEST"));
  }

  set(name: keyof typeof OFFSETS, value: bigint): void {
    if (NARROW.has(name)) this.#view.setUint32(PAGE + OFFSETS[name], Number(value), true);
    else this.#view.setBigUint64(PAGE + OFFSETS[name], value, true);
  }
  get(name: keyof typeof OFFSETS): bigint {
    if (NARROW.has(name)) return BigInt(this.#view.getUint32(PAGE + OFFSETS[name], true));
    return this.#view.getBigUint64(PAGE + OFFSETS[name], true);
  }
  /** A register by its place in the vCPU page: RAX 0, …, R8 8. */
  register(number: number): bigint {
    return this.#view.getBigUint64(REGISTERS + 8 * number, true);
  }
  setRegister(number: number, value: bigint): void {
    this.#view.setBigUint64(REGISTERS + 8 * number, value, true);
  }
  read64(address: bigint): bigint {
    return this.#view.getBigUint64(Number(address), true);
  }
  /** What the vmm wrote for the console. */
  get console(): string {
    const start = PAGE + vcpuPage("CONSOLE_OFFSET");
    return Buffer.from(this.bytes.buffer, start, Number(this.get("consoleLength"))).toString("latin1");
  }
}

/** A vmm that has loaded its guest. */
export function loaded(guest: string, ramBytes: bigint, iterations = 1n): TestVmm {
  const vmm = new TestVmm(guest, ramBytes, iterations).create();
  vmm.reset();
  return vmm;
}
