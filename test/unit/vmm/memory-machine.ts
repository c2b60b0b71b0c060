// Compiles memory-harness.ts, and gives the tests a vCPU page, guest RAM and a device to work on.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../../tools/paths.ts";
import { vcpuPage } from "../core/machine/tables.ts";
import { textAt } from "../core/machine/vmm-bridge.ts";

const ASC = join(root, "node_modules/assemblyscript/bin/asc.js");
const HARNESS = "test/unit/vmm/memory-harness.ts";
/** Guest RAM is below this, all that is the harness's own above. */
const MEMORY_BASE = 32 << 20;
const MEMORY_PAGES = (MEMORY_BASE + (2 << 20)) / 0x10000;

const CPU_STATE = vcpuPage("CPU_STATE_OFFSET");
const SEGMENTS = vcpuPage("SEGMENTS_OFFSET");
const SEGMENT_BYTES = vcpuPage("SEGMENT_STATE_BYTES");
const REGISTERS = vcpuPage("REGISTERS_OFFSET");
/** What comes before an access of a device in memory, and of the one at ports 0x1f0 to 0x1f7. */
const SPACES = ["", "port "] as const;

/** Where the fields of hv/shared/vcpu-page.ts lie: unmanaged classes are laid out as C does it. */
const PAGE_FIELDS = {
  exitKind: 0,
  instructionLength: 4,
  access: 8,
  faultAddress: 88,
  faultVector: 96,
  faultErrorCode: 100,
};
const WIDE_STATE = ["rip", "rflags", "cr0", "cr3", "cr4", "efer", "pdpte0", "pdpte1", "pdpte2", "pdpte3"] as const;
const TABLE_BASES = ["gdtrBase", "idtrBase"] as const;
const NARROW_STATE = ["gdtrLimit", "idtrLimit", "cpl", "physicalAddressBits"] as const;
const REGISTER_NAMES = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] as const;
export const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"] as const;

export type StateName = (typeof WIDE_STATE)[number] | (typeof TABLE_BASES)[number] | (typeof NARROW_STATE)[number];
export type RegisterName = (typeof REGISTER_NAMES)[number];
export type SegmentName = (typeof SEGMENT_NAMES)[number];

export interface Segment {
  base: bigint;
  limit: number;
  accessRights: number;
  selector: number;
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  start(): void;
  allocatePage(): number;
  createMachine(ramBytes: bigint, page: number, deviceAddress: bigint, deviceBytes: bigint): number;
  setHas1GibPages(machine: number, has: number): void;
  translate(machine: number, linear: bigint, access: number): number;
  physical(machine: number): bigint;
  errorCode(machine: number): number;
  toLinear(machine: number, segment: number, offset: bigint, bytes: number, isWrite: number): number;
  linear(machine: number): bigint;
  read(machine: number, linear: bigint, bytes: number): number;
  value(machine: number): bigint;
  write(machine: number, linear: bigint, bytes: number, value: bigint): number;
  checkWrite(machine: number, linear: bigint, bytes: number): number;
  readImplicitly(machine: number, linear: bigint, bytes: number): number;
  writeImplicitly(machine: number, linear: bigint, bytes: number, value: bigint): number;
  fetchAtRip(machine: number): number;
  instructionBytes(machine: number): number;
  faultVector(machine: number): number;
  faultErrorCode(machine: number): number;
  faultAddress(machine: number): bigint;
  stringIo(machine: number): number;
  stringIoFailure(machine: number): number;
}

async function compileHarness(): Promise<WebAssembly.Module> {
  const folder = await mkdtemp(join(tmpdir(), "basalt-vmm-"));
  try {
    const output = join(folder, "harness.wasm");
    const pages = ["--initialMemory", `${MEMORY_PAGES}`, "--maximumMemory", `${MEMORY_PAGES}`];
    const memory = ["--memoryBase", `${MEMORY_BASE}`, ...pages];
    const flags = ["--runtime", "stub", "-O3", "--exportStart", "start", "--debug", ...memory, "--outFile", output];
    await promisify(execFile)(process.execPath, [ASC, HARNESS, ...flags], { cwd: root });
    return await WebAssembly.compile(await readFile(output));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const harness = await compileHarness();

export interface MachineOptions {
  ramBytes: bigint;
  /** Where the device lies in guest-physical memory, and how long it is. */
  device?: { address: bigint; bytes: bigint };
}

/** A vCPU in protected mode without paging, all zeroes else. */
export class MemoryMachine {
  readonly ram: Uint8Array;
  /** The device's accesses, such as "read 4 at 10" and "write 2 at 8 = beef". */
  readonly accesses: string[] = [];
  /** What the next reads of the device return. */
  readonly answers: bigint[] = [];
  readonly wasm: Exports;
  readonly handle: number;
  readonly #view: DataView;
  readonly #page: number;

  constructor({ ramBytes, device = { address: 1n << 36n, bytes: 0x1000n } }: MachineOptions) {
    const imports = {
      env: {
        abort: (_message: number, _file: number, line: number) => {
          throw new Error(`abort at line ${line}`);
        },
      },
      "memory-harness": {
        deviceRead: (space: number, offset: number, bytes: number) => {
          this.accesses.push(`${SPACES[space]}read ${bytes} at ${offset.toString(16)}`);
          return this.answers.shift() ?? 0n;
        },
        deviceWrite: (space: number, offset: number, bytes: number, value: bigint) => {
          this.accesses.push(
            `${SPACES[space]}write ${bytes} at ${offset.toString(16)} = ${BigInt.asUintN(64, value).toString(16)}`,
          );
        },
      },
    };
    this.wasm = new WebAssembly.Instance(harness, imports).exports as unknown as Exports;
    this.wasm.start();
    const { buffer } = this.wasm.memory;
    this.ram = new Uint8Array(buffer, 0, Number(ramBytes));
    this.#view = new DataView(buffer);
    this.#page = this.wasm.allocatePage();
    new Uint8Array(buffer, this.#page, 4096).fill(0);
    this.handle = this.wasm.createMachine(ramBytes, this.#page, device.address, device.bytes);
    this.set("cr0", 1n);
    this.set("rflags", 2n);
    this.set("physicalAddressBits", 40n);
  }

  set(name: StateName, value: bigint): void {
    const [address, isWide] = this.#stateField(name);
    if (isWide) this.#view.setBigUint64(address, value, true);
    else this.#view.setUint32(address, Number(value), true);
  }

  get(name: StateName): bigint {
    const [address, isWide] = this.#stateField(name);
    return isWide ? this.#view.getBigUint64(address, true) : BigInt(this.#view.getUint32(address, true));
  }

  #stateField(name: StateName): [address: number, isWide: boolean] {
    const names: readonly StateName[] = [...WIDE_STATE, ...TABLE_BASES];
    const start = this.#page + CPU_STATE;
    const wide = names.indexOf(name);
    if (wide >= 0) return [start + 8 * wide, true];
    return [start + 8 * names.length + 4 * (NARROW_STATE as readonly StateName[]).indexOf(name), false];
  }

  setSegment(name: SegmentName, segment: Partial<Segment>): void {
    const address = this.#page + SEGMENTS + SEGMENT_BYTES * SEGMENT_NAMES.indexOf(name);
    if (segment.base !== undefined) this.#view.setBigUint64(address, segment.base, true);
    if (segment.limit !== undefined) this.#view.setUint32(address + 8, segment.limit, true);
    if (segment.accessRights !== undefined) this.#view.setUint32(address + 12, segment.accessRights, true);
    if (segment.selector !== undefined) this.#view.setUint32(address + 16, segment.selector, true);
  }

  segment(name: SegmentName): Segment {
    const address = this.#page + SEGMENTS + SEGMENT_BYTES * SEGMENT_NAMES.indexOf(name);
    return {
      base: this.#view.getBigUint64(address, true),
      limit: this.#view.getUint32(address + 8, true),
      accessRights: this.#view.getUint32(address + 12, true),
      selector: this.#view.getUint32(address + 16, true),
    };
  }

  setRegister(name: RegisterName, value: bigint): void {
    this.#view.setBigUint64(this.#page + REGISTERS + 8 * REGISTER_NAMES.indexOf(name), value, true);
  }

  register(name: RegisterName): bigint {
    return this.#view.getBigUint64(this.#page + REGISTERS + 8 * REGISTER_NAMES.indexOf(name), true);
  }

  setPageField(name: keyof typeof PAGE_FIELDS, value: bigint): void {
    if (name === "access") this.#view.setBigUint64(this.#page + PAGE_FIELDS[name], value, true);
    else this.#view.setUint32(this.#page + PAGE_FIELDS[name], Number(value), true);
  }

  pageField(name: keyof typeof PAGE_FIELDS): bigint {
    const address = this.#page + PAGE_FIELDS[name];
    const isWide = name === "access" || name === "faultAddress";
    return isWide ? this.#view.getBigUint64(address, true) : BigInt(this.#view.getUint32(address, true));
  }

  readRam(address: bigint | number, bytes: 1 | 2 | 4 | 8): bigint {
    const at = Number(address);
    if (bytes === 8) return this.#view.getBigUint64(at, true);
    const low = BigInt(this.#view.getUint32(at, true));
    return BigInt.asUintN(8 * bytes, low);
  }

  writeRam(address: bigint | number, bytes: 2 | 4 | 8, value: bigint): void {
    const at = Number(address);
    if (bytes === 8) this.#view.setBigUint64(at, value, true);
    else if (bytes === 4) this.#view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
    else this.#view.setUint16(at, Number(value), true);
  }

  /** Translates: the guest-physical address, or the error code of the page fault as text. */
  translate(linear: bigint, access: number): bigint | string {
    if (this.wasm.translate(this.handle, linear, access) !== 0) {
      return BigInt.asUintN(64, this.wasm.physical(this.handle));
    }
    return `#PF(${this.wasm.errorCode(this.handle)})`;
  }

  /** What an access came to: "ok", or the exception with its error code and, for #PF, its address. */
  outcome(vector: number): string {
    if (vector === 0) return "ok";
    const code = this.wasm.faultErrorCode(this.handle) >>> 0;
    const where = vector === 14 ? ` at ${BigInt.asUintN(64, this.wasm.faultAddress(this.handle)).toString(16)}` : "";
    return `${vector}(${code === 0xffffffff ? "" : code.toString(16)})${where}`;
  }

  /** Reads; the value, or the exception as text. */
  read(linear: bigint, bytes: number): bigint | string {
    const vector = this.wasm.read(this.handle, linear, bytes);
    return vector === 0 ? BigInt.asUintN(64, this.wasm.value(this.handle)) : this.outcome(vector);
  }

  write(linear: bigint, bytes: number, value: bigint): string {
    return this.outcome(this.wasm.write(this.handle, linear, bytes, value));
  }

  toLinear(segment: SegmentName, offset: bigint, bytes: number, isWrite: boolean): bigint | string {
    const index = SEGMENT_NAMES.indexOf(segment);
    const vector = this.wasm.toLinear(this.handle, index, offset, bytes, isWrite ? 1 : 0);
    return vector === 0 ? BigInt.asUintN(64, this.wasm.linear(this.handle)) : this.outcome(vector);
  }

  /** Why the last string I/O was not handled. */
  get stringIoFailure(): string {
    return textAt(this.wasm.memory, this.wasm.stringIoFailure(this.handle));
  }

  /** The instruction bytes at CS:RIP, and what the byte behind them raises. */
  fetch(): { bytes: Uint8Array; behind: string } {
    const count = this.wasm.fetchAtRip(this.handle);
    const address = this.wasm.instructionBytes(this.handle);
    const behind = count === 15 ? "ok" : this.outcome(this.wasm.faultVector(this.handle));
    return { bytes: new Uint8Array(this.wasm.memory.buffer, address, count).slice(), behind };
  }
}
