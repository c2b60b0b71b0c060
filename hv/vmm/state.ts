// The state of devices as a table of numbers, with a version a device: one method of a device tells what belongs to it, and
// serves for saving and for restoring.

import { STATE_NUMBERS } from "../shared/vcpu-page";

/** Numbers that all devices together may have. */
const CAPACITY: i32 = STATE_NUMBERS;

export const STATE_OK: u32 = 0;
/** The table does not begin the device's part with its tag. */
export const STATE_WRONG_DEVICE: u32 = 1;
/** The device's part has a version that this vmm does not know. */
export const STATE_WRONG_VERSION: u32 = 2;
/** A number is larger than it can be in the device. */
export const STATE_WRONG_VALUE: u32 = 3;
/** The table ends before the devices do, or has no room for them. */
export const STATE_TOO_SHORT: u32 = 4;
/** The table goes on behind the devices. */
export const STATE_TOO_LONG: u32 = 5;
/** The table is of a machine with other RAM, another disk or another frequency of the time-stamp counter. */
export const STATE_OTHER_MACHINE: u32 = 6;

/**
 * Goes through a machine's state. Each method takes a value and returns what the device is to have: the same while saving, the
 * saved one while restoring. Once something is wrong (`status`) it returns what it is given, so that nothing changes.
 */
export class StateTable {
  readonly numbers: StaticArray<u64> = new StaticArray<u64>(CAPACITY);
  /** How many of `numbers` are used. */
  length: i32 = 0;
  status: u32 = STATE_OK;
  private next: i32 = 0;
  private isRestoring: bool = false;

  startSaving(): void {
    this.length = 0;
    this.next = 0;
    this.isRestoring = false;
    this.status = STATE_OK;
  }

  /** `length` of `numbers` are filled in. */
  startRestoring(): void {
    this.next = 0;
    this.isRestoring = true;
    this.status = STATE_OK;
  }

  /** After restoring: all of the table has been used, else it is not this machine's. */
  end(): void {
    if (this.status == STATE_OK && this.next != this.length) this.status = STATE_TOO_LONG;
  }

  /** A number that belongs to how the machine is made: the saved one must be the same. */
  same(value: u64): void {
    if (this.number(value) != value) this.status = STATE_OTHER_MACHINE;
  }

  /** Begins the part of a device: `tag`, four letters as a number, and the `version` of its list of numbers. */
  begin(tag: u32, version: u32): void {
    const header = ((<u64>tag) << 32) | version;
    const found = this.number(header);
    if (this.status != STATE_OK || found == header) return;
    this.status = <u32>(found >> 32) == tag ? STATE_WRONG_VERSION : STATE_WRONG_DEVICE;
  }

  /** Any number of 64 bits. */
  number(value: u64): u64 {
    return this.atMost(value, u64.MAX_VALUE);
  }

  /** A number from 0 to `limit`. */
  atMost(value: u64, limit: u64): u64 {
    if (this.status != STATE_OK) return value;
    const at = this.next;
    if (at >= (this.isRestoring ? this.length : CAPACITY)) {
      this.status = STATE_TOO_SHORT;
      return value;
    }
    this.next = at + 1;
    if (!this.isRestoring) {
      this.numbers[at] = value;
      this.length = at + 1;
      return value;
    }
    const saved = this.numbers[at];
    if (saved <= limit) return saved;
    this.status = STATE_WRONG_VALUE;
    return value;
  }

  flag(value: bool): bool {
    return this.atMost(value ? 1 : 0, 1) != 0;
  }

  u8(value: u8): u8 {
    return <u8>this.atMost(value, 0xff);
  }

  u16(value: u16): u16 {
    return <u16>this.atMost(value, 0xffff);
  }

  u32(value: u32): u32 {
    return <u32>this.atMost(value, 0xffffffff);
  }

  /** The bytes of an array whose length is the device's. */
  bytes(values: StaticArray<u8>): void {
    for (let i = 0; i < values.length; i++) values[i] = this.u8(values[i]);
  }
}

/** What has a state: `visit` hands each number of it to the table and keeps what it returns, in an order that is its version's. */
export abstract class Stateful {
  abstract visit(table: StateTable): void;
}
