// A local APIC, by its page of registers or by x2APIC's MSRs (SDM 3A chapter 11).
import { MachineClock } from "./clock.ts";
import type { MemoryDevice } from "./device-registers.ts";

const ID = 0x20;
const VERSION = 0x30;
const TASK_PRIORITY = 0x80;
const EOI = 0xb0;
const SPURIOUS = 0xf0;
const IN_SERVICE = 0x100;
const IN_SERVICE_END = 0x180;
const COMMAND = 0x300;
const COMMAND_HIGH = 0x310;
const PENDING = 0x1000;
const INITIAL_COUNT = 0x380;
const CURRENT_COUNT = 0x390;
const DIVIDE = 0x3e0;
const SOFTWARE_ENABLE = 0x100;
const MASKED = 0x10000;
const X2APIC_FIRST = 0x800;

/** The entries of the local vector table in the order in which CPUs got them; the timer is the first. */
export const LVT = {
  timer: 0x320,
  lint0: 0x350,
  lint1: 0x360,
  error: 0x370,
  performance: 0x340,
  thermal: 0x330,
  cmci: 0x2f0,
};
export type LvtName = keyof typeof LVT;
const lvtOffsets = Object.values(LVT);

/** What was sent by the interrupt command register: the destination, and the register's low half. */
export interface Sent {
  readonly destination: number;
  readonly command: number;
}

export class LocalApic implements MemoryDevice {
  /** The APIC ID. */
  id = 0;
  readonly #clock: MachineClock;
  readonly sent: Sent[] = [];
  /** In xAPIC mode, how many reads after a command find it pending. */
  pendingReads = 0;
  #pending = 0;
  /** How many entries the local vector table has. */
  lvtEntries = 7;
  readonly registers = new Map<number, number>([
    [SPURIOUS, 0xff],
    ...lvtOffsets.map((offset) => [offset, MASKED] as const),
    // As a BIOS leaves them: the 8259's interrupts come in, and NMIs.
    [LVT.lint0, 0x700],
    [LVT.lint1, 0x400],
  ]);
  /** Vectors in service, as firmware may leave them. */
  readonly inService = new Set<number>();
  /** Accesses that an APIC of this kind faults at or leaves undefined. */
  readonly misuses: string[] = [];

  constructor(clock = new MachineClock(1n)) {
    this.#clock = clock;
  }

  /** The timer's initial count. */
  set count(count: number) {
    this.registers.set(INITIAL_COUNT, count);
    this.#clock.setCount(count);
  }

  lvt(name: LvtName): number {
    return this.registers.get(LVT[name]) ?? 0;
  }

  read(offset: number): number {
    if (offset === ID) return (this.id << 24) >>> 0;
    if (offset === COMMAND && this.#pending > 0) return (this.#pending--, (this.registers.get(offset) ?? 0) | PENDING);
    if (offset === VERSION) return 0x14 | ((this.lvtEntries - 1) << 16);
    if (offset >= IN_SERVICE && offset < IN_SERVICE_END) return this.#inServiceWord((offset - IN_SERVICE) / 16);
    if (offset === CURRENT_COUNT) return this.#clock.left;
    if (!this.#exists(offset)) this.misuses.push(`read of register 0x${offset.toString(16)}`);
    return this.registers.get(offset) ?? 0;
  }

  write(offset: number, value: number): void {
    const isReadOnly = offset === VERSION || offset === CURRENT_COUNT;
    if (!this.#exists(offset) || isReadOnly) this.misuses.push(`write of register 0x${offset.toString(16)}`);
    if (offset === COMMAND) this.#send((this.registers.get(COMMAND_HIGH) ?? 0) >>> 24, value);
    if (offset === INITIAL_COUNT) return void (this.count = value >>> 0);
    if (offset === EOI) return void this.inService.delete(Math.max(...this.inService));
    const isOff = !((this.registers.get(SPURIOUS) ?? 0) & SOFTWARE_ENABLE);
    // While software disables the APIC, every entry is masked, whatever is written (SDM 3A 11.4.7.2).
    this.registers.set(offset, isOff && lvtOffsets.includes(offset) ? value | MASKED : value);
  }

  /** RDMSR of an x2APIC register; undefined where it faults. */
  readMsr(index: number): bigint | undefined {
    const offset = (index - X2APIC_FIRST) * 16;
    if (offset === ID) return BigInt(this.id >>> 0);
    return this.#exists(offset) && offset !== EOI && offset !== COMMAND_HIGH
      ? BigInt(this.read(offset) >>> 0)
      : undefined;
  }

  /** WRMSR; false where it faults. */
  writeMsr(index: number, value: bigint): boolean {
    const offset = (index - X2APIC_FIRST) * 16;
    if (offset === COMMAND) return (this.sent.push(halves(value)), true);
    if (offset === COMMAND_HIGH) return false;
    const isReadOnly =
      [ID, VERSION, CURRENT_COUNT].includes(offset) || (offset >= IN_SERVICE && offset < IN_SERVICE_END);
    if (!this.#exists(offset) || isReadOnly || value >> 32n !== 0n || (offset === EOI && value !== 0n)) return false;
    this.write(offset, Number(value));
    return true;
  }

  #send(destination: number, command: number): void {
    if (this.#pending > 0) this.misuses.push("a command while another is pending");
    this.sent.push({ destination, command: command >>> 0 });
    this.#pending = this.pendingReads;
  }

  #exists(offset: number): boolean {
    const entry = lvtOffsets.indexOf(offset);
    if (entry >= 0) return entry < this.lvtEntries;
    const isInService = offset >= IN_SERVICE && offset < IN_SERVICE_END && offset % 16 === 0;
    const others = [ID, VERSION, TASK_PRIORITY, EOI, SPURIOUS, COMMAND, COMMAND_HIGH];
    return isInService || [...others, INITIAL_COUNT, CURRENT_COUNT, DIVIDE].includes(offset);
  }

  #inServiceWord(n: number): number {
    return [...this.inService]
      .filter((vector) => vector >> 5 === n)
      .reduce((word, vector) => word | (1 << (vector & 31)), 0);
  }
}

/** x2APIC's command of 64 bits. */
function halves(value: bigint): Sent {
  return { destination: Number(value >> 32n), command: Number(value & 0xffffffffn) };
}
