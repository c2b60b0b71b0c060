// Channel 2 of an 8254 and port 0x61, in simulated time: each access to a port takes a microsecond (Intel 8254 data sheet).
import type { PortDevice, Ports } from "../core/machine/ports.ts";

const HERTZ = 1_193_182;
const COMMAND = 1;
const GATE = 1;
const SPEAKER = 2;
const OUT = 0x20;
/** Bits of port 0x61 that devices set, and that change: the refresh toggle and a parity error's. */
const NOISE = 0x50;

/** Counts, is missing (reads of its ports give ones), or stands still with OUT low. */
export type PitKind = "counts" | "is missing" | "stands still";

export class Pit {
  /** Microseconds since the start. */
  now = 0;
  /** What firmware left in bits 3:0 of port 0x61. */
  portB = 0xc | SPEAKER;
  readonly misuses: string[] = [];
  readonly #kind: PitKind;
  /** Of a QEMU: OUT follows from the last count, whatever command came since. */
  readonly #keepsOut: boolean;
  #isCommanded = false;
  #low: number | null = null;
  #end = 0;

  constructor(ports: Ports, kind: PitKind, keepsOut = false) {
    this.#kind = kind;
    this.#keepsOut = keepsOut;
    ports.attach(
      0x42,
      2,
      this.#device((offset, value) => (offset === COMMAND ? this.#command(value) : this.#load(value))),
    );
    ports.attach(
      0x61,
      1,
      this.#device((_, value) => this.#control(value)),
    );
  }

  #device(write: (offset: number, value: number) => void): PortDevice {
    return {
      isUnrecorded: true,
      read: () => (this.now++, this.#kind === "is missing" ? 0xff : this.#read()),
      write: (offset, _, value) => (this.now++, write(offset, value)),
    };
  }

  #read(): number {
    return this.portB | (this.#isHigh ? OUT : 0) | (this.now & 1 ? NOISE : 0);
  }

  get #isHigh(): boolean {
    if (this.#kind === "stands still" || (this.#isCommanded && !this.#keepsOut)) return false;
    return this.now >= this.#end;
  }

  #control(value: number): void {
    if (value & ~0xf) this.misuses.push(`0x${value.toString(16)} to port 0x61, whose bits 7:4 are read-only`);
    this.portB = value & 0xf;
  }

  #command(value: number): void {
    if (value !== 0xb0) this.misuses.push(`command 0x${value.toString(16)}`);
    this.#isCommanded = true;
    this.#low = null;
  }

  #load(value: number): void {
    if (this.#low === null) return void (this.#low = value);
    if (!(this.portB & GATE)) this.misuses.push("a count while the gate is closed");
    if (this.portB & SPEAKER) this.misuses.push("a count while the speaker is on");
    const count = this.#low | (value << 8) || 0x10000;
    this.#low = null;
    this.#isCommanded = false;
    this.#end = this.now + ((count + 1) * 1e6) / HERTZ;
  }
}
