// What a guest's ports lead to. A table of bytes finds the device: every exit of a driver that polls comes by here.

import { Bus, Device } from "./bus";
import { SIGNAL_NO_DEVICE, Signals } from "./signals";

const PORTS: i32 = 0x10000;
const MAXIMUM_DEVICES: i32 = 32;
const ALL_ONES: u64 = 0xffffffffffffffff;

// In the table of ports, in place of a device's row: there is none, and whether that has been told.
const NO_DEVICE: u8 = 0;
const NO_DEVICE_TOLD: u8 = 1;
const FIRST_ROW: i32 = 2;

/** Answers an OUT of a byte to a port of `device` for the vmm at `root`, as its exits are answered. */
export type ByteWriter = (root: usize, device: Device | null, access: u64) => u32;

/** A device at ports: [first, last], for accesses of up to `widest` bytes. */
export class Row {
  constructor(
    readonly first: u32,
    readonly last: u32,
    readonly widest: u32,
    readonly device: Device | null,
    /** For an OUT of a byte, the frequent case. */
    readonly writer: ByteWriter,
  ) {}

  /** Whether the device takes an access of `bytes` at `port`, which is one of its ports, as a whole. */
  takes(port: u32, bytes: u32): bool {
    return bytes <= this.widest && port + bytes - 1 <= this.last;
  }
}

/**
 * The ports of a VM. Where no device is, an IN reads all ones and an OUT is swallowed, as on a PC. An access that is too wide
 * for a device, or leaves its range, is split into bytes, as a PC's bus does.
 */
export class PortBus extends Bus {
  private readonly rowOfPort: StaticArray<u8> = new StaticArray<u8>(PORTS);
  private readonly rows: StaticArray<Row> = new StaticArray<Row>(MAXIMUM_DEVICES + FIRST_ROW);
  private count: i32 = FIRST_ROW;

  /** `writer` serves every port that has no other. */
  constructor(
    private readonly signals: Signals,
    private readonly writer: ByteWriter,
  ) {
    super();
    const nothing = new Row(0, 0, 0, null, writer);
    for (let i = 0; i < this.rows.length; i++) this.rows[i] = nothing;
  }

  get isWaiting(): bool {
    return this.signals.raised != 0;
  }

  /** Adds `device`, whose registers have a byte each, at [start, start + bytes). */
  attach(start: u64, bytes: u64, device: Device): void {
    this.attachWide(start, bytes, 1, device);
  }

  /**
   * Adds `device` at the ports [start, start + bytes), which nothing has yet, for accesses of up to `widest` bytes. While the
   * machine is put together only.
   */
  attachWide(start: u64, bytes: u64, widest: u32, device: Device): void {
    const first = <u32>start;
    const last = <u32>(start + bytes - 1);
    for (let port = first; port <= last; port++) {
      assert(this.rowOfPort[port] == NO_DEVICE, "two devices were attached to one port");
      this.rowOfPort[port] = <u8>this.count;
    }
    this.rows[this.count++] = new Row(first, last, widest, device, this.writer);
  }

  /** Has `writer` answer an OUT of a byte to `port`, which has a device. While the machine is put together only. */
  hasten(port: u32, writer: ByteWriter): void {
    const row = this.rows[this.rowOfPort[port]];
    this.rowOfPort[port] = <u8>this.count;
    this.rows[this.count++] = new Row(row.first, row.last, row.widest, row.device, writer);
  }

  /** The row of `port`. */
  at(port: u16): Row {
    return unchecked(this.rows[unchecked(this.rowOfPort[port])]);
  }

  /** IN of 1, 2 or 4 bytes from the port `address`, at most 0xffff. */
  read(address: u64, bytes: u32): u64 {
    const port: u32 = <u16>address;
    const row = unchecked(this.rows[unchecked(this.rowOfPort[port])]);
    return row.takes(port, bytes) ? row.device!.read(port - row.first, bytes) : this.readBytes(port, bytes);
  }

  /** OUT of the low `bytes` of `value`. As `read` else. */
  write(address: u64, bytes: u32, value: u64): void {
    const port: u32 = <u16>address;
    const row = unchecked(this.rows[unchecked(this.rowOfPort[port])]);
    if (!row.takes(port, bytes)) this.writeBytes(port, bytes, value);
    else row.device!.write(port - row.first, bytes, value & (ALL_ONES >> (64 - 8 * bytes)));
  }

  private readBytes(port: u32, bytes: u32): u64 {
    let value: u64 = 0;
    for (let i: u32 = 0; i < bytes; i++) value |= this.readByte(port + i) << (8 * i);
    return value;
  }

  private writeBytes(port: u32, bytes: u32, value: u64): void {
    for (let i: u32 = 0; i < bytes; i++) this.writeByte(port + i, (value >> (8 * i)) & 0xff);
  }

  private readByte(port: u32): u64 {
    const row = this.rowAt(port);
    const device = row.device;
    return device ? device.read(port - row.first, 1) & 0xff : 0xff;
  }

  private writeByte(port: u32, value: u64): void {
    const row = this.rowAt(port);
    const device = row.device;
    if (device) device.write(port - row.first, 1, value);
  }

  /** The row of a port; tells the first time that it has no device. An access may go beyond the last port. */
  private rowAt(port: u32): Row {
    if (port >= <u32>PORTS) return this.rows[NO_DEVICE];
    if (this.rowOfPort[port] == NO_DEVICE) {
      this.rowOfPort[port] = NO_DEVICE_TOLD;
      this.signals.port = port;
      this.signals.raised |= SIGNAL_NO_DEVICE;
    }
    return this.rows[this.rowOfPort[port]];
  }
}
