// Time on the simulated machine: its time-stamp counter, the local APIC's timer, which counts once a tick, and an 8254.
import type { PortBytes, PortDevice } from "./ports.ts";
import type { CpuModel } from "./cpu-model.ts";

/** Intel 8254 data sheet, and the crystal of the IBM PC. */
const PIT_HERTZ = 1193182n;
/** How many counts a read of the 8254's channel takes: a measurement is to take few. */
const COUNTS_OF_A_READ = 1000n;
const LATCH_CHANNEL_2 = 0x80;
const CHANNEL_2_OFFSET = 2;
const COMMAND_OFFSET = 3;
/** kHz of a CPU that does not tell. */
const UNTOLD_KILOHERTZ = 2_000_000n;
/** HLTs in a row, after none of which a guest runs. */
const MAXIMUM_SLEEPS = 10_000;

export class MachineClock {
  /** The time-stamp counter; it moves when it is read, and where `pass` says so. */
  ticks = 0n;
  /** Where the time-stamp counter stood whenever the timer was given a count, with the count. */
  readonly counts: { readonly at: bigint; readonly count: number }[] = [];
  /** What the time-stamp counter really does. */
  readonly kilohertz: bigint;
  #count = 0;
  #next: bigint | null = null;
  #sleeps = 0;

  constructor(kilohertz: bigint) {
    this.kilohertz = kilohertz;
  }

  /** RDTSC. */
  read(): bigint {
    return ++this.ticks;
  }

  /** Time passes while the guest runs, or while core waits for a device. */
  pass(ticks: bigint): void {
    this.ticks += ticks;
  }

  /** A write of the timer's initial count, by which it begins anew; 0 stops it. */
  setCount(count: number): void {
    this.counts.push({ at: this.ticks, count });
    this.#count = count;
    this.#next = count === 0 ? null : this.ticks + BigInt(count);
  }

  /** What the timer has left to count. */
  get left(): number {
    if (this.#next === null) return 0;
    const period = BigInt(this.#count);
    const left = this.#next - this.ticks;
    return Number(left > 0n ? left : period - (-left % period));
  }

  /** The timer's interrupt comes: the next one is a count behind the last that was due. */
  tick(): void {
    if (this.#next === null || this.ticks < this.#next) return;
    const period = BigInt(this.#count);
    this.#next += period * ((this.ticks - this.#next) / period + 1n);
  }

  /** HLT: time passes until the timer's next tick. */
  sleep(): void {
    if (this.#next === null) throw new Error("core sleeps, and no timer runs");
    if (++this.#sleeps > MAXIMUM_SLEEPS) throw new Error("core sleeps, and nothing will wake a guest");
    if (this.ticks < this.#next) this.ticks = this.#next;
    this.tick();
  }

  /** A guest runs: whatever core slept for, has come. */
  endSleep(): void {
    this.#sleeps = 0;
  }
}

/** kHz that CPUID tells of the time-stamp counter (SDM 3B 19.7.3). */
export function toldKilohertz(cpu: CpuModel): bigint {
  const [denominator, numerator, crystal] = cpu.leaf(0x15);
  const [base] = cpu.leaf(0x16);
  if (denominator && numerator && crystal) return (BigInt(crystal) * BigInt(numerator)) / BigInt(denominator) / 1000n;
  return base ? BigInt(base) * 1000n : UNTOLD_KILOHERTZ;
}

/** Channel 2 of an 8254 at ports 0x40 to 0x43, which counts down from 65536 again and again. */
export class Pit implements PortDevice {
  readonly #clock: MachineClock;
  #latched = 0;
  #isHighByte = false;

  constructor(clock: MachineClock) {
    this.#clock = clock;
  }

  read(offset: number): number {
    if (offset !== CHANNEL_2_OFFSET) return 0xff;
    const value = this.#isHighByte ? this.#latched >> 8 : this.#latched & 0xff;
    this.#isHighByte = !this.#isHighByte;
    return value;
  }

  write(offset: number, _bytes: PortBytes, value: number): void {
    if (offset !== COMMAND_OFFSET || value !== LATCH_CHANNEL_2) return;
    const { kilohertz } = this.#clock;
    const second = kilohertz * 1000n;
    this.#clock.pass((COUNTS_OF_A_READ * second) / PIT_HERTZ);
    this.#latched = Number(-((this.#clock.ticks * PIT_HERTZ) / second) & 0xffffn);
  }
}
