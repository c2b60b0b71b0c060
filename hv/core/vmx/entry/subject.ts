// Fills the doctor's subject from the processor: the current VMCS, the capabilities, and the state at the entry.

import { CPUID_1_ECX_PDCM, CPUID_7_EBX_PROCESSOR_TRACE, CPUID_7_ECX_TME } from "../../../x86/cpuid";
import {
  IA32_EFER,
  IA32_FEATURE_CONTROL,
  IA32_PERF_CAPABILITIES,
  IA32_RTIT_CTL,
  IA32_TME_ACTIVATE,
  IA32_VMX_BASIC,
} from "../../../x86/msr";
import { VMCS_FIELD_COUNT, VMCS_FIELD_ENCODINGS } from "../../../x86/vmcs-field-names";
import {
  GUEST_CR3,
  VIRTUAL_APIC_ADDRESS,
  VM_ENTRY_MSR_LOAD_ADDRESS,
  VM_ENTRY_MSR_LOAD_COUNT,
  VM_INSTRUCTION_ERROR,
  VMCS_LINK_POINTER,
} from "../../../x86/vmcs-fields";
import {
  CAP_BASIC,
  CAP_CPUID_1_ECX,
  CAP_CPUID_7_EBX,
  CAP_CPUID_7_ECX,
  CAP_EXIT_CTLS2,
  CAP_PERF_CAPABILITIES,
  STATE_A20M,
  STATE_BLOCKING_BY_MOV_SS,
  STATE_CPL,
  STATE_CR0,
  STATE_CR4,
  STATE_CS_L,
  STATE_CURRENT_VMCS_POINTER,
  STATE_CURRENT_VMCS_REVISION,
  STATE_EFER,
  STATE_FEATURE_CONTROL,
  STATE_IN_SEAM,
  STATE_IN_SMM,
  STATE_IN_SMX_OPERATION,
  STATE_IN_VMX_OPERATION,
  STATE_IS_LAUNCHED,
  STATE_IS_VMRESUME,
  STATE_LINK_REVISION,
  STATE_MEMORY_PDPTE0,
  STATE_RFLAGS,
  STATE_RTIT_CTL,
  STATE_TME_ACTIVATE,
  STATE_VTPR,
} from "../../../doctor/inputs";
import { MAXIMUM_MSR_ENTRIES, Subject } from "../../../doctor/subject";
import { readCpuidInputs } from "../../cpu/cpuid-inputs";
import {
  rdmsr,
  readPhysical,
  readRegister,
  REGISTER_CR0,
  REGISTER_CR4,
  REGISTER_RFLAGS,
  tryRdmsr,
  tryVmread,
  VM_SUCCEED,
} from "../../hardware";
import { PagePool } from "../../memory/page-pool";
import { VmxCapabilities } from "../capabilities";

/** VTPR: the virtual TPR on the virtual-APIC page (SDM 3C 30.1.1). */
const VTPR_OFFSET: u64 = 0x80;
/** With PAE paging CR3 holds the address of four PDPTEs (SDM 3A 4.4.1). */
const PAE_CR3_ADDRESS: u64 = 0xffffffe0;
const PDPTES: u32 = 4;
const MSR_ENTRY_BYTES: u64 = 16;

/** Reads the VMX capability MSRs and CPUID. What the processor does not have reads as 0. */
export function readCapabilities(subject: Subject, capabilities: VmxCapabilities): void {
  for (let input = CAP_BASIC; input <= CAP_EXIT_CTLS2; input++) {
    subject.set(input, capabilities.of(IA32_VMX_BASIC + (input - CAP_BASIC)));
  }
  readCpuidInputs(subject);
  const hasPerfCapabilities = (subject.get(CAP_CPUID_1_ECX) & CPUID_1_ECX_PDCM) != 0;
  const value = new StaticArray<u64>(1);
  const exists = hasPerfCapabilities && tryRdmsr(IA32_PERF_CAPABILITIES, changetype<usize>(value)) == 1;
  subject.set(CAP_PERF_CAPABILITIES, exists ? value[0] : 0);
}

/** Fills in the current VMCS and what belongs to its entry. Allocates at its creation only. */
export class EntryReader {
  private readonly value: StaticArray<u64> = new StaticArray<u64>(1);

  constructor(
    private readonly subject: Subject,
    /** Where the VMX regions lie. */
    private readonly pool: PagePool,
  ) {}

  /** Every field that the processor has; what it does not have stays unknown, as no rule that applies to it reads it. */
  readVmcs(): void {
    // First, as a VMREAD of a field that the processor does not have writes a number of its own there (SDM 3C 31.4).
    this.readField(VM_INSTRUCTION_ERROR);
    const error = this.subject.get(VM_INSTRUCTION_ERROR);
    for (let row = 0; row < VMCS_FIELD_COUNT; row++) this.readField(VMCS_FIELD_ENCODINGS[row]);
    this.subject.set(VM_INSTRUCTION_ERROR, error);
    this.readMemory();
  }

  /** One field again, after it was changed. */
  readField(field: u32): void {
    if (tryVmread(field, changetype<usize>(this.value)) == VM_SUCCEED) this.subject.set(field, this.value[0]);
    else this.subject.unset(field);
  }

  /** The state of this processor, in VMX root operation, with the VMCS at `vmcs` current. */
  readState(vmcs: u64, isLaunched: u32): void {
    const subject = this.subject;
    subject.set(STATE_CR0, readRegister(REGISTER_CR0));
    subject.set(STATE_CR4, readRegister(REGISTER_CR4));
    subject.set(STATE_EFER, rdmsr(IA32_EFER));
    subject.set(STATE_RFLAGS, readRegister(REGISTER_RFLAGS));
    subject.set(STATE_CPL, 0);
    subject.set(STATE_CS_L, 1);
    subject.set(STATE_FEATURE_CONTROL, rdmsr(IA32_FEATURE_CONTROL));
    subject.set(STATE_IN_VMX_OPERATION, 1);
    subject.set(STATE_IN_SMX_OPERATION, 0);
    subject.set(STATE_IN_SMM, 0);
    subject.set(STATE_IN_SEAM, 0);
    const hasTrace = (subject.get(CAP_CPUID_7_EBX) & CPUID_7_EBX_PROCESSOR_TRACE) != 0;
    subject.set(STATE_RTIT_CTL, hasTrace ? this.msrOrZero(IA32_RTIT_CTL) : 0);
    const hasTme = (subject.get(CAP_CPUID_7_ECX) & CPUID_7_ECX_TME) != 0;
    subject.set(STATE_TME_ACTIVATE, hasTme ? this.msrOrZero(IA32_TME_ACTIVATE) : 0);
    subject.set(STATE_BLOCKING_BY_MOV_SS, 0);
    subject.set(STATE_A20M, 0);
    subject.set(STATE_CURRENT_VMCS_POINTER, vmcs);
    subject.set(STATE_CURRENT_VMCS_REVISION, this.read32(vmcs));
    subject.set(STATE_IS_LAUNCHED, isLaunched);
    subject.set(STATE_IS_VMRESUME, isLaunched);
  }

  /** What rules read of memory that VMCS fields name, as far as it is in the pool: other addresses may be a device's. */
  readMemory(): void {
    const subject = this.subject;
    const link = subject.get(VMCS_LINK_POINTER);
    subject.unset(STATE_LINK_REVISION);
    if (this.pool.holds(link, 4)) subject.set(STATE_LINK_REVISION, this.read32(link));
    const vtpr = subject.get(VIRTUAL_APIC_ADDRESS) + VTPR_OFFSET;
    subject.unset(STATE_VTPR);
    if (this.pool.holds(vtpr, 4)) subject.set(STATE_VTPR, this.read32(vtpr) & 0xff);
    this.readTables(subject.get(GUEST_CR3) & PAE_CR3_ADDRESS);
    this.readMsrArea(subject.get(VM_ENTRY_MSR_LOAD_ADDRESS), subject.get(VM_ENTRY_MSR_LOAD_COUNT));
  }

  private readTables(address: u64): void {
    const areThere = this.pool.holds(address, PDPTES * 8);
    for (let n: u32 = 0; n < PDPTES; n++) {
      if (areThere) this.subject.set(STATE_MEMORY_PDPTE0 + n, this.read64(address + 8 * n));
      else this.subject.unset(STATE_MEMORY_PDPTE0 + n);
    }
  }

  private readMsrArea(address: u64, count: u64): void {
    const subject = this.subject;
    subject.msrEntries = -1;
    if (count > <u64>MAXIMUM_MSR_ENTRIES || !this.pool.holds(address, count * MSR_ENTRY_BYTES)) return;
    subject.msrEntries = <i32>count;
    for (let i = 0; i < <i32>count; i++) {
      const entry = address + <u64>i * MSR_ENTRY_BYTES;
      subject.msrIndices[i] = this.read64(entry);
      subject.msrValues[i] = this.read64(entry + 8);
    }
  }

  /** A hypervisor below may hide an MSR that CPUID shows. */
  private msrOrZero(index: u32): u64 {
    return tryRdmsr(index, changetype<usize>(this.value)) == 1 ? this.value[0] : 0;
  }

  private read32(hpa: u64): u32 {
    readPhysical(hpa, changetype<usize>(this.value), 4);
    return <u32>this.value[0];
  }

  private read64(hpa: u64): u64 {
    readPhysical(hpa, changetype<usize>(this.value), 8);
    return this.value[0];
  }
}
