// A console (virtio 1.2, 5.3) with one port.

import { Ram } from "../../memory/ram";
import { StateTable } from "../../state";
import { Alarms } from "../../time";
import { ByteSink } from "../byte-sink";
import { CHAIN_KEPT, CHAIN_LATER, CHAIN_MALFORMED, CHAIN_SERVED, ChainDevice } from "./chain-device";
import { Virtqueue } from "./virtqueue";

const DEVICE_ID: u32 = 3;
const QUEUE_SIZE: u32 = 64;

/** "VCON". */
const TAG: u32 = 0x56434f4e;
const VERSION: u32 = 1;

// Port 0's queues (5.3.2).
const RECEIVE_QUEUE: i32 = 0;
const TRANSMIT_QUEUE: i32 = 1;

const F_EMERG_WRITE: u64 = 1 << 2;
/** In the configuration (5.3.4): a byte written there is printed, whatever the queues are. */
const EMERG_WR: u32 = 8;

/** What is typed waits here for buffers of the driver's. */
const TYPED_BYTES: u32 = 64;
const TYPED_MASK: u32 = TYPED_BYTES - 1;

/** To print a byte. */
const TICKS_OF_BYTE: u32 = 50;
/** After so many bytes of a chain the rest is left for the next call of the vmm. */
const BYTES_OF_CALL: u32 = 65536;

const NOT_WRITABLE: string = "virtio-console: a buffer of the receive queue is not for writing";

export class ConsoleDevice extends ChainDevice {
  /** `typed` bytes from `first` on, in a ring. */
  private readonly ring: StaticArray<u8> = new StaticArray<u8>(TYPED_BYTES);
  private first: u32 = 0;
  private typed: u32 = 0;
  /** Bytes of the chain that waits first in the transmit queue that have been printed. */
  private printed: u32 = 0;

  constructor(
    private readonly ram: Ram,
    alarms: Alarms,
    private readonly sink: ByteSink,
  ) {
    super(alarms, DEVICE_ID, [new Virtqueue(ram, QUEUE_SIZE), new Virtqueue(ram, QUEUE_SIZE)], F_EMERG_WRITE);
  }

  /** A driver is there to take what is typed. */
  get listens(): bool {
    return this.isRunning;
  }

  /** The size, the number of ports and the emergency write register read 0. */
  readConfiguration(_offset: u32, _bytes: u32): u64 {
    return 0;
  }

  writeConfiguration(offset: u32, _bytes: u32, value: u64): void {
    if (offset == EMERG_WR) this.sink.put(<u8>value);
  }

  notify(queue: u32): void {
    if (queue != RECEIVE_QUEUE) this.serve(queue);
    else if (this.typed != 0) this.serve(RECEIVE_QUEUE);
  }

  /** A byte was typed; false: there is no room for it. */
  receive(byte: u8): bool {
    const typed = this.typed;
    if (typed >= TYPED_BYTES) return false;
    this.ring[(this.first + typed) & TYPED_MASK] = byte;
    this.typed = typed + 1;
    this.serve(RECEIVE_QUEUE);
    return true;
  }

  reset(): void {
    super.reset();
    this.printed = 0;
  }

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    super.visit(table);
    table.bytes(this.ring);
    this.first = <u32>table.atMost(this.first, TYPED_MASK);
    this.typed = <u32>table.atMost(this.typed, TYPED_BYTES);
    this.printed = table.u32(this.printed);
  }

  serveChain(queue: Virtqueue): u32 {
    return queue == this.queues[TRANSMIT_QUEUE] ? this.print(queue) : this.fill(queue);
  }

  private fill(queue: Virtqueue): u32 {
    if (this.typed == 0) return CHAIN_KEPT;
    if (queue.readable != 0) {
      this.problem = NOT_WRITABLE;
      return CHAIN_MALFORMED;
    }
    for (let i: u32 = 0; i < queue.count; i++) {
      const bytes = min(queue.lengths[i], this.typed);
      for (let j: u32 = 0; j < bytes; j++) {
        this.ram.writeHeldU8(queue.addresses[i] + j, this.ring[this.first]);
        this.first = (this.first + 1) & TYPED_MASK;
      }
      this.typed -= bytes;
      this.written += bytes;
    }
    return CHAIN_SERVED;
  }

  private print(queue: Virtqueue): u32 {
    let skipped = this.printed;
    let printed: u32 = 0;
    for (let i: u32 = 0; i < queue.readable; i++) {
      const length = queue.lengths[i];
      const start = min(skipped, length);
      skipped -= start;
      for (let j = start; j < length; j++) {
        if (printed == BYTES_OF_CALL || !this.sink.put(this.ram.readHeldU8(queue.addresses[i] + j))) {
          this.printed += printed;
          return CHAIN_LATER;
        }
        printed++;
      }
    }
    this.ticks += printed * TICKS_OF_BYTE;
    this.printed = 0;
    return CHAIN_SERVED;
  }
}
