// A PC of small devices only, whose time is what a test says it is.
import { textAt } from "../core/machine/vmm-bridge.ts";
import { loadHarness } from "./harness.ts";

interface Exports {
  readonly memory: WebAssembly.Memory;
  createMachine(kilohertz: number, startTime: bigint, ramBytes: bigint): number;
  createTable(): number;
  read(machine: number, port: number, bytes: number): number;
  write(machine: number, port: number, bytes: number, value: number): void;
  level(machine: number, input: number): number;
  rises(machine: number, input: number): number;
  nextAlarm(machine: number): bigint;
  ring(machine: number): void;
  takeSignals(machine: number): number;
  report(machine: number): number;
  seconds(machine: number): bigint;
  pressPowerButton(machine: number): void;
  reset(machine: number): void;
  save(machine: number, table: number): number;
  restore(machine: number, table: number): number;
  tableLength(table: number): number;
  tableNumber(table: number, index: number): bigint;
  setTableNumber(table: number, index: number, value: bigint): void;
}

export const NEVER = (1n << 64n) - 1n;

export const SIGNAL_NO_DEVICE = 4;
export const SIGNAL_RESET = 8;
export const SIGNAL_POWER_OFF = 16;
export const SIGNAL_REPORT = 64;

/** The time-stamp counter of all machines of a test file. */
export const time = { now: 1_000_000n };

const exports = await loadHarness<Exports>("pc-devices-harness.ts", [], { host: { clock: () => time.now } });

export interface Options {
  readonly kilohertz?: number;
  readonly startTime?: bigint;
  readonly ramBytes?: bigint;
}

export class StateNumbers {
  readonly pointer = exports.createTable();

  get length(): number {
    return exports.tableLength(this.pointer);
  }

  get numbers(): bigint[] {
    return Array.from({ length: this.length }, (_, i) => BigInt.asUintN(64, exports.tableNumber(this.pointer, i)));
  }

  set(index: number, value: bigint): void {
    exports.setTableNumber(this.pointer, index, value);
  }
}

export class PcDevices {
  private readonly machine: number;

  constructor(options: Options = {}) {
    const { kilohertz = 1_000_000, startTime = 0n, ramBytes = 512n << 20n } = options;
    this.machine = exports.createMachine(kilohertz, startTime, ramBytes);
  }

  in(port: number, bytes = 1): number {
    return exports.read(this.machine, port, bytes) >>> 0;
  }

  out(port: number, value: number, bytes = 1): void {
    exports.write(this.machine, port, bytes, value);
  }

  level(input: number): boolean {
    return exports.level(this.machine, input) !== 0;
  }

  rises(input: number): number {
    return exports.rises(this.machine, input);
  }

  get nextAlarm(): bigint {
    return BigInt.asUintN(64, exports.nextAlarm(this.machine));
  }

  ring(): void {
    exports.ring(this.machine);
  }

  /** Lets time pass, and rings each alarm when it is due; how many there were. */
  passUntil(now: bigint): number {
    let count = 0;
    for (; this.nextAlarm <= now; count++) {
      if (this.nextAlarm > time.now) time.now = this.nextAlarm;
      this.ring();
    }
    time.now = now;
    return count;
  }

  get signals(): number {
    return exports.takeSignals(this.machine);
  }

  get report(): string {
    return textAt(exports.memory, exports.report(this.machine));
  }

  get seconds(): number {
    return Number(exports.seconds(this.machine));
  }

  pressPowerButton(): void {
    exports.pressPowerButton(this.machine);
  }

  reset(): void {
    exports.reset(this.machine);
  }

  save(table: StateNumbers): number {
    return exports.save(this.machine, table.pointer);
  }

  restore(table: StateNumbers): number {
    return exports.restore(this.machine, table.pointer);
  }
}

/** Numbers that look random and are the same in each run: a linear congruential generator's upper bits. */
export function numbersFrom(seed: number): (below: number) => number {
  let state = BigInt(seed);
  return (below) => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    return Number(((state >> 33n) * BigInt(below)) >> 31n);
  };
}
