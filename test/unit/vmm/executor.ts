// hv/vmm/decode's executor for a test: a vCPU with page tables, two pages of RAM and a device behind them.
import { vcpuPage } from "../core/machine/tables.ts";
import { textAt } from "../core/machine/vmm-bridge.ts";
import { loadHarness } from "./harness.ts";

interface Harness {
  create(page: number, ramBytes: bigint, deviceAddress: bigint, port: bigint): number;
  emulate(machine: number): number;
  complaint(machine: number): number;
  deviceBytes(machine: number): number;
  portBytes(machine: number): number;
  deviceReads(machine: number): number;
  deviceWrites(machine: number): number;
}

// What the harness's memory holds: RAM, the vCPU page, its own data.
const RAM_BYTES = 0x100000;
const PAGE = 0x180000;
const OWN_DATA = 0x200000;

const DEVICE = 0x4000_0000;
export const PORT = 0x60;

// Where the guest's pages lie in RAM.
const TABLES = { pml4: 0x1000, pdpt: 0x2000, pd: 0x3000, dataTable: 0x4000, codeTable: 0x5000 };
const DATA_IN_RAM = 0x10000;
const CODE_IN_RAM = 0x20000;

/** Linear addresses: a page of RAM, then the device's page, then RAM again that reads only, then nothing. */
export const DATA = 0x1000_0000;
export const DEVICE_PAGE = DATA + 0x1000;
export const READ_ONLY_PAGE = DATA + 0x2000;
export const ABSENT_PAGE = DATA + 0x3000;
/** A page of RAM, and none behind it. */
export const CODE = 0x1100_0000;

const PRESENT_WRITABLE_USER = 7n;
const PRESENT_USER = 5n;
const ACCESSED_DIRTY = 0x60n;

const REGISTERS = vcpuPage("REGISTERS_OFFSET");
const CPU_STATE = vcpuPage("CPU_STATE_OFFSET");
const SEGMENTS = vcpuPage("SEGMENTS_OFFSET");

/** Offsets in CpuState, and in VcpuPage. */
const CPU_FIELDS = { rip: 0, rflags: 8, cr0: 16, cr3: 24, cr4: 32, efer: 40, cpl: 104, physicalAddressBits: 108 };
const PAGE_FIELDS = { exitKind: 0, instructionLength: 4, access: 8 };

const CR0_PG_WP_PE = 0x80010001n;
const CR4_PAE = 0x20n;
const EFER_LMA_LME = 0x500n;
const CODE_SEGMENT = 0xa09b;
const COMPATIBILITY = 0xc09b;
const DATA_SEGMENT = 0xc093;
const CODE_16 = 0x009b;
const DATA_16 = 0x0093;

export const ANSWERS = {
  emulated: vcpuPage("ANSWER_EMULATED"),
  resume: vcpuPage("ANSWER_RESUME"),
  fault: vcpuPage("ANSWER_FAULT"),
  notHandled: vcpuPage("ANSWER_NOT_HANDLED"),
};

export class TestExecutor {
  readonly #harness: Harness;
  readonly #machine: number;
  readonly #memory: WebAssembly.Memory;
  readonly view: DataView;
  readonly bytes: Uint8Array;

  private constructor(harness: Harness & { memory: WebAssembly.Memory }) {
    this.#harness = harness;
    this.#memory = harness.memory;
    this.view = new DataView(harness.memory.buffer);
    this.bytes = new Uint8Array(harness.memory.buffer);
    this.#machine = harness.create(PAGE, BigInt(RAM_BYTES), BigInt(DEVICE), BigInt(PORT));
    this.#writeTables();
  }

  static async load(): Promise<TestExecutor> {
    const pages = ["--initialMemory", "64", "--maximumMemory", "64", "--memoryBase", String(OWN_DATA)];
    return new TestExecutor(await loadHarness<Harness>("executor-harness.ts", pages));
  }

  #writeTables(): void {
    const table = (at: number): bigint => BigInt(at) | PRESENT_WRITABLE_USER | ACCESSED_DIRTY;
    const entry = (at: number, index: number, value: bigint): void =>
      this.view.setBigUint64(at + 8 * index, value, true);
    entry(TABLES.pml4, 0, table(TABLES.pdpt));
    entry(TABLES.pdpt, 0, table(TABLES.pd));
    entry(TABLES.pd, DATA >>> 21, table(TABLES.dataTable));
    entry(TABLES.pd, CODE >>> 21, table(TABLES.codeTable));
    entry(TABLES.dataTable, 0, table(DATA_IN_RAM));
    entry(TABLES.dataTable, 1, table(DEVICE));
    entry(TABLES.dataTable, 2, BigInt(DATA_IN_RAM + 0x1000) | PRESENT_USER | ACCESSED_DIRTY);
    entry(TABLES.codeTable, 0, table(CODE_IN_RAM));
  }

  /** Puts the vCPU into 64-bit mode, compatibility mode with flat segments, or real-address mode. */
  setMode(mode: 8 | 4 | 2): void {
    const cr0 = mode === 2 ? 0n : CR0_PG_WP_PE;
    this.setCpu("cr0", cr0);
    this.setCpu("cr3", mode === 2 ? 0n : BigInt(TABLES.pml4));
    this.setCpu("cr4", mode === 2 ? 0n : CR4_PAE);
    this.setCpu("efer", mode === 2 ? 0n : EFER_LMA_LME);
    this.view.setUint32(PAGE + CPU_STATE + CPU_FIELDS.cpl, 0, true);
    this.view.setUint32(PAGE + CPU_STATE + CPU_FIELDS.physicalAddressBits, 40, true);
    const code = { 8: CODE_SEGMENT, 4: COMPATIBILITY, 2: CODE_16 }[mode];
    for (let segment = 0; segment < 6; segment++) {
      const rights = segment === 1 ? code : mode === 2 ? DATA_16 : DATA_SEGMENT;
      this.setSegment(segment, 0n, mode === 2 ? 0xffff : 0xffffffff, rights);
    }
  }

  setSegment(number: number, base: bigint, limit: number, rights: number, selector = 0): void {
    const at = PAGE + SEGMENTS + 24 * number;
    this.view.setBigUint64(at, base, true);
    this.view.setUint32(at + 8, limit, true);
    this.view.setUint32(at + 12, rights, true);
    this.view.setUint32(at + 16, selector, true);
  }

  setCpu(name: "rip" | "rflags" | "cr0" | "cr3" | "cr4" | "efer", value: bigint): void {
    this.view.setBigUint64(PAGE + CPU_STATE + CPU_FIELDS[name], value, true);
  }
  get rflags(): bigint {
    return this.view.getBigUint64(PAGE + CPU_STATE + CPU_FIELDS.rflags, true);
  }

  setRegister(number: number, value: bigint): void {
    this.view.setBigUint64(PAGE + REGISTERS + 8 * number, value, true);
  }
  register(number: number): bigint {
    return this.view.getBigUint64(PAGE + REGISTERS + 8 * number, true);
  }

  /** An exit of INS or OUTS: the size in bytes, less one, and the other bits of port-access.ts. */
  setPortExit(port: number, flags: number): void {
    this.view.setUint32(PAGE + PAGE_FIELDS.exitKind, vcpuPage("EXIT_STRING_PORT"), true);
    this.view.setBigUint64(PAGE + PAGE_FIELDS.access, (BigInt(port) << 16n) | BigInt(flags), true);
  }
  setMemoryExit(): void {
    this.view.setUint32(PAGE + PAGE_FIELDS.exitKind, vcpuPage("EXIT_MEMORY"), true);
  }

  /** Writes `code` to CODE + `offset` and lets RIP point there. */
  setCode(code: Uint8Array, offset = 0): void {
    this.bytes.set(code, CODE_IN_RAM + offset);
    this.setCpu("rip", BigInt(CODE + offset));
  }
  get instructionLength(): number {
    return this.view.getUint32(PAGE + PAGE_FIELDS.instructionLength, true);
  }

  /** The bytes at linear addresses from DATA to the end of READ_ONLY_PAGE. */
  read(linear: number, length: number): Uint8Array {
    return Uint8Array.from({ length }, (_, i) => this.bytes[this.#place(linear + i)]!);
  }
  write(linear: number, data: Uint8Array): void {
    data.forEach((byte, i) => {
      this.bytes[this.#place(linear + i)] = byte;
    });
  }
  #place(linear: number): number {
    if (linear >= READ_ONLY_PAGE) return DATA_IN_RAM + 0x1000 + (linear - READ_ONLY_PAGE);
    if (linear < DEVICE_PAGE) return DATA_IN_RAM + (linear - DATA);
    return this.#harness.deviceBytes(this.#machine) + (linear - DEVICE_PAGE);
  }

  /** The bytes behind PORT. */
  get portBytes(): Uint8Array {
    const start = this.#harness.portBytes(this.#machine);
    return this.bytes.subarray(start, start + 16);
  }

  emulate(): number {
    return this.#harness.emulate(this.#machine) >>> 0;
  }
  get complaint(): string {
    return textAt(this.#memory, this.#harness.complaint(this.#machine) >>> 0);
  }
  /** How often the device has been read and written. */
  get deviceAccesses(): readonly [number, number] {
    return [this.#harness.deviceReads(this.#machine), this.#harness.deviceWrites(this.#machine)];
  }
  get fault(): { vector: number; errorCode: number; address: bigint } {
    return {
      vector: this.view.getUint32(PAGE + 96, true),
      errorCode: this.view.getUint32(PAGE + 100, true),
      address: this.view.getBigUint64(PAGE + 88, true),
    };
  }
}
