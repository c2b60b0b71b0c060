// MSI-X: a table of messages and their pending bits, both in a function's memory (PCI Local Bus 3.0, 6.8.2).

import { Device } from "../../bus";
import { MessageSink } from "../../interrupts";
import { StateTable } from "../../state";
import { PciFunction } from "./function";
import { CAPABILITY_MSIX } from "./registers";

/** As many vectors can a function have here: their pending bits are one number. */
export const MSIX_MOST_VECTORS: u32 = 32;

const TAG: u32 = 0x4d534958; // MSIX
const VERSION: u32 = 1;

const CAPABILITY_BYTES: u32 = 12;
// Offsets in the capability.
const MESSAGE_CONTROL: u32 = 2;
const TABLE_OFFSET: u32 = 4;
const PENDING_OFFSET: u32 = 8;
// Message control, as it lies in the capability's first double word.
const FUNCTION_MASK: u32 = 0x4000_0000;
const ENABLE: u32 = 0x8000_0000;

// An entry of the table: four double words.
const ENTRY_WORDS: u32 = 4;
const UPPER_ADDRESS: u32 = 1;
const DATA: u32 = 2;
const VECTOR_CONTROL: u32 = 3;
const MASK_BIT: u32 = 1;
/** The bits of each word that can be written; an address is that of a double word. */
const WRITABLE: StaticArray<u32> = [0xffff_fffc, 0xffff_ffff, 0xffff_ffff, MASK_BIT];

/** The vectors of a function. */
export class Msix {
  private readonly words: StaticArray<u32>;
  private pending: u32 = 0;
  /** By the configuration space: messages are switched on, not masked as a whole, and the function may write to memory. */
  private isOpen: bool = false;
  private readonly register: u32;

  /** `bir` is the index of the BAR in which the table and the pending bits lie, at multiples of 8. */
  constructor(
    private readonly owner: PciFunction,
    /** 1 to MSIX_MOST_VECTORS. */
    readonly vectors: u32,
    private readonly messages: MessageSink,
    bir: u32,
    tableOffset: u32,
    pendingOffset: u32,
  ) {
    assert(vectors != 0 && vectors <= MSIX_MOST_VECTORS, "a function has too many MSI-X vectors");
    this.words = new StaticArray<u32>(vectors * ENTRY_WORDS);
    const capability = owner.addCapability(CAPABILITY_MSIX, CAPABILITY_BYTES);
    owner.space.define(capability + MESSAGE_CONTROL, 2, vectors - 1, (ENABLE | FUNCTION_MASK) >> 16);
    owner.space.define(capability + TABLE_OFFSET, 4, tableOffset | bir, 0);
    owner.space.define(capability + PENDING_OFFSET, 4, pendingOffset | bir, 0);
    this.register = capability >> 2;
    this.maskAll();
  }

  /** The function interrupts by messages, not by its pin. */
  get isEnabled(): bool {
    return (this.owner.space.get(this.register) & ENABLE) != 0;
  }

  /**
   * Sends the message of `vector`, or keeps it pending; nothing happens where there is no such vector. False where the function
   * is to interrupt by its pin.
   */
  interrupt(vector: u32): bool {
    if (this.isOpen && vector < this.vectors) {
      // `words` has an entry for each of `vectors`.
      const words = this.words;
      const entry = vector * ENTRY_WORDS;
      if ((this.pending | (unchecked(words[entry + VECTOR_CONTROL]) & MASK_BIT)) == 0) {
        const address = ((<u64>unchecked(words[entry + UPPER_ADDRESS])) << 32) | unchecked(words[entry]);
        this.messages.send(address, unchecked(words[entry + DATA]));
        return true;
      }
    }
    return this.keepPending(vector);
  }

  private keepPending(vector: u32): bool {
    if (!this.isEnabled) return false;
    if (vector >= this.vectors) return true;
    this.pending |= 1 << vector;
    this.sendPending();
    return true;
  }

  /** What the configuration space says has changed. */
  private refresh(): void {
    const control = this.owner.space.get(this.register);
    this.isOpen = (control & (ENABLE | FUNCTION_MASK)) == ENABLE && this.owner.isBusMaster;
  }

  /** To be called behind each change of the configuration space. Sends what waits and is no longer kept back: by a mask, or as the function may not write to memory. */
  sendPending(): void {
    this.refresh();
    if (this.pending == 0 || !this.isOpen) return;
    for (let vector: u32 = 0; vector < this.vectors; vector++) {
      const bit: u32 = 1 << vector;
      const entry = vector * ENTRY_WORDS;
      if (!(this.pending & bit) || this.words[entry + VECTOR_CONTROL] & MASK_BIT) continue;
      this.pending &= ~bit;
      const address = ((<u64>this.words[entry + UPPER_ADDRESS]) << 32) | this.words[entry];
      this.messages.send(address, this.words[entry + DATA]);
    }
  }

  /** Double word `word` of the table; 0 behind its end. */
  readTable(word: u32): u32 {
    return word < <u32>this.words.length ? this.words[word] : 0;
  }

  writeTable(word: u32, value: u32): void {
    if (word >= <u32>this.words.length) return;
    this.words[word] = value & WRITABLE[word % ENTRY_WORDS];
    if (word % ENTRY_WORDS == VECTOR_CONTROL) this.sendPending();
  }

  /** Double word `word` of the pending bits. */
  readPending(word: u32): u32 {
    return word == 0 ? this.pending : 0;
  }

  /** As after power-on: each vector is masked. */
  reset(): void {
    this.pending = 0;
    this.isOpen = false;
    this.words.fill(0);
    this.maskAll();
  }

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    const vectorBits = u32.MAX_VALUE >> (32 - this.vectors);
    this.pending = table.u32(this.pending) & vectorBits;
    for (let i = 0; i < this.words.length; i++) {
      this.words[i] = table.u32(this.words[i]) & WRITABLE[<u32>i % ENTRY_WORDS];
    }
    this.refresh();
  }

  private maskAll(): void {
    for (let i: u32 = 0; i < this.vectors; i++) this.words[i * ENTRY_WORDS + VECTOR_CONTROL] = MASK_BIT;
  }
}

/** The table in memory: double words, or two of them at once; other accesses are no driver's, read 0 and write nothing. */
export class MsixTable extends Device {
  constructor(private readonly msix: Msix) {
    super();
  }

  read(offset: u32, bytes: u32): u64 {
    if (bytes < 4 || (offset & (bytes - 1)) != 0) return 0;
    const low: u64 = this.msix.readTable(offset >> 2);
    return bytes == 4 ? low : low | ((<u64>this.msix.readTable((offset >> 2) + 1)) << 32);
  }

  write(offset: u32, bytes: u32, value: u64): void {
    if (bytes < 4 || (offset & (bytes - 1)) != 0) return;
    this.msix.writeTable(offset >> 2, <u32>value);
    if (bytes == 8) this.msix.writeTable((offset >> 2) + 1, <u32>(value >> 32));
  }
}

/** The pending bits in memory, for reading. */
export class MsixPending extends Device {
  constructor(private readonly msix: Msix) {
    super();
  }

  read(offset: u32, bytes: u32): u64 {
    return bytes < 4 || (offset & (bytes - 1)) != 0 ? 0 : this.msix.readPending(offset >> 2);
  }

  write(_offset: u32, _bytes: u32, _value: u64): void {}
}
