// An entropy device (virtio 1.2, 5.4): each buffer is filled with random bytes.

import { Ram } from "../../memory/ram";
import { EntropySource } from "../../random";
import { StateTable } from "../../state";
import { Alarms } from "../../time";
import { CHAIN_MALFORMED, CHAIN_SERVED, ChainDevice } from "./chain-device";
import { Virtqueue } from "./virtqueue";

const DEVICE_ID: u32 = 4;
const QUEUE_SIZE: u32 = 16;

/** "VRNG". */
const TAG: u32 = 0x56524e47;
const VERSION: u32 = 1;

/** A chain is given no more: the device may use a part of it (5.4.6.2). */
const CHAIN_BYTES: u32 = 1024;
/** To make a byte. */
const TICKS_OF_BYTE: u32 = 200;

const NOT_WRITABLE: string = "virtio-rng: a buffer is not for writing";

export class EntropyDevice extends ChainDevice {
  constructor(
    private readonly ram: Ram,
    alarms: Alarms,
    private readonly source: EntropySource,
  ) {
    super(alarms, DEVICE_ID, [new Virtqueue(ram, QUEUE_SIZE)], 0);
  }

  /** It has none. */
  readConfiguration(_offset: u32, _bytes: u32): u64 {
    return 0;
  }

  writeConfiguration(_offset: u32, _bytes: u32, _value: u64): void {}

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    super.visit(table);
  }

  serveChain(queue: Virtqueue): u32 {
    if (queue.readable != 0) {
      this.problem = NOT_WRITABLE;
      return CHAIN_MALFORMED;
    }
    let left = CHAIN_BYTES;
    for (let i: u32 = 0; i < queue.count; i++) {
      const bytes = min(queue.lengths[i], left);
      this.fill(queue.addresses[i], bytes);
      left -= bytes;
    }
    this.written = CHAIN_BYTES - left;
    this.ticks += this.written * TICKS_OF_BYTE;
    return CHAIN_SERVED;
  }

  private fill(address: u32, bytes: u32): void {
    let value: u64 = 0;
    for (let i: u32 = 0; i < bytes; i++) {
      if (i % 8 == 0) value = this.source.next();
      this.ram.writeHeldU8(address + i, (<u32>value) & 0xff);
      value >>= 8;
    }
  }
}
