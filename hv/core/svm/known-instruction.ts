// One instruction whose length is known, and all that this knowledge rests on.

import {
  VMCB_CR0,
  VMCB_CR3,
  VMCB_CR4,
  VMCB_CS,
  VMCB_EFER,
  VMCB_SEGMENT_ATTRIBUTES,
  VMCB_SEGMENT_BASE,
} from "../../x86/vmcb";
import { readGuest } from "../hardware";
import { SaveArea } from "./vmcb";

/** CR3 of what holds nothing: no CPU has it. */
const NEVER: u64 = 0xffffffffffffffff;

export class KnownInstruction {
  rip: u64 = 0;
  /** In bytes. */
  length: u32 = 0;
  private cr0: u64 = 0;
  private cr3: u64 = NEVER;
  private cr4: u64 = 0;
  private efer: u64 = 0;
  private codeBase: u64 = 0;
  private codeAttributes: u32 = 0;
  // Eight bytes each of guest RAM: the paging entries on the way to the instruction, and then its own bytes, of which only those
  // of `mask` count. Of a way with fewer entries the bytes' place fills the others.
  private address0: u32 = 0;
  private address1: u32 = 0;
  private address2: u32 = 0;
  private address3: u32 = 0;
  private address4: u32 = 0;
  private value0: u64 = 0;
  private value1: u64 = 0;
  private value2: u64 = 0;
  private value3: u64 = 0;
  private value4: u64 = 0;
  private mask: u64 = 0;

  /** Whether the instruction at RIP, which is `rip`, is still this one. Reads guest RAM of the VM in `slot`. */
  holds(slot: u32, saved: SaveArea): bool {
    const difference =
      (this.cr3 ^ saved.read64(VMCB_CR3)) |
      (this.cr0 ^ saved.read64(VMCB_CR0)) |
      (this.cr4 ^ saved.read64(VMCB_CR4)) |
      (this.efer ^ saved.read64(VMCB_EFER)) |
      (this.codeBase ^ saved.read64(VMCB_CS + VMCB_SEGMENT_BASE)) |
      (this.codeAttributes ^ saved.read16(VMCB_CS + VMCB_SEGMENT_ATTRIBUTES));
    if (difference != 0) return false;
    const changed =
      (readGuest(slot, this.address0) ^ this.value0) |
      (readGuest(slot, this.address1) ^ this.value1) |
      (readGuest(slot, this.address2) ^ this.value2) |
      (readGuest(slot, this.address3) ^ this.value3) |
      ((readGuest(slot, this.address4) ^ this.value4) & this.mask);
    return changed == 0;
  }

  /** Forgets what it was, and begins to be the one at `rip` in the state of `saved`. */
  begin(rip: u64, saved: SaveArea): void {
    this.rip = rip;
    this.cr0 = saved.read64(VMCB_CR0);
    this.cr3 = NEVER;
    this.cr4 = saved.read64(VMCB_CR4);
    this.efer = saved.read64(VMCB_EFER);
    this.codeBase = saved.read64(VMCB_CS + VMCB_SEGMENT_BASE);
    this.codeAttributes = saved.read16(VMCB_CS + VMCB_SEGMENT_ATTRIBUTES);
  }

  /** Rests on the eight bytes of guest RAM of the VM in `slot` at `address`, a paging entry, `n` of four. readGuest reaches them. */
  addEntry(n: u32, slot: u32, address: u32): void {
    const value = readGuest(slot, address);
    if (n == 0) {
      this.address0 = address;
      this.value0 = value;
    } else if (n == 1) {
      this.address1 = address;
      this.value1 = value;
    } else if (n == 2) {
      this.address2 = address;
      this.value2 = value;
    } else {
      this.address3 = address;
      this.value3 = value;
    }
  }

  /** As `addEntry`, of the instruction's own bytes. */
  addBytes(slot: u32, address: u32, mask: u64): void {
    this.address4 = address;
    this.value4 = readGuest(slot, address);
    this.mask = mask;
  }

  /** Of `length` bytes: it is complete, and in use from now on. */
  end(length: u32, saved: SaveArea): void {
    this.length = length;
    this.cr3 = saved.read64(VMCB_CR3);
  }
}
