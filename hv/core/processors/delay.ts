// A delay by channel 2 of the 8254 timer, the speaker's, which no interrupt hangs on (Intel 8254 data sheet).

import { in8, out8 } from "../hardware";

const HERTZ: u64 = 1193182;
const MICROSECONDS: u64 = 1000000;
const MAXIMUM_COUNT: u32 = 0xffff;

const CHANNEL_2: u32 = 0x42;
const COMMAND: u32 = 0x43;
/** Channel 2, both bytes of the count, mode 0 (OUT goes high when the count is over), binary. */
const COMMAND_MODE_0: u32 = 0xb0;

/** System control port B: bits 3:0 can be written. */
const PORT_B: u32 = 0x61;
const PORT_B_WRITABLE: u32 = 0xf;
const PORT_B_GATE: u32 = 1 << 0;
const PORT_B_SPEAKER: u32 = 1 << 1;
const PORT_B_OUT: u32 = 1 << 5;

/**
 * More than a processor can make in one count, 838 ns, also where a read of a port takes no longer than another instruction, as in
 * an emulator whose instructions take a nanosecond: the bound is for a timer that stands still.
 */
const POLLS_PER_COUNT: u32 = 400;

/** Waits; and remembers if the machine has no timer that counts, so that its bound is waited for once only. */
export class Delay {
  private isChecked: bool = false;
  private isStanding: bool = false;

  /**
   * Waits for at least `microseconds`, up to a second. False where the 8254 does not count: then as many reads of a port have
   * passed, each of which takes about a microsecond on a PC.
   */
  wait(microseconds: u32): bool {
    const portB = in8(PORT_B) & PORT_B_WRITABLE;
    out8(PORT_B, (portB & ~PORT_B_SPEAKER) | PORT_B_GATE);
    if (!this.isChecked) this.check();
    // Rounded down, as a count of n takes n + 1 clocks.
    let counts = (<u64>microseconds * HERTZ) / MICROSECONDS;
    while (counts > 0 && !this.isStanding) {
      const part = <u32>min(counts, <u64>MAXIMUM_COUNT);
      this.isStanding = !countDown(part);
      counts -= part;
    }
    if (this.isStanding) for (let n: u32 = 0; n < microseconds; n++) in8(PORT_B);
    out8(PORT_B, portB);
    return !this.isStanding;
  }

  /** OUT is low during the longest count, 55 ms, unless nothing is there. */
  private check(): void {
    this.isChecked = true;
    startCount(0);
    this.isStanding = (in8(PORT_B) & PORT_B_OUT) != 0;
  }
}

function startCount(count: u32): void {
  out8(COMMAND, COMMAND_MODE_0);
  out8(CHANNEL_2, count & 0xff);
  out8(CHANNEL_2, count >> 8);
}

function countDown(count: u32): bool {
  startCount(count);
  for (let polls = count * POLLS_PER_COUNT; polls > 0; polls--) {
    if (in8(PORT_B) & PORT_B_OUT) return true;
  }
  return false;
}
