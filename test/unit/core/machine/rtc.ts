// The real-time clock at ports 0x70 and 0x71, as far as software reads the time from it (Motorola MC146818 data sheet).
import type { PortBytes, PortDevice } from "./ports.ts";

const UPDATE_IN_PROGRESS = 0x80;
const IS_BINARY = 0x04;
const HAS_24_HOURS = 0x02;
const PM = 0x80;
const [REGISTER_A, REGISTER_B] = [10, 11];

export interface RtcFormat {
  readonly isBinary: boolean;
  readonly has24Hours: boolean;
}

export class Rtc implements PortDevice {
  /** UTC. */
  time = new Date("2024-02-29T12:34:56Z");
  format: RtcFormat = { isBinary: false, has24Hours: true };
  /** How many reads of register A find an update in progress; behind them the clock is a second on. */
  updatingReads = 0;
  /** The clock goes a second on behind so many reads of the seconds. */
  secondsUntilUpdate = Infinity;
  #index = 0;

  read(offset: number): number {
    return offset === 1 ? this.#register(this.#index) : 0xff;
  }

  write(offset: number, _bytes: PortBytes, value: number): void {
    if (offset === 0) this.#index = value & 0x7f;
  }

  #register(index: number): number {
    const { time } = this;
    if (index === REGISTER_A) return this.#isUpdating() ? UPDATE_IN_PROGRESS | 0x26 : 0x26;
    if (index === REGISTER_B)
      return (this.format.isBinary ? IS_BINARY : 0) | (this.format.has24Hours ? HAS_24_HOURS : 0);
    if (index === 4) return this.#hours(time.getUTCHours());
    const values = new Map([
      [0, time.getUTCSeconds()],
      [2, time.getUTCMinutes()],
      [6, time.getUTCDay() + 1],
      [7, time.getUTCDate()],
      [8, time.getUTCMonth() + 1],
      [9, time.getUTCFullYear() % 100],
    ]);
    const value = this.#number(values.get(index) ?? 0);
    if (index === 0 && --this.secondsUntilUpdate === 0) this.#advance();
    return value;
  }

  #isUpdating(): boolean {
    if (this.updatingReads === 0) return false;
    if (--this.updatingReads === 0) this.#advance();
    return true;
  }

  #advance(): void {
    this.time = new Date(this.time.getTime() + 1000);
  }

  #hours(hours: number): number {
    if (this.format.has24Hours) return this.#number(hours);
    return this.#number(hours % 12 === 0 ? 12 : hours % 12) | (hours >= 12 ? PM : 0);
  }

  #number(value: number): number {
    return this.format.isBinary ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }
}
