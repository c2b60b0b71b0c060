// A split virtqueue (virtio 1.2, 2.7): what the driver makes available is walked with all it claims in doubt.

// What a broken rule could harm is the guest's own data only, as nothing but its RAM is reached: rules are checked so that
// a device does what the driver wants or says why it does not. Two buffers of a chain may overlap: a driver passes on what
// its processes ask for, and those may read into one page twice.

import { Ram } from "../../memory/ram";
import { StateTable } from "../../state";
import {
  RULE_ALIGNMENT,
  RULE_AVAILABLE_COUNT,
  RULE_BUFFER_APART,
  RULE_BUFFER_IN_RAM,
  RULE_CHAIN_BYTES,
  RULE_CHAIN_LENGTH,
  RULE_EMPTY_BUFFER,
  RULE_HEAD,
  RULE_INDIRECT_ACCEPTED,
  RULE_INDIRECT_IN_RAM,
  RULE_INDIRECT_IS_LAST,
  RULE_INDIRECT_LENGTH,
  RULE_INDIRECT_NESTED,
  RULE_NEXT,
  RULE_NONE,
  RULE_ORDER,
  RULE_RINGS_APART,
  RULE_RINGS_IN_RAM,
  RULE_SENTENCES,
  RULE_SIZE,
  RULES,
} from "./queue-rules";

/** What `take` found. */
export const CHAIN_NONE: u32 = 0;
export const CHAIN_TAKEN: u32 = 1;
/** The driver has broken a rule; `Virtqueue.problem` says which. */
export const CHAIN_BROKEN: u32 = 2;

/** "VIRQ". */
const TAG: u32 = 0x56495251;
const VERSION: u32 = 1;

const INDEX_MASK: u32 = 0xffff;

// A descriptor (2.7.5): its address, its length; flags and next as one number.
const DESCRIPTOR_SHIFT: u32 = 4;
const DESCRIPTOR_BYTES: u32 = 16;
const NEXT_SHIFT: u32 = 16;
const HAS_NEXT: u32 = 1;
const IS_WRITABLE: u32 = 2;
const IS_INDIRECT: u32 = 4;

// The available ring (2.7.6) and the used ring (2.7.8): flags, index, elements, the event index of the other side.
const INDEX_OFFSET: u32 = 2;
const RING_OFFSET: u32 = 4;
const USED_ELEMENT_SHIFT: u32 = 3;
const NO_INTERRUPT: u32 = 1;

/** A queue of one device; the transport sets it up, the device takes chains from it. */
export class Virtqueue {
  // Set up by the transport; looked at when the first chain after `reset` is taken.
  /** Entries as the driver has chosen, a power of 2, at most `maximumSize`. */
  size: u32 = 0;
  isEnabled: bool = false;
  /** Guest-physical addresses: descriptor table, available ring, used ring. */
  descriptors: u64 = 0;
  available: u64 = 0;
  used: u64 = 0;
  /** MSI-X vector, 0xffff for none. */
  vector: u16 = 0xffff;
  /** VIRTIO_F_EVENT_IDX and VIRTIO_F_INDIRECT_DESC were accepted. */
  hasEventIndex: bool = false;
  hasIndirect: bool = false;

  // The chain that was taken last: `count` buffers, of which the first `readable` are for reading, the rest for writing.
  /** For `put`. */
  head: u32 = 0;
  count: u32 = 0;
  readable: u32 = 0;
  readableBytes: u32 = 0;
  writableBytes: u32 = 0;
  /** Guest-physical; all of each buffer is RAM. */
  readonly addresses: StaticArray<u32>;
  /** In bytes, at least 1. */
  readonly lengths: StaticArray<u32>;

  /** The index of the chain to be taken next, of the element to be put next, and of that when `needsInterrupt` was asked. */
  private next: u32 = 0;
  private putNext: u32 = 0;
  private told: u32 = 0;
  /** RULE_*: the one that was broken. */
  private broken: u32 = RULE_NONE;

  // Derived by `prepare` from what the transport has set up.
  private isPrepared: bool = false;
  private entries: u32 = 1;
  private descriptorTable: u32 = 0;
  private availableRing: u32 = 0;
  private usedRing: u32 = 0;
  /** Where the lowest of the three starts, and the highest ends. */
  private tablesStart: u64 = 0;
  private tablesEnd: u64 = 0;
  private readonly ramBytes: u64;

  /** `maximumSize` is a power of 2, at most 256. */
  constructor(
    readonly ram: Ram,
    readonly maximumSize: u32,
  ) {
    this.ramBytes = ram.bytes;
    this.addresses = new StaticArray<u32>(maximumSize);
    this.lengths = new StaticArray<u32>(maximumSize);
  }

  /** Which rule the driver has broken: a constant sentence, "" for none. Nothing is taken any more until the reset. */
  get problem(): string {
    return RULE_SENTENCES[min(this.broken, RULES - 1)];
  }

  /**
   * Takes the next chain that the driver has made available, CHAIN_TAKEN; its descriptors have been read, once. Where there
   * is none, CHAIN_NONE, the driver will notify of the next one.
   */
  take(): u32 {
    if (!this.isPrepared && !this.prepare()) return CHAIN_BROKEN;
    const ram = this.ram;
    const ring = this.availableRing;
    const next = this.next;
    let waiting = (ram.readHeldU16(ring + INDEX_OFFSET) - next) & INDEX_MASK;
    if (waiting == 0) {
      if (!this.hasEventIndex) return CHAIN_NONE;
      ram.writeHeldU16(this.usedRing + RING_OFFSET + (this.entries << USED_ELEMENT_SHIFT), next);
      // What came before the driver could see that it is to notify.
      waiting = (ram.readHeldU16(ring + INDEX_OFFSET) - next) & INDEX_MASK;
      if (waiting == 0) return CHAIN_NONE;
    }
    const entries = this.entries;
    if (waiting > entries) return this.breaks(RULE_AVAILABLE_COUNT);
    const head = ram.readHeldU16(ring + RING_OFFSET + ((next & (entries - 1)) << 1));
    if (head >= entries) return this.breaks(RULE_HEAD);
    this.head = head;
    this.next = (next + 1) & INDEX_MASK;
    return this.walk(head);
  }

  /**
   * After a chain was taken and put: whether no other one is available. Then the driver will notify of the next one, as after
   * `take` has found none.
   */
  get isDone(): bool {
    const ram = this.ram;
    const next = this.next;
    if (this.hasEventIndex) ram.writeHeldU16(this.usedRing + RING_OFFSET + (this.entries << USED_ELEMENT_SHIFT), next);
    return ram.readHeldU16(this.availableRing + INDEX_OFFSET) == next;
  }

  /** Gives the chain that was taken last back: the next `take` walks it again. Nothing of it has been put. */
  giveBack(): void {
    this.next = (this.next - 1) & INDEX_MASK;
  }

  /** Hands a chain that was taken since the reset back to the driver, with the first `written` of its bytes for writing filled in. */
  put(head: u32, written: u32): void {
    const ram = this.ram;
    const ring = this.usedRing;
    const next = this.putNext;
    const element = ring + RING_OFFSET + ((next & (this.entries - 1)) << USED_ELEMENT_SHIFT);
    ram.writeHeld(element, head | ((<u64>written) << 32));
    this.putNext = (next + 1) & INDEX_MASK;
    ram.writeHeldU16(ring + INDEX_OFFSET, next + 1);
  }

  /** Whether the driver wants an interrupt for what has been put since this was last asked (2.7.7.2). */
  needsInterrupt(): bool {
    const told = this.told;
    const now = this.putNext;
    this.told = now;
    if (now == told) return false;
    const ring = this.availableRing;
    if (!this.hasEventIndex) return (this.ram.readHeldU16(ring) & NO_INTERRUPT) == 0;
    const event = this.ram.readHeldU16(ring + RING_OFFSET + (this.entries << 1));
    return ((now - event - 1) & INDEX_MASK) < ((now - told) & INDEX_MASK);
  }

  /** As after a reset of the device. */
  reset(): void {
    this.size = 0;
    this.isEnabled = false;
    this.descriptors = 0;
    this.available = 0;
    this.used = 0;
    this.vector = 0xffff;
    this.hasEventIndex = false;
    this.hasIndirect = false;
    this.head = 0;
    this.count = 0;
    this.readable = 0;
    this.readableBytes = 0;
    this.writableBytes = 0;
    this.next = 0;
    this.putNext = 0;
    this.told = 0;
    this.broken = RULE_NONE;
    this.isPrepared = false;
  }

  /** All but the chain that was taken: devices take and put in one go, or give back. */
  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    this.size = table.u32(this.size);
    this.isEnabled = table.flag(this.isEnabled);
    this.descriptors = table.number(this.descriptors);
    this.available = table.number(this.available);
    this.used = table.number(this.used);
    this.vector = table.u16(this.vector);
    this.hasEventIndex = table.flag(this.hasEventIndex);
    this.hasIndirect = table.flag(this.hasIndirect);
    this.next = table.u16(<u16>this.next);
    this.putNext = table.u16(<u16>this.putNext);
    this.told = table.u16(<u16>this.told);
    this.broken = <u32>table.atMost(this.broken, RULES - 1);
    // To be checked and derived anew.
    this.isPrepared = false;
  }

  private breaks(rule: u32): u32 {
    this.broken = rule;
    // So that `take` asks `prepare`, which knows of the rule.
    this.isPrepared = false;
    return CHAIN_BROKEN;
  }

  /** Checks what the transport has set up: afterwards no access to the three tables needs a check. */
  private prepare(): bool {
    if (this.broken == RULE_NONE) this.broken = this.ruleOfTables();
    if (this.broken != RULE_NONE) return false;
    const size = this.size;
    this.entries = size;
    this.descriptorTable = <u32>this.descriptors;
    this.availableRing = <u32>this.available;
    this.usedRing = <u32>this.used;
    this.tablesStart = min(this.descriptors, min(this.available, this.used));
    this.tablesEnd = max(
      this.descriptors + descriptorBytes(size),
      max(this.available + availableBytes(size), this.used + usedBytes(size)),
    );
    this.isPrepared = true;
    return true;
  }

  private ruleOfTables(): u32 {
    const size = this.size;
    if (size == 0 || size > this.maximumSize || (size & (size - 1)) != 0) return RULE_SIZE;
    if (((this.descriptors & 15) | (this.available & 1) | (this.used & 3)) != 0) return RULE_ALIGNMENT;
    const ram = this.ram;
    const isInRam =
      ram.holds(this.descriptors, descriptorBytes(size)) &&
      ram.holds(this.available, availableBytes(size)) &&
      ram.holds(this.used, usedBytes(size));
    if (!isInRam) return RULE_RINGS_IN_RAM;
    const isApart =
      !overlaps(this.used, usedBytes(size), this.descriptors, descriptorBytes(size)) &&
      !overlaps(this.used, usedBytes(size), this.available, availableBytes(size));
    return isApart ? RULE_NONE : RULE_RINGS_APART;
  }

  /** Reads the chain that starts at descriptor `head`: at most `entries` buffers, and one indirect table. */
  private walk(head: u32): u32 {
    const ram = this.ram;
    const ramBytes = this.ramBytes;
    const tablesStart = this.tablesStart;
    const tablesEnd = this.tablesEnd;
    const addresses = this.addresses;
    const lengths = this.lengths;
    const limit = this.entries;
    let table = this.descriptorTable;
    let entries = limit;
    let index = head;
    let count: u32 = 0;
    let readable: u32 = 0;
    let readableBytes: u64 = 0;
    let allBytes: u64 = 0;
    let isIndirect = false;
    let flags: u32;
    while (true) {
      const at = table + (index << DESCRIPTOR_SHIFT);
      const address = ram.readHeld(at);
      const rest = ram.readHeldBehind(at);
      const length: u64 = <u32>rest;
      flags = <u32>(rest >> 32);
      if (flags & IS_INDIRECT) {
        const rule = this.ruleOfIndirect(address, <u32>length, flags, isIndirect, limit, ramBytes);
        if (rule != RULE_NONE) return this.breaks(rule);
        isIndirect = true;
        table = <u32>address;
        entries = (<u32>length) >> DESCRIPTOR_SHIFT;
        index = 0;
        continue;
      }
      if (count >= limit) return this.breaks(RULE_CHAIN_LENGTH);
      // As Ram.holds, whose loads would be seen in what a request is measured to cost. A length of 0 less 1 is too much, too.
      if (address >= ramBytes || length - 1 >= ramBytes - address) {
        return this.breaks(length == 0 ? RULE_EMPTY_BUFFER : RULE_BUFFER_IN_RAM);
      }
      if (flags & IS_WRITABLE) {
        if (address < tablesEnd && address + length > tablesStart && isInTables(this, address, length)) {
          return this.breaks(RULE_BUFFER_APART);
        }
      } else {
        if (readable != count) return this.breaks(RULE_ORDER);
        readable++;
        readableBytes += length;
      }
      allBytes += length;
      // `count` is less than `entries`, which `prepare` has found to be no more than the arrays have.
      unchecked((addresses[count] = <u32>address));
      unchecked((lengths[count] = <u32>length));
      count++;
      if (!(flags & HAS_NEXT)) break;
      index = flags >> NEXT_SHIFT;
      if (index >= entries) return this.breaks(RULE_NEXT);
    }
    if (allBytes > 0xffffffff) return this.breaks(RULE_CHAIN_BYTES);
    this.count = count;
    this.readable = readable;
    this.readableBytes = <u32>readableBytes;
    this.writableBytes = <u32>(allBytes - readableBytes);
    return CHAIN_TAKEN;
  }

  /** 2.7.5.3.1; that the device ignores the writable flag is 2.7.5.3.2. */
  private ruleOfIndirect(address: u64, length: u32, flags: u32, isNested: bool, limit: u32, ramBytes: u64): u32 {
    if (!this.hasIndirect) return RULE_INDIRECT_ACCEPTED;
    if (flags & HAS_NEXT) return RULE_INDIRECT_IS_LAST;
    if (isNested) return RULE_INDIRECT_NESTED;
    const isWhole = length != 0 && (length & (DESCRIPTOR_BYTES - 1)) == 0;
    if (!isWhole || length >> DESCRIPTOR_SHIFT > limit) return RULE_INDIRECT_LENGTH;
    const isInRam = address <= ramBytes && length <= ramBytes - address;
    return isInRam ? RULE_NONE : RULE_INDIRECT_IN_RAM;
  }

  /** For the function `isInTables`. */
  isInTables(address: u64, length: u64): bool {
    const size = this.entries;
    return (
      overlaps(address, length, this.descriptorTable, descriptorBytes(size)) ||
      overlaps(address, length, this.availableRing, availableBytes(size)) ||
      overlaps(address, length, this.usedRing, usedBytes(size))
    );
  }
}

/** Index.ts exports it, to keep it out of the code of who takes a chain: there it would lack registers. */
export function takeChain(queue: Virtqueue): u32 {
  return queue.take();
}

/** Whether a buffer shares a byte with one of the queue's tables, rather than lying between them. Exported as `takeChain`. */
export function isInTables(queue: Virtqueue, address: u64, length: u64): bool {
  return queue.isInTables(address, length);
}

/** Of ranges in RAM, whose ends are far from wrapping round. */
function overlaps(start: u64, bytes: u64, otherStart: u64, otherBytes: u64): bool {
  return start < otherStart + otherBytes && otherStart < start + bytes;
}

// Bytes of the three tables (2.7): the event indices are part of the rings even where they are not used.

function descriptorBytes(size: u32): u64 {
  return size << DESCRIPTOR_SHIFT;
}

function availableBytes(size: u32): u64 {
  return RING_OFFSET + (size << 1) + 2;
}

function usedBytes(size: u32): u64 {
  return RING_OFFSET + (size << USED_ELEMENT_SHIFT) + 2;
}
