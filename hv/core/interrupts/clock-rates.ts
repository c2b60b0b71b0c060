// How fast the time-stamp counter and the local APIC's timer run, measured by channel 2 of the 8254 (Intel 8254 data sheet).

import { hostTscKilohertz } from "../cpu/frequency";
import { Cpuid } from "../cpu/cpuid";
import { Console } from "../console/console";
import { in8, out8, rdtsc, setTimerCount } from "../hardware";
import { APIC_ABSENT, LocalApic, TIMER_PERIOD } from "./local-apic";

const HERTZ: u64 = 1193182;
/** 25 ms. */
const MEASURED_COUNTS: u32 = 29830;
/** One read of the count takes some microseconds on a PC, and some nanoseconds in an emulator: ten times the longest wait. */
const MAXIMUM_READS: u32 = 2000000;

const CHANNEL_2: u32 = 0x42;
const COMMAND: u32 = 0x43;
/** Channel 2, both bytes, mode 2 (rate generator: the count runs on), binary. */
const COMMAND_MODE_2: u32 = 0xb4;
const COMMAND_LATCH: u32 = 0x80;
const PORT_B: u32 = 0x61;
const PORT_B_WRITABLE: u32 = 0xf;
const PORT_B_GATE: u32 = 1 << 0;
const PORT_B_SPEAKER: u32 = 1 << 1;

/** Where neither the processor nor the 8254 tells it. */
const ASSUMED_KILOHERTZ: u32 = 1000000;

/** The two rates; made once, on the CPU that booted, as all CPUs are alike. */
export class ClockRates {
  /** Of the time-stamp counter. */
  tscKilohertz: u32 = 0;
  /** Counts of the local APIC's timer, at the divisor that `LocalApic.start` sets, for 2^32 ticks of the time-stamp counter. */
  timerRate: u64 = (<u64>1) << 32;

  /**
   * Measures for 25 ms. Interrupts are off. What CPUID tells of the time-stamp counter is more exact, but emulators tell there what
   * they do not keep: it holds only where the measurement agrees to 1 in 64.
   */
  constructor(apic: LocalApic, console: Console) {
    const told = hostTscKilohertz(new Cpuid());
    const measured = this.measure(apic);
    const isTrue = measured == 0 || (told > measured - measured / 64 && told < measured + measured / 64);
    this.tscKilohertz = told != 0 && isTrue ? told : measured != 0 ? measured : ASSUMED_KILOHERTZ;
    const line = console.debug().text("time-stamp counter: ").decimal(this.tscKilohertz).text(" kHz; CPUID tells ");
    line.decimal(told).text(", by the 8254 it is ").decimal(measured).end();
    if (told == 0 && measured == 0) {
      console.warning().text("neither CPUID nor an 8254 tells how fast time goes; guests are told 1 GHz").end();
    }
  }

  /** kHz of the time-stamp counter by the 8254; 0 where that does not count. */
  private measure(apic: LocalApic): u32 {
    const portB = in8(PORT_B) & PORT_B_WRITABLE;
    out8(PORT_B, (portB & ~PORT_B_SPEAKER) | PORT_B_GATE);
    out8(COMMAND, COMMAND_MODE_2);
    out8(CHANNEL_2, 0);
    out8(CHANNEL_2, 0);
    // It is not to begin anew meanwhile.
    setTimerCount(0xffffffff);
    // The 8254's count is loaded at its next clock.
    readCount();
    const firstCount = readCount();
    const firstTsc = rdtsc();
    const firstTimer = apic.currentCount;
    let passed: u32 = 0;
    for (let reads: u32 = 0; reads < MAXIMUM_READS && passed < MEASURED_COUNTS; reads++) {
      const now = (firstCount - readCount()) & 0xffff;
      if (now < passed) break;
      passed = now;
      if (reads == MAXIMUM_READS / 1000 && passed == 0) break;
    }
    const tsc = rdtsc() - firstTsc;
    const timer = firstTimer - apic.currentCount;
    out8(PORT_B, portB);
    setTimerCount(TIMER_PERIOD);
    if (passed < MEASURED_COUNTS || tsc >> 32 != 0) return 0;
    if (apic.mode != APIC_ABSENT && timer != 0) this.timerRate = ((<u64>timer) << 32) / tsc;
    return <u32>((tsc * HERTZ) / passed / 1000);
  }
}

function readCount(): u32 {
  out8(COMMAND, COMMAND_LATCH);
  const low = in8(CHANNEL_2);
  return low | (in8(CHANNEL_2) << 8);
}
