// Writes ACPI tables into guest RAM, field after field (ACPI 6.4, section 5.2.6: the header that all of them have).

import { Ram, RAM_OK } from "../../memory/ram";

const LENGTH_OFFSET: u64 = 4;
const CHECKSUM_OFFSET: u64 = 9;
/** Of the header. */
export const HEADER_BYTES: u32 = 36;

// Who has made the tables, and with what: letters as numbers, the first in the low bits.
/** "BASALT" */
const OEM_LOW: u32 = 0x41534142;
const OEM_HIGH: u32 = 0x544c;
/** "BASALTPC" */
const OEM_TABLE: u64 = 0x4350544c41534142;
const OEM_REVISION: u32 = 1;
/** "BSLT" */
const CREATOR: u32 = 0x544c5342;
const CREATOR_REVISION: u32 = 1;

/** One table after the other. It checks nothing but what RAM checks: `status` is RAM_OK while all that was written is there. */
export class TableWriter {
  status: u32 = RAM_OK;
  /** Where the next field goes. */
  private at: u64 = 0;
  private start: u64 = 0;
  /** The sum of the bytes from `start` on, of which the low eight bits count. */
  private sum: u32 = 0;

  constructor(private readonly ram: Ram) {}

  /** Starts something without a header at `address`. */
  startAt(address: u64): void {
    this.start = address;
    this.at = address;
    this.sum = 0;
  }

  /** Starts a table with its header at `address`. `signature`: four letters, the first in the low bits. */
  startTable(address: u64, signature: u32, revision: u8): void {
    this.startAt(address);
    this.put32(signature);
    this.put32(0);
    this.put8(revision);
    this.put8(0);
    this.putOem();
    this.put64(OEM_TABLE);
    this.put32(OEM_REVISION);
    this.put32(CREATOR);
    this.put32(CREATOR_REVISION);
  }

  /** Ends a table: its length and its checksum. */
  endTable(): void {
    const length = <u32>(this.at - this.start);
    this.note(this.ram.writeU32(this.start + LENGTH_OFFSET, length));
    this.add(length);
    this.putChecksum(CHECKSUM_OFFSET);
  }

  /** Makes the sum of all bytes from the start to here 0 by the byte at `offset`, which is 0 as yet. */
  putChecksum(offset: u64): void {
    const checksum = <u8>(0 - this.sum);
    this.note(this.ram.writeU8(this.start + offset, checksum));
    this.sum += checksum;
  }

  /** OEMID: six letters. */
  putOem(): void {
    this.put32(OEM_LOW);
    this.put16(OEM_HIGH);
  }

  put8(value: u32): void {
    this.put(1, value & 0xff);
  }

  put16(value: u32): void {
    this.put(2, value & 0xffff);
  }

  put32(value: u32): void {
    this.put(4, value);
  }

  put64(value: u64): void {
    this.put(8, value);
  }

  /** `count` bytes of 0. */
  putZeroes(count: u32): void {
    for (let i: u32 = 0; i < count; i++) this.put8(0);
  }

  private put(bytes: u32, value: u64): void {
    this.note(this.ram.writeLow(this.at, bytes, value));
    this.add(<u32>value);
    this.add(<u32>(value >> 32));
    this.at += bytes;
  }

  /** Adds the four bytes of `value` to the sum. */
  private add(value: u32): void {
    this.sum += (value & 0xff) + ((value >> 8) & 0xff) + ((value >> 16) & 0xff) + (value >> 24);
  }

  private note(status: u32): void {
    if (status != RAM_OK) this.status = status;
  }
}
