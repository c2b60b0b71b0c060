// What a script of VM exits sees of its guest: registers, VMCS, and memory through the guest's paging and the EPT.
import { decodeEntry, entryAddress, pageBytes, type WalkRules } from "../../ept/walker.ts";
import type { Capabilities } from "./capabilities.ts";
import { has, isCanonical } from "./bits.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import type { Processor } from "./processor.ts";
import { control, field } from "./tables.ts";
import type { Vmcs } from "./vmcs.ts";

/** In the order in which the vCPU page holds them. */
export const registerNames = [
  ...["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"],
  ...["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"],
];

/** The general-purpose registers at the end of a vCPU page. */
export class Registers {
  readonly #view: DataView;
  readonly #start: number;

  constructor(memory: ArrayBuffer, end: number) {
    this.#view = new DataView(memory);
    this.#start = end - 8 * registerNames.length;
  }

  get(name: string): bigint {
    return this.#view.getBigUint64(this.#offset(name), true);
  }
  set(name: string, value: bigint): void {
    this.#view.setBigUint64(this.#offset(name), value, true);
  }

  #offset(name: string): number {
    const index = registerNames.indexOf(name);
    if (index < 0 || name === "rsp") throw new Error(`the vCPU page holds no register ${name}`);
    return this.#start + 8 * index;
  }
}

/** An access of the guest that the EPT does not allow: the figures of the VM exit. */
export class EptViolation extends Error {
  readonly qualification: bigint;
  readonly physical: bigint;
  readonly linear: bigint;

  constructor(qualification: bigint, physical: bigint, linear: bigint) {
    super(`EPT violation at ${physical.toString(16)}`);
    this.qualification = qualification;
    this.physical = physical;
    this.linear = linear;
  }
}

/** An exception of the guest's. Scripts know no guest with an IDT, so that it becomes a triple fault. */
export class GuestException extends Error {}

const READ = 1n;
const WRITE = 2n;
const FETCH = 4n;
const LINEAR_VALID = 1n << 7n;
const FINAL_ACCESS = 1n << 8n;
const EPTP_ACCESSED_AND_DIRTY = 1n << 6n;
const PRESENT = 1n;
const LARGE = 1n << 7n;
const CR0_PG = 1n << 31n;
const RFLAGS_ZF = 1n << 6n;
const CS_LONG = 1n << 13n;

export class Guest {
  readonly vmcs: Vmcs;
  readonly registers: Registers;
  /** With what no VM entry switches as the guest has it, while its script runs. */
  readonly processor: Processor;
  readonly #memory: PhysicalMemory;
  readonly #rules: WalkRules;

  constructor(
    vmcs: Vmcs,
    registers: Registers,
    processor: Processor,
    memory: PhysicalMemory,
    { eptVpid }: Capabilities,
  ) {
    this.vmcs = vmcs;
    this.registers = registers;
    this.processor = processor;
    this.#memory = memory;
    this.#rules = {
      maxPhysicalAddressBits: processor.model.maximumPhysicalAddress,
      hasExecuteOnly: has(eptVpid, 1n),
      has2MibPages: has(eptVpid, 1n << 16n),
      has1GibPages: has(eptVpid, 1n << 17n),
    };
  }

  get rip(): bigint {
    return this.vmcs.read(field("GUEST_RIP"));
  }
  set rip(value: bigint) {
    this.vmcs.set("GUEST_RIP", value);
  }

  /** The linear address of the next instruction: CS has a base outside of 64-bit mode. */
  get codeAddress(): bigint {
    return this.is64Bit ? this.rip : this.vmcs.read(field("GUEST_CS_BASE")) + this.rip;
  }

  get is64Bit(): boolean {
    const isLongMode = has(this.vmcs.read(field("VM_ENTRY_CONTROLS")), control("ENTRY_IA32E_MODE_GUEST"));
    return isLongMode && has(this.vmcs.read(field("GUEST_CS_ACCESS_RIGHTS")), CS_LONG);
  }

  /** A byte at an offset in DS, outside of 64-bit mode. */
  readData(offset: bigint): number {
    const linear = this.vmcs.read(field("GUEST_DS_BASE")) + offset;
    const host = this.#translate(this.linearToPhysical(linear), linear, READ, FINAL_ACCESS);
    return this.#memory.read(host, 1)[0]!;
  }

  /** Writes a byte at a linear address of 64-bit mode. */
  writeByte(linear: bigint, value: number): void {
    const host = this.#translate(this.linearToPhysical(linear), linear, WRITE, FINAL_ACCESS);
    this.#memory.write(host, Uint8Array.of(value));
  }

  /** Reads eight bytes at a linear address of 64-bit mode, a multiple of eight. */
  readQuad(linear: bigint): bigint {
    return this.#memory.read64(this.#translate(this.linearToPhysical(linear), linear, READ, FINAL_ACCESS));
  }

  /** Writes four bytes at a linear address of 64-bit mode. */
  writeData(linear: bigint, value: bigint): void {
    const host = this.#translate(this.linearToPhysical(linear), linear, WRITE, FINAL_ACCESS);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(Number(value & 0xffffffffn));
    this.#memory.write(host, bytes);
  }

  get zeroFlag(): boolean {
    return has(this.vmcs.read(field("GUEST_RFLAGS")), RFLAGS_ZF);
  }
  set zeroFlag(isSet: boolean) {
    const others = this.vmcs.read(field("GUEST_RFLAGS")) & ~RFLAGS_ZF;
    this.vmcs.set("GUEST_RFLAGS", isSet ? others | RFLAGS_ZF : others);
  }

  /** The bytes at a linear address, within one page, as an instruction fetch reads them. */
  fetch(linear: bigint, length: number): Uint8Array {
    const host = this.#translate(this.linearToPhysical(linear), linear, FETCH, FINAL_ACCESS);
    return this.#memory.read(host, length);
  }

  /** 4-level paging (SDM 3A 4.5), the tables read through the EPT. */
  linearToPhysical(linear: bigint): bigint {
    if (!has(this.vmcs.read(field("GUEST_CR0")), CR0_PG)) return linear;
    if (!isCanonical(linear)) throw new GuestException("#GP: the address is not canonical");
    const isLongMode = has(this.vmcs.read(field("VM_ENTRY_CONTROLS")), control("ENTRY_IA32E_MODE_GUEST"));
    let table = this.vmcs.read(field("GUEST_CR3")) & ~0xfffn;
    for (let level = isLongMode ? 4 : 3; level >= 1; level--) {
      const entry = this.#readEntry(entryAddress(table, level, linear), linear);
      if (!has(entry, PRESENT)) throw new GuestException("#PF: the page is not present");
      table = entry & 0xffffffffff000n;
      if (level === 1 || (level < 4 && has(entry, LARGE))) return table + (linear % pageBytes(level));
    }
    throw new Error("a page-table entry always maps a page");
  }

  /** Where the EPT maps a guest-physical address, for any access; null where it does not. */
  hostAddress(physical: bigint): bigint | null {
    try {
      return this.#translate(physical, 0n, READ, 0n);
    } catch (error) {
      if (error instanceof EptViolation) return null;
      throw error;
    }
  }

  /** Changes memory at a host-physical address. */
  writeHost(address: bigint, bytes: Uint8Array): void {
    this.#memory.write(address, bytes);
  }

  // With accessed and dirty flags for EPT, such an access counts as a write and sets both bits (SDM 3C 28.2.1).
  #readEntry(physical: bigint, linear: bigint): bigint {
    const isWrite = has(this.vmcs.read(field("EPT_POINTER")), EPTP_ACCESSED_AND_DIRTY);
    return this.#memory.read64(this.#translate(physical, linear, isWrite ? READ | WRITE : READ, 0n));
  }

  #translate(physical: bigint, linear: bigint, access: bigint, final: bigint): bigint {
    if (!this.#hasEpt) return physical;
    let table = this.vmcs.read(field("EPT_POINTER")) & 0xffffffffff000n;
    let allowed = 7n;
    for (let level = 4; level >= 1; level--) {
      const raw = this.#memory.read64(entryAddress(table, level, physical));
      const entry = decodeEntry(raw, level, this.#rules);
      if (entry.kind === "misconfiguration") throw new Error(`EPT misconfiguration: ${entry.rule}`);
      allowed &= entry.kind === "not present" ? 0n : BigInt(entry.permissions);
      if (entry.kind === "not present" || (entry.kind === "page" && (allowed & access) !== access)) {
        throw new EptViolation(access | (allowed << 3n) | LINEAR_VALID | final, physical, linear);
      }
      if (entry.kind === "page") return entry.address + (physical % pageBytes(level));
      table = entry.address;
    }
    throw new Error("a PTE is never a reference to a table");
  }

  get #hasEpt(): boolean {
    const primary = this.vmcs.read(field("PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS"));
    const secondary = this.vmcs.read(field("SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS"));
    const isActive = has(primary, control("PRIMARY_ACTIVATE_SECONDARY_CONTROLS"));
    return isActive && has(secondary, control("SECONDARY_ENABLE_EPT"));
  }
}
