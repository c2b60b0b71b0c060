// The addresses that the host bridge passes on to its bus: whichever function decodes one answers.

import { Device } from "../../bus";
import { Bar } from "./bar";

/** What no function claims reads as all ones, and swallows writes (a master abort). */
const ALL_ONES: u64 = 0xffffffffffffffff;

/** A window of memory or of ports, attached where `start` says. Base addresses outside of it are not reached. */
export class BarWindow extends Device {
  private readonly bars: Array<Bar> = [];
  /** Where the last access went: the next one goes there too, as a rule. */
  private last: Bar | null = null;

  constructor(
    readonly start: u32,
    readonly bytes: u32,
  ) {
    super();
  }

  /** Adds a BAR of this window's kind. While the machine is put together only. */
  add(bar: Bar): void {
    this.bars.push(bar);
  }

  /** Gives each BAR a place of its own, in the order in which they were added: they fit, by far. */
  place(): void {
    let next = this.start;
    for (let i = 0; i < this.bars.length; i++) {
      const bar = this.bars[i];
      const start = (next + bar.bytes - 1) & bar.addressMask;
      assert(start - this.start <= this.bytes - bar.bytes, "the functions of the PCI bus do not fit its windows");
      bar.start = start;
      next = start + bar.bytes;
    }
  }

  read(offset: u32, bytes: u32): u64 {
    const address = this.start + offset;
    const bar = this.barOf(address, bytes);
    return bar ? bar.device.read(address - bar.start, bytes) : ALL_ONES;
  }

  write(offset: u32, bytes: u32, value: u64): void {
    const address = this.start + offset;
    const bar = this.barOf(address, bytes);
    if (bar) bar.device.write(address - bar.start, bytes, value);
  }

  /** As `write` of two bytes, as a driver does for each of its requests. */
  writeWord(offset: u32, value: u16): void {
    const address = this.start + offset;
    const last = this.last;
    if (last && last.start == address && last.decoded != 0) {
      const doorbell = last.doorbell;
      if (doorbell) return doorbell.ring(value);
    }
    const bar = this.barOf(address, 2);
    if (!bar) return;
    const doorbell = bar.doorbell;
    if (doorbell && address == bar.start) doorbell.ring(value);
    else bar.device.write(address - bar.start, 2, value);
  }

  private barOf(address: u32, bytes: u32): Bar | null {
    const last = this.last;
    return last && last.holds(address, bytes) ? last : this.find(address, bytes);
  }

  private find(address: u32, bytes: u32): Bar | null {
    for (let i = 0; i < this.bars.length; i++) {
      const bar = this.bars[i];
      if (!bar.holds(address, bytes)) continue;
      this.last = bar;
      return bar;
    }
    return null;
  }
}
