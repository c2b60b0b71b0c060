// Fills the doctor's subject from the processor: the VMCB, CPUID, and the state at VMRUN.

import { CPUID_7_ECX_CET_SS } from "../../../x86/cpuid";
import { IA32_EFER, IA32_U_CET } from "../../../x86/msr";
import { VMCB_CR3 } from "../../../x86/vmcb";
import { VMCB_FIELD_COUNT, VMCB_FIELD_OFFSETS, VMCB_FIELD_SIZES } from "../../../x86/vmcb-field-names";
import {
  CAP_CPUID_7_ECX,
  FIRST_VMCB_FIELD,
  STATE_CPL,
  STATE_CR0,
  STATE_CR4,
  STATE_EFER,
  STATE_MEMORY_PDPTE0,
  STATE_RFLAGS,
  STATE_U_CET,
  STATE_VMCB_POINTER,
} from "../../../doctor/inputs";
import { Subject } from "../../../doctor/subject";
import {
  rdmsr,
  readPhysical,
  readRegister,
  REGISTER_CR0,
  REGISTER_CR4,
  REGISTER_RFLAGS,
  tryRdmsr,
} from "../../hardware";
import { PagePool } from "../../memory/page-pool";
import { Vmcb } from "../vmcb";

/** With PAE paging CR3 holds the address of four page-directory pointers (APM 2 5.2.3). */
const PAE_CR3_ADDRESS: u64 = 0xffffffe0;
const POINTERS: u32 = 4;

/** Fills in a VMCB and what belongs to its VMRUN. Allocates at its creation only. */
export class EntryReader {
  private readonly value: StaticArray<u64> = new StaticArray<u64>(1);

  constructor(
    private readonly subject: Subject,
    /** Where tables of Basalt's own lie. */
    private readonly pool: PagePool,
  ) {}

  /** Every field, and the page-directory pointers at CR3, as far as they are in the pool: others may be a device's. */
  readVmcb(vmcb: Vmcb): void {
    for (let row = 0; row < VMCB_FIELD_COUNT; row++) {
      const offset = VMCB_FIELD_OFFSETS[row];
      this.subject.set(FIRST_VMCB_FIELD + offset, readField(vmcb, offset, VMCB_FIELD_SIZES[row]));
    }
    this.readPointers(vmcb.read64(VMCB_CR3) & PAE_CR3_ADDRESS);
  }

  /** The state of this processor, whose next VMRUN takes the VMCB at host-physical `vmcb`. */
  readState(vmcb: u64): void {
    const subject = this.subject;
    subject.set(STATE_CR0, readRegister(REGISTER_CR0));
    subject.set(STATE_CR4, readRegister(REGISTER_CR4));
    subject.set(STATE_EFER, rdmsr(IA32_EFER));
    subject.set(STATE_RFLAGS, readRegister(REGISTER_RFLAGS));
    subject.set(STATE_CPL, 0);
    subject.set(STATE_VMCB_POINTER, vmcb);
    const hasShadowStacks = (subject.get(CAP_CPUID_7_ECX) & CPUID_7_ECX_CET_SS) != 0;
    const isThere = hasShadowStacks && tryRdmsr(IA32_U_CET, changetype<usize>(this.value)) == 1;
    subject.set(STATE_U_CET, isThere ? this.value[0] : 0);
  }

  private readPointers(address: u64): void {
    const areThere = this.pool.holds(address, POINTERS * 8);
    for (let n: u32 = 0; n < POINTERS; n++) {
      if (areThere) this.subject.set(STATE_MEMORY_PDPTE0 + n, this.read64(address + 8 * n));
      else this.subject.unset(STATE_MEMORY_PDPTE0 + n);
    }
  }

  private read64(hpa: u64): u64 {
    readPhysical(hpa, changetype<usize>(this.value), 8);
    return this.value[0];
  }
}

/** The field of `bytes` bytes (1, 2, 4 or 8) at `offset`. */
export function readField(vmcb: Vmcb, offset: u32, bytes: u32): u64 {
  if (bytes == 1) return vmcb.read8(offset);
  if (bytes == 2) return vmcb.read16(offset);
  return bytes == 4 ? vmcb.read32(offset) : vmcb.read64(offset);
}
