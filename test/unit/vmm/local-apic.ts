// The local APIC under test, with its surroundings: a clock that the test sets, the processor's pins, the 8259s' INTR.
import { loadHarness } from "./harness.ts";

/** An object of the harness. */
type Ref = number;

interface Harness {
  createMachine(kilohertz: number): Ref;
  reset(machine: Ref): void;
  startLikeFirmware(machine: Ref): void;
  readMsr(machine: Ref, msr: number): number;
  value(machine: Ref): bigint;
  writeMsr(machine: Ref, msr: number, value: bigint): number;
  read(machine: Ref, offset: number, bytes: number): bigint;
  write(machine: Ref, offset: number, bytes: number, value: bigint): void;
  send(machine: Ref, address: bigint, data: number): void;
  taskPriority(machine: Ref): number;
  setTaskPriority(machine: Ref, value: number): void;
  canInterrupt(machine: Ref): number;
  setExternal(machine: Ref, isHigh: number, vector: number, isAutomatic: number): void;
  waiting(machine: Ref): number;
  acknowledge(machine: Ref): void;
  hear(machine: Ref): void;
  setTscOffset(machine: Ref, offset: bigint): void;
  nextAlarm(machine: Ref): bigint;
  ring(machine: Ref, now: bigint): void;
  createTable(): Ref;
  save(machine: Ref, table: Ref): number;
  restore(machine: Ref, table: Ref): number;
  tableLength(table: Ref): number;
  setNumber(table: Ref, at: number, value: bigint): void;
}

export const APIC_BASE = 0x1b;
export const TSC_DEADLINE = 0x6e0;
export const BASE_XAPIC = 0xfee00900n;
export const BASE_X2APIC = 0xfee00d00n;
export const BASE_DISABLED = 0xfee00100n;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** Several machines may share a module's instance; the clock is the last one's. */
export class Apic {
  now = 1000n;
  nmis = 0;
  externalAcknowledged = 0;
  /** Vectors whose ends the I/O APIC was told. */
  readonly ends: number[] = [];
  /** How often the pins were driven. */
  drives = 0;

  readonly harness: Harness;
  readonly machine: Ref;

  private constructor(harness: Harness, machine: Ref) {
    this.harness = harness;
    this.machine = machine;
  }

  static async create(kilohertz = 1_000_000): Promise<Apic> {
    const listener: { apic?: Apic } = {};
    const harness = await loadHarness<Harness>("local-apic-harness.ts", [], {
      host: { clock: () => u64(listener.apic?.now ?? 0n) },
      "local-apic-harness": {
        tellNmi: () => listener.apic!.nmis++,
        tellWaiting: () => listener.apic && listener.apic.drives++,
        tellEnd: (vector: number) => listener.apic!.ends.push(vector),
        tellAcknowledge: () => listener.apic!.externalAcknowledged++,
      },
    });
    const apic = new Apic(harness, harness.createMachine(kilohertz));
    listener.apic = apic;
    return apic;
  }

  static async started(): Promise<Apic> {
    const apic = await Apic.create();
    apic.harness.startLikeFirmware(apic.machine);
    return apic;
  }

  /** In x2APIC mode, enabled. */
  static async x2Apic(): Promise<Apic> {
    const apic = await Apic.started();
    apic.wrmsr(APIC_BASE, BASE_X2APIC);
    return apic;
  }

  /** Undefined for #GP. */
  rdmsr(msr: number): bigint | undefined {
    return this.harness.readMsr(this.machine, msr) ? u64(this.harness.value(this.machine)) : undefined;
  }

  /** False for #GP. */
  wrmsr(msr: number, value: bigint): boolean {
    return this.harness.writeMsr(this.machine, msr, value) !== 0;
  }

  read(offset: number, bytes = 4): number {
    return Number(u64(this.harness.read(this.machine, offset, bytes)) & 0xffff_ffffn);
  }

  write(offset: number, value: number, bytes = 4): void {
    this.harness.write(this.machine, offset, bytes, BigInt(value >>> 0));
  }

  send(address: bigint, data: number): void {
    this.harness.send(this.machine, address, data);
  }

  /** A fixed message to the one processor. */
  message(vector: number, isLevel = false): void {
    this.send(0xfee00000n, vector | (isLevel ? 0xc000 : 0));
  }

  /** The vector that waits with its flags, or 0. */
  get waiting(): number {
    return this.harness.waiting(this.machine);
  }

  /** The processor takes what waits: its vector, 0 for none. */
  take(): number {
    const vector = this.waiting & 0xff;
    if (this.waiting !== 0) this.harness.acknowledge(this.machine);
    this.harness.hear(this.machine);
    return vector;
  }

  external(isHigh: boolean, vector = 0x20, isAutomatic = false): void {
    this.harness.setExternal(this.machine, Number(isHigh), vector, Number(isAutomatic));
  }

  get alarm(): bigint {
    return u64(this.harness.nextAlarm(this.machine));
  }

  /** Time goes on, and alarms ring when they should. */
  runTo(now: bigint): void {
    while (this.alarm <= now) {
      if (this.alarm > this.now) this.now = this.alarm;
      this.harness.ring(this.machine, this.now);
    }
    this.now = now;
  }

  get canInterrupt(): boolean {
    return this.harness.canInterrupt(this.machine) !== 0;
  }

  get taskPriority(): number {
    return this.harness.taskPriority(this.machine);
  }

  set taskPriority(priority: number) {
    this.harness.setTaskPriority(this.machine, priority);
  }
}
