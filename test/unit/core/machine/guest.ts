// What a script of VM exits sees of its guest: registers, state, and memory through the guest's paging and nested paging.
import { entryAddress, pageBytes } from "../../ept/walker.ts";
import { has, isCanonical } from "./bits.ts";
import type { Exit } from "./exits.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import type { Processor } from "./processor.ts";
import { control, field } from "./tables.ts";

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

/** An access of the guest that its nested tables do not allow: the VM exit that comes of it. */
export class NestedFault extends Error {
  readonly exit: Exit;

  constructor(exit: Exit) {
    super("a fault of nested paging");
    this.exit = exit;
  }
}

/** The guest's state by the SDM's names of VMCS fields, whatever structure holds it. */
export interface GuestFields {
  /** Where that structure is. */
  readonly address: bigint;
  read(encoding: number): bigint;
  get(name: string): bigint;
  set(name: string, value: bigint): void;
}

/** From a linear address to a guest-physical one, by the guest's own tables. */
export type LinearWalk = (linear: bigint) => { readonly physical: bigint; readonly isGlobal: boolean };

/** How a vendor's nested paging makes host-physical addresses; NestedFault where it does not. */
export interface NestedTranslator {
  /** What a walk of the guest's own tables needs of each. */
  readonly tableAccess: bigint;
  /** `isFinal`: it is the access itself, not one to a table on the way there. */
  translate(physical: bigint, linear: bigint, access: bigint, isFinal: boolean): bigint;
  /** An access by a linear address. */
  access(linear: bigint, access: bigint, walk: LinearWalk): bigint;
}

/** An exception of the guest's. Scripts know no guest with an IDT, so that it becomes a triple fault. */
export class GuestException extends Error {}

const READ = 1n;
const WRITE = 2n;
const FETCH = 4n;
const PRESENT = 1n;
const LARGE = 1n << 7n;
const GLOBAL = 1n << 8n;
const CR0_PG = 1n << 31n;
const RFLAGS_ZF = 1n << 6n;
const CS_LONG = 1n << 13n;

export class Guest {
  readonly vmcs: GuestFields;
  readonly registers: Registers;
  /** With what no VM entry switches as the guest has it, while its script runs. */
  readonly processor: Processor;
  readonly #memory: PhysicalMemory;
  readonly #nested: NestedTranslator;

  constructor(
    vmcs: GuestFields,
    registers: Registers,
    processor: Processor,
    memory: PhysicalMemory,
    nested: NestedTranslator,
  ) {
    this.vmcs = vmcs;
    this.registers = registers;
    this.processor = processor;
    this.#memory = memory;
    this.#nested = nested;
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
    const host = this.#access(linear, READ);
    return this.#memory.read(host, 1)[0]!;
  }

  /** Writes a byte at a linear address of 64-bit mode. */
  writeByte(linear: bigint, value: number): void {
    const host = this.#access(linear, WRITE);
    this.#memory.write(host, Uint8Array.of(value));
  }

  /** Reads eight bytes at a linear address of 64-bit mode, a multiple of eight. */
  readQuad(linear: bigint): bigint {
    return this.#memory.read64(this.#access(linear, READ));
  }

  /** Writes four bytes at a linear address of 64-bit mode. */
  writeData(linear: bigint, value: bigint): void {
    const host = this.#access(linear, WRITE);
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
    const host = this.#access(linear, FETCH);
    return this.#memory.read(host, length);
  }

  /** Puts other instructions at RIP, within one page. */
  overwriteCode(bytes: readonly number[]): void {
    this.#memory.write(this.#access(this.codeAddress, FETCH), Uint8Array.from(bytes));
  }

  /** 4-level paging (SDM 3A 4.5), the tables read through nested paging. */
  linearToPhysical(linear: bigint): bigint {
    return this.#walk(linear).physical;
  }

  #walk(linear: bigint): { physical: bigint; isGlobal: boolean } {
    if (!has(this.vmcs.read(field("GUEST_CR0")), CR0_PG)) return { physical: linear, isGlobal: false };
    if (!isCanonical(linear)) throw new GuestException("#GP: the address is not canonical");
    const isLongMode = has(this.vmcs.read(field("VM_ENTRY_CONTROLS")), control("ENTRY_IA32E_MODE_GUEST"));
    let table = this.vmcs.read(field("GUEST_CR3")) & ~0xfffn;
    for (let level = isLongMode ? 4 : 3; level >= 1; level--) {
      const entry = this.#readEntry(entryAddress(table, level, linear), linear);
      if (!has(entry, PRESENT)) throw new GuestException("#PF: the page is not present");
      table = entry & 0xffffffffff000n;
      if (level === 1 || (level < 4 && has(entry, LARGE))) {
        return { physical: table + (linear % pageBytes(level)), isGlobal: has(entry, GLOBAL) };
      }
    }
    throw new Error("a page-table entry always maps a page");
  }

  /** Where nested paging maps a guest-physical address, for a read; null where it does not. */
  hostAddress(physical: bigint): bigint | null {
    try {
      return this.#nested.translate(physical, 0n, READ, false);
    } catch (error) {
      if (error instanceof NestedFault) return null;
      throw error;
    }
  }

  /** Changes memory at a host-physical address. */
  writeHost(address: bigint, bytes: Uint8Array): void {
    this.#memory.write(address, bytes);
  }

  #readEntry(physical: bigint, linear: bigint): bigint {
    return this.#memory.read64(this.#nested.translate(physical, linear, this.#nested.tableAccess, false));
  }

  #access(linear: bigint, access: bigint): bigint {
    return this.#nested.access(linear, access, (address) => this.#walk(address));
  }
}
