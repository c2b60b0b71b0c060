// One instruction whose length is known, and all that this knowledge rests on.

import { RECORDED_PLACES } from "../../shared/instruction-record";
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
import { Vmcb } from "./vmcb";

/** CR3 of what holds nothing: no CPU has it. */
const NEVER: u64 = 0xffffffffffffffff;

export class KnownInstruction {
  rip: u64 = 0;
  /** In bytes. */
  length: u32 = 0;
  /** Of a MOV to or from a control register: the number of the other one. */
  register: u32 = 0;
  private cr0: u64 = 0;
  private cr3: u64 = NEVER;
  private cr4: u64 = 0;
  private efer: u64 = 0;
  private codeBase: u64 = 0;
  private codeAttributes: u32 = 0;
  /** Places of guest RAM, of which `places` are in use. */
  private places: u32 = 0;
  private readonly addresses: StaticArray<u32> = new StaticArray<u32>(RECORDED_PLACES);
  private readonly values: StaticArray<u64> = new StaticArray<u64>(RECORDED_PLACES);
  private readonly masks: StaticArray<u64> = new StaticArray<u64>(RECORDED_PLACES);

  /** Whether the instruction at RIP, which is `rip`, is still this one. Reads guest RAM of VM `vm`. */
  holds(vm: u32, vmcb: Vmcb): bool {
    const difference =
      (this.cr3 ^ vmcb.read64(VMCB_CR3)) |
      (this.cr0 ^ vmcb.read64(VMCB_CR0)) |
      (this.cr4 ^ vmcb.read64(VMCB_CR4)) |
      (this.efer ^ vmcb.read64(VMCB_EFER)) |
      (this.codeBase ^ vmcb.read64(VMCB_CS + VMCB_SEGMENT_BASE)) |
      (this.codeAttributes ^ vmcb.read16(VMCB_CS + VMCB_SEGMENT_ATTRIBUTES));
    if (difference != 0) return false;
    let changed: u64 = 0;
    for (let i: u32 = this.places; i != 0;) {
      i--;
      changed |= (readGuest(vm, unchecked(this.addresses[i])) ^ unchecked(this.values[i])) & unchecked(this.masks[i]);
    }
    return changed == 0;
  }

  /** Forgets what it was, and begins to be the one at `rip` in the state of `vmcb`. */
  begin(rip: u64, register: u32, vmcb: Vmcb): void {
    this.rip = rip;
    this.register = register;
    this.cr0 = vmcb.read64(VMCB_CR0);
    this.cr3 = NEVER;
    this.cr4 = vmcb.read64(VMCB_CR4);
    this.efer = vmcb.read64(VMCB_EFER);
    this.codeBase = vmcb.read64(VMCB_CS + VMCB_SEGMENT_BASE);
    this.codeAttributes = vmcb.read16(VMCB_CS + VMCB_SEGMENT_ATTRIBUTES);
    this.places = 0;
  }

  /** Rests on eight bytes of guest RAM at `address`, which readGuest reaches. */
  add(address: u32, value: u64, mask: u64): void {
    this.addresses[this.places] = address;
    this.values[this.places] = value;
    this.masks[this.places] = mask;
    this.places++;
  }

  /** Of `length` bytes: it is complete, and in use from now on. */
  end(length: u32, vmcb: Vmcb): void {
    this.length = length;
    this.cr3 = vmcb.read64(VMCB_CR3);
  }
}
