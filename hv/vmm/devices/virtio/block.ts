// A block device (virtio 1.2, 5.2) on a disk that is memory: a request is done when the notification returns.

import { Disk, SECTOR_BYTES } from "../../memory/disk";
import { Ram } from "../../memory/ram";
import { StateTable } from "../../state";
import { Alarms } from "../../time";
import { CHAIN_MALFORMED, CHAIN_SERVED, ChainDevice } from "./chain-device";
import { ConfigurationSpace } from "./configuration-space";
import { Virtqueue } from "./virtqueue";

const DEVICE_ID: u32 = 2;
const QUEUE_SIZE: u32 = 256;

/** "VBLK". */
const TAG: u32 = 0x56424c4b;
const VERSION: u32 = 1;

// Feature bits (5.2.3).
const F_SIZE_MAX: u64 = 1 << 1;
const F_SEG_MAX: u64 = 1 << 2;
const F_RO: u64 = 1 << 5;
const F_BLK_SIZE: u64 = 1 << 6;
const F_FLUSH: u64 = 1 << 9;
const F_TOPOLOGY: u64 = 1 << 10;
const F_DISCARD: u64 = 1 << 13;
const F_WRITE_ZEROES: u64 = 1 << 14;
const OFFERED: u64 = F_SIZE_MAX | F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY;
/** Of a disk that can be written. */
const WRITES: u64 = F_DISCARD | F_WRITE_ZEROES;

/** The most data of a request: a call of the vmm has time for it. */
const REQUEST_BYTES: u32 = 16 << 20;
/** A header and a status stand beside a request's data, all of which are never more than REQUEST_BYTES. */
const SEGMENTS: u32 = QUEUE_SIZE - 2;
const SEGMENT_BYTES: u32 = 64 << 10;
const ZEROED_SECTORS: u32 = REQUEST_BYTES / <u32>SECTOR_BYTES;
const DISCARDED_SECTORS: u32 = 0xffffffff / <u32>SECTOR_BYTES;
/** Pages of 4 KiB, as a power of 2 of sectors, and as sectors. */
const PAGE_EXPONENT: u64 = 3;
const PAGE_SECTORS: u64 = 8;

// The configuration (5.2.4).
const CONFIGURATION_BYTES: i32 = 60;
const CAPACITY: i32 = 0;
const SIZE_MAX: i32 = 8;
const SEG_MAX: i32 = 12;
const BLK_SIZE: i32 = 20;
const PHYSICAL_BLOCK_EXP: i32 = 24;
const MIN_IO_SIZE: i32 = 26;
const MAX_DISCARD_SECTORS: i32 = 36;
const MAX_DISCARD_SEG: i32 = 40;
const DISCARD_SECTOR_ALIGNMENT: i32 = 44;
const MAX_WRITE_ZEROES_SECTORS: i32 = 48;
const MAX_WRITE_ZEROES_SEG: i32 = 52;
const WRITE_ZEROES_MAY_UNMAP: i32 = 56;

// Requests (5.2.6): a header of type, a reserved word and a sector; data; a status.
const HEADER_BYTES: u32 = 16;
const T_IN: u32 = 0;
const T_OUT: u32 = 1;
const T_FLUSH: u32 = 4;
const T_GET_ID: u32 = 8;
const T_DISCARD: u32 = 11;
const T_WRITE_ZEROES: u32 = 13;
const STATUS_BYTES: u32 = 1;
const S_OK: u32 = 0;
const S_IOERR: u32 = 1;
const S_UNSUPP: u32 = 2;

/** Of DISCARD and WRITE_ZEROES: a sector, how many there are, flags. */
const RANGE_BYTES: u32 = 16;
const FLAG_UNMAP: u32 = 1;

/** Of GET_ID; zeroes behind it. */
const ID_BYTES: u32 = 20;
const SERIAL_NUMBER: string = "basalt-disk";

/** One tick moves eight bytes; twice that, as the buffers may be cold. */
const COPY_SHIFT: u32 = 2;

const NO_HEADER: string = "virtio-blk: a request has no header of 16 bytes";
const NO_STATUS: string = "virtio-blk: a request has no byte for its status";

export class BlockDevice extends ChainDevice {
  private readonly configuration: ConfigurationSpace = new ConfigurationSpace(CONFIGURATION_BYTES);
  /** The first bytes for reading of a chain: a header, and a range behind it. */
  private readonly request: StaticArray<u8> = new StaticArray<u8>(HEADER_BYTES + RANGE_BYTES);

  constructor(
    private readonly ram: Ram,
    alarms: Alarms,
    private readonly disk: Disk,
  ) {
    super(alarms, DEVICE_ID, [new Virtqueue(ram, QUEUE_SIZE)], OFFERED | (disk.isReadOnly ? F_RO : WRITES));
    const configuration = this.configuration;
    configuration.set(CAPACITY, 8, disk.sectors);
    configuration.set(SIZE_MAX, 4, SEGMENT_BYTES);
    configuration.set(SEG_MAX, 4, SEGMENTS);
    configuration.set(BLK_SIZE, 4, SECTOR_BYTES);
    configuration.set(PHYSICAL_BLOCK_EXP, 1, PAGE_EXPONENT);
    configuration.set(MIN_IO_SIZE, 2, PAGE_SECTORS);
    if (!disk.isReadOnly) this.describeWrites();
  }

  private describeWrites(): void {
    const configuration = this.configuration;
    configuration.set(MAX_DISCARD_SECTORS, 4, DISCARDED_SECTORS);
    configuration.set(MAX_DISCARD_SEG, 4, 1);
    configuration.set(DISCARD_SECTOR_ALIGNMENT, 4, PAGE_SECTORS);
    configuration.set(MAX_WRITE_ZEROES_SECTORS, 4, ZEROED_SECTORS);
    configuration.set(MAX_WRITE_ZEROES_SEG, 4, 1);
    configuration.set(WRITE_ZEROES_MAY_UNMAP, 1, 0);
  }

  readConfiguration(offset: u32, bytes: u32): u64 {
    return this.configuration.read(offset, bytes);
  }

  /** Nothing of it can be written, as VIRTIO_BLK_F_CONFIG_WCE is not offered. */
  writeConfiguration(_offset: u32, _bytes: u32, _value: u64): void {}

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    super.visit(table);
  }

  /** How the driver splits the request into buffers is its own business (2.7.4.1). */
  serveChain(queue: Virtqueue): u32 {
    return serveBlockRequest(this, queue);
  }

  /** For the function `serveBlockRequest`. */
  serveRequest(queue: Virtqueue): u32 {
    if (queue.readableBytes < HEADER_BYTES) return this.malformed(NO_HEADER);
    if (queue.writableBytes == 0) return this.malformed(NO_STATUS);
    let type: u32, sector: u64;
    if (unchecked(queue.lengths[0]) >= HEADER_BYTES) {
      const header = unchecked(queue.addresses[0]);
      type = <u32>this.ram.readHeld(header);
      sector = this.ram.readHeld(header + 8);
    } else {
      this.gather(queue);
      type = <u32>this.number(0, 4);
      sector = this.number(8, 8);
    }
    const status = this.execute(queue, type, sector);
    const last = queue.count - 1;
    const end = unchecked(queue.addresses[last]) + unchecked(queue.lengths[last]);
    this.ram.writeHeldU8(end - STATUS_BYTES, status);
    // The driver is told of the status only where all before it was filled in, too (2.7.8.2).
    if (this.written == queue.writableBytes - STATUS_BYTES) this.written = queue.writableBytes;
    return CHAIN_SERVED;
  }

  private malformed(problem: string): u32 {
    this.problem = problem;
    return CHAIN_MALFORMED;
  }

  /** Returns the request's status. */
  private execute(queue: Virtqueue, type: u32, sector: u64): u32 {
    if (type == T_IN) return this.read(queue, sector);
    if (type == T_OUT) return this.write(queue, sector);
    // What was written is where it is to be.
    if (type == T_FLUSH) return S_OK;
    if (type == T_GET_ID) return this.tellId(queue);
    return type == T_DISCARD || type == T_WRITE_ZEROES ? this.clear(queue, type) : S_UNSUPP;
  }

  /** Whether `bytes` from `sector` on can be moved: 5.2.6.2. */
  private isTransfer(sector: u64, bytes: u32): bool {
    const count = bytes / <u32>SECTOR_BYTES;
    return bytes % <u32>SECTOR_BYTES == 0 && bytes <= REQUEST_BYTES && this.disk.holds(sector, count);
  }

  private read(queue: Virtqueue, sector: u64): u32 {
    const all = queue.writableBytes - STATUS_BYTES;
    if (!this.isTransfer(sector, all)) return S_IOERR;
    this.ticks += all >> COPY_SHIFT;
    this.written = all;
    const disk = this.disk;
    const addresses = queue.addresses;
    const lengths = queue.lengths;
    let left = all;
    let offset = sector * SECTOR_BYTES;
    const first = queue.readable;
    // The queue has found its buffers to be RAM, `isTransfer` the sectors to be the disk's.
    if (all != 0 && unchecked(lengths[first]) >= all) {
      disk.readHeld(offset, unchecked(addresses[first]), all);
      return S_OK;
    }
    for (let i = first; left != 0; i++) {
      const bytes = min(unchecked(lengths[i]), left);
      disk.readHeld(offset, unchecked(addresses[i]), bytes);
      offset += bytes;
      left -= bytes;
    }
    return S_OK;
  }

  private write(queue: Virtqueue, sector: u64): u32 {
    const all = queue.readableBytes - HEADER_BYTES;
    if (this.disk.isReadOnly || !this.isTransfer(sector, all)) return S_IOERR;
    this.ticks += all >> COPY_SHIFT;
    let offset = sector * SECTOR_BYTES;
    let skipped = HEADER_BYTES;
    for (let i: u32 = 0; i < queue.readable; i++) {
      const length = unchecked(queue.lengths[i]);
      const skips = min(skipped, length);
      skipped -= skips;
      if (!this.disk.write(offset, unchecked(queue.addresses[i]) + skips, length - skips)) return S_IOERR;
      offset += length - skips;
    }
    return S_OK;
  }

  /** DISCARD, which leaves the sectors as they are, or WRITE_ZEROES. */
  private clear(queue: Virtqueue, type: u32): u32 {
    if (this.disk.isReadOnly) return S_IOERR;
    if (queue.readableBytes != HEADER_BYTES + RANGE_BYTES) return S_IOERR;
    this.gather(queue);
    const sector = this.number(HEADER_BYTES, 8);
    const count = <u32>this.number(HEADER_BYTES + 8, 4);
    const flags = <u32>this.number(HEADER_BYTES + 12, 4);
    const known: u32 = type == T_DISCARD ? 0 : FLAG_UNMAP;
    if ((flags & ~known) != 0) return S_UNSUPP;
    if (!this.disk.holds(sector, count)) return S_IOERR;
    if (type == T_DISCARD) return S_OK;
    if (count > ZEROED_SECTORS) return S_IOERR;
    this.ticks += (count * <u32>SECTOR_BYTES) >> COPY_SHIFT;
    return this.disk.zero(sector * SECTOR_BYTES, count * SECTOR_BYTES) ? S_OK : S_IOERR;
  }

  private tellId(queue: Virtqueue): u32 {
    const end = min(queue.writableBytes - STATUS_BYTES, ID_BYTES);
    let position: u32 = 0;
    for (let i = queue.readable; i < queue.count && position < end; i++) {
      const bytes = min(queue.lengths[i], end - position);
      for (let j: u32 = 0; j < bytes; j++) {
        const character = <i32>position < SERIAL_NUMBER.length ? SERIAL_NUMBER.charCodeAt(position) : 0;
        this.ram.writeHeldU8(queue.addresses[i] + j, character);
        position++;
      }
    }
    this.written = end;
    return S_OK;
  }

  /** Reads the first bytes for reading into `request`, as many as it has. */
  private gather(queue: Virtqueue): void {
    const request = this.request;
    let position: i32 = 0;
    for (let i: u32 = 0; i < queue.readable && position < request.length; i++) {
      const bytes = min(queue.lengths[i], request.length - position);
      for (let j: u32 = 0; j < bytes; j++) request[position++] = this.ram.readHeldU8(queue.addresses[i] + j);
    }
  }

  /** A number of `request`. */
  private number(offset: u32, bytes: u32): u64 {
    let value: u64 = 0;
    for (let i: u32 = 0; i < bytes; i++) value |= (<u64>this.request[offset + i]) << (8 * i);
    return value;
  }
}

/** Index.ts exports it, to keep it out of the code that serves all kinds of devices' chains: there it would lack registers. */
export function serveBlockRequest(device: BlockDevice, queue: Virtqueue): u32 {
  return device.serveRequest(queue);
}
