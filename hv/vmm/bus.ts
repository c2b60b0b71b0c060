// What a guest's ports and its physical addresses beyond RAM lead to.

/** A device model: registers at ports or in memory. What it does not have reads as all ones and swallows writes. */
export abstract class Device {
  /** Reads `bytes` (1, 2 or 4; 8 in memory too) from `offset` of the range under which it was attached. */
  abstract read(offset: u32, bytes: u32): u64;
  /** Writes; the value's bits beyond `bytes` are 0. */
  abstract write(offset: u32, bytes: u32, value: u64): void;
}

/** Writes to a device, as `Device.write` does. */
export type MemoryWriter = (device: Device, offset: u32, bytes: u32, value: u64) => void;

/** The writer of devices that are written rarely. */
export function writeDevice(device: Device, offset: u32, bytes: u32, value: u64): void {
  device.write(offset, bytes, value);
}

/** A range of addresses, and the device that answers there. */
export class Range {
  constructor(
    readonly start: u64,
    readonly bytes: u64,
    readonly device: Device,
    readonly writer: MemoryWriter,
  ) {}

  holds(address: u64, bytes: u32): bool {
    // Below the start this is larger than any range.
    const offset = address - this.start;
    return offset < this.bytes && bytes <= this.bytes - offset;
  }

  overlaps(start: u64, bytes: u64): bool {
    return start - this.start < this.bytes || this.start - start < bytes;
  }
}

const ALL_ONES: u64 = 0xffffffffffffffff;

/** Ranges of one address space, none of which overlap: the machine's ports, or its physical memory. */
export class Bus {
  private readonly ranges: Array<Range> = [];
  /** Where the last access went: the next one goes there too, as a rule. */
  private last: Range | null = null;

  /** Adds `device` at [start, start + bytes). Called while the machine is put together only. */
  attach(start: u64, bytes: u64, device: Device): void {
    this.attachOften(start, bytes, device, writeDevice);
  }

  /** The same, for one that is written often: by its `writer` it need not be found out which of all devices it is. */
  attachOften(start: u64, bytes: u64, device: Device, writer: MemoryWriter): void {
    for (let i = 0; i < this.ranges.length; i++) {
      assert(!this.ranges[i].overlaps(start, bytes), "two devices have the same addresses");
    }
    this.ranges.push(new Range(start, bytes, device, writer));
  }

  /** The range that all of [address, address + bytes) lies in; null where there is none. */
  rangeOf(address: u64, bytes: u32): Range | null {
    const last = this.last;
    return last && last.holds(address, bytes) ? last : this.find(address, bytes);
  }

  /** Reads `bytes`; all ones where no device is. */
  read(address: u64, bytes: u32): u64 {
    const range = this.rangeOf(address, bytes);
    const mask = ALL_ONES >> (64 - 8 * bytes);
    return range ? range.device.read(<u32>(address - range.start), bytes) & mask : mask;
  }

  /** Writes the low `bytes` of `value`; nothing happens where no device is. */
  write(address: u64, bytes: u32, value: u64): void {
    const range = this.rangeOf(address, bytes);
    if (!range) return;
    range.writer(range.device, <u32>(address - range.start), bytes, value & (ALL_ONES >> (64 - 8 * bytes)));
  }

  /** Whether a device has something for the vmm to do before the next access. */
  get isWaiting(): bool {
    return false;
  }

  private find(address: u64, bytes: u32): Range | null {
    for (let i = 0; i < this.ranges.length; i++) {
      const range = this.ranges[i];
      if (!range.holds(address, bytes)) continue;
      this.last = range;
      return range;
    }
    return null;
  }
}
