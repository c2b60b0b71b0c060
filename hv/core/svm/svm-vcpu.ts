// A virtual CPU in a VMCB.

import { CR0_PG, CR4_MCE, CR4_PAE, DR6_RESET } from "../../x86/control-registers";
import { EFER_LME, EFER_SVME, IA32_CSTAR, IA32_FMASK, IA32_KERNEL_GS_BASE, IA32_LSTAR, IA32_STAR } from "../../x86/msr";
import { ACCESS_RIGHTS_DPL_MASK, ACCESS_RIGHTS_DPL_SHIFT } from "../../x86/segments";
import { svmExitName } from "../../x86/svm-exit-codes";
import {
  CLEAN_CONTROL_REGISTERS,
  CLEAN_CR2,
  CLEAN_DEBUG_REGISTERS,
  CLEAN_INTERCEPTS,
  CLEAN_SEGMENTS,
  NESTED_PAGING_ENABLE,
  VINTR_MASKING,
  VMCB_CLEAN,
  VMCB_CPL,
  VMCB_CR0,
  VMCB_CR2,
  VMCB_CR4,
  VMCB_CSTAR,
  VMCB_DR6,
  VMCB_EFER,
  VMCB_EVENTINJ,
  VMCB_EXITCODE,
  VMCB_EXITINFO1,
  VMCB_EXITINFO2,
  VMCB_GUEST_ASID,
  VMCB_INTERCEPT_MISC1,
  VMCB_INTERRUPT_STATE,
  VMCB_IOPM_BASE_PA,
  VMCB_KERNEL_GS_BASE,
  VMCB_LBR_CONTROL,
  VMCB_LSTAR,
  VMCB_MSRPM_BASE_PA,
  VMCB_N_CR3,
  VMCB_NESTED_CONTROL,
  VMCB_RIP,
  VMCB_SEGMENT_ATTRIBUTES,
  VMCB_SEGMENT_BASE,
  VMCB_SEGMENT_LIMIT,
  VMCB_SEGMENT_SELECTOR,
  VMCB_SFMASK,
  VMCB_STAR,
  VMCB_TSC_OFFSET,
  VMCB_VINTR,
} from "../../x86/vmcb";
import { AMD_HYPERCALL_BYTE } from "../../shared/vcpu-page";
import { Console, LEVEL_DEBUG } from "../console/console";
import { machineFeatures } from "../cpu/features";
import { GuestMemory, NOT_MAPPED } from "../guest-memory";
import { rdmsr, rdtsc, wrmsr, xgetbv } from "../hardware";
import { Machine } from "../machine";
import { Translation } from "../memory/page-tables";
import { RESULT_ENTRY_FAILED_BY_STATE, RESULT_ENTRY_REFUSED_BY_DOCTOR, RESULT_OK } from "../results";
import { GuestState } from "../vcpu/guest-state";
import { mirroredState } from "../vcpu/mirrored-state";
import { startState } from "../vcpu/start-states";
import {
  SEGMENT_SS,
  SEGMENTS,
  STATE_ACCESS_RIGHTS,
  STATE_BASE,
  STATE_CR0,
  STATE_CR3,
  STATE_CR4,
  STATE_DEBUGCTL,
  STATE_DR7,
  STATE_EFER,
  STATE_GDTR_BASE,
  STATE_GDTR_LIMIT,
  STATE_IDTR_BASE,
  STATE_IDTR_LIMIT,
  STATE_LIMIT,
  STATE_PAT,
  STATE_PDPTE,
  STATE_RFLAGS,
  STATE_RIP,
  STATE_RSP,
  STATE_SELECTOR,
  STATE_SYSENTER_CS,
  STATE_SYSENTER_EIP,
  STATE_SYSENTER_ESP,
} from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";
// First, as the exits' table needs them to be there (dispatch.ts).
import { cleanBitOf, PLAIN_STATES, SEGMENT_OFFSETS, STATE_CLEAN, STATE_OFFSETS } from "./state-fields";
import { LBR_VIRTUALIZATION, NOWHERE, PDPTES, PDPTES_ALIGNMENT, WORK_FLUSH } from "./values";
import { advanceBy, completeIteration } from "./complete";
import { saveState } from "./cpu-state";
import { isBlockedByNmi } from "./deliver";
import { codeOfRow, EXIT_ROWS, ROWS } from "./dispatch";
import { mayEnter, PreparedVmcb } from "./entry/first-vmrun";
import { writeIntercepts } from "./intercepts";
import { advanceUnknown, InstructionCache } from "./next-rip";
import { runSvm } from "./run";
import { accessRightsOf, attributesOf } from "./segments";
import { spoilEntry } from "./spoil";
import { endStep, startStep } from "./step";
import { Svm } from "./svm";
import { endEvent } from "./vectoring";
import { SaveArea, Vmcb } from "./vmcb";

export class SvmVcpu extends Vcpu {
  readonly vmcb: Vmcb;
  readonly saved: SaveArea;
  // For svmEnter.
  readonly vmcbPhysical: u64;
  hostState: u64;
  // What this processor does not have, Basalt does itself.
  readonly hasNextRip: bool;
  readonly hasDecodeAssists: bool;
  readonly hasFlushByAsid: bool;
  private readonly hasBranchRecords: bool;
  readonly instructions: InstructionCache = new InstructionCache();
  private readonly prepared: PreparedVmcb;
  /** For npf-exits.ts: nothing is allocated on the exit path. */
  readonly translation: Translation = new Translation();
  /** CR4 as the guest left it. */
  private seenCr4: u64 = 0;
  /** Where the guest has no DBGCTL of its own, what it wrote there. */
  private keptDebugControl: u64 = 0;

  /** The guest is to exit as soon as it takes interrupts. */
  hasInterruptWindow: bool = false;
  /** An NMI was delivered, and its handler has not executed its IRET; that IRET has exited, and is at `iretRip`. */
  isInNmiHandler: bool = false;
  iretRip: u64 = NOWHERE;
  // In a step (step.ts): what the guest had itself.
  hasOwnTrapFlag: bool = false;
  stepsItself: bool = false;
  hiddenBtf: u64 = 0;
  hiddenDr6: u64 = 0;

  constructor(
    private readonly machine: Machine,
    private readonly svm: Svm,
    vm: u32,
    private readonly kind: u32,
    page: usize,
    /** A page of the pool. */
    vmcb: usize,
    memory: GuestMemory,
    private readonly asid: u32,
  ) {
    super(vm, machine.console, page, memory, EXIT_ROWS, ROWS, svm.features | machineFeatures(kind), machine.timer);
    const capabilities = svm.capabilities;
    this.vmcb = Vmcb.of(vmcb);
    this.saved = Vmcb.of(vmcb).saveArea;
    this.vmcbPhysical = memory.pool.physicalAddress(vmcb);
    this.hostState = svm.hostState;
    this.prepared = new PreparedVmcb(memory.pool);
    this.hasNextRip = capabilities.hasNextRip;
    this.hasDecodeAssists = capabilities.hasDecodeAssists;
    this.hasFlushByAsid = capabilities.hasFlushByAsid;
    this.hasBranchRecords = capabilities.hasBranchRecords;
    const paging = memory.nestedPaging;
    if (paging) this.entryWork = paging.entryWork;
    // APM 2 15.25.10: with nested paging.
    this.hasPdpteRegisters = false;
    this.shared.hidesLinearAddress = 1;
    this.shared.hypercallByte = AMD_HYPERCALL_BYTE;
  }

  /** Says that parts of the VMCB have changed: bits CLEAN_*. */
  soil(parts: u32): void {
    this.vmcb.write32(VMCB_CLEAN, this.vmcb.read32(VMCB_CLEAN) & ~parts);
  }

  /** Sets or clears a bit INTERCEPT_* of VMCB_INTERCEPT_MISC1. */
  setMisc1(intercept: u32, isOn: bool): void {
    const others = this.vmcb.read32(VMCB_INTERCEPT_MISC1) & ~intercept;
    this.vmcb.write32(VMCB_INTERCEPT_MISC1, isOn ? others | intercept : others);
    this.soil(CLEAN_INTERCEPTS);
  }

  read(state: u32): u64 {
    const vmcb = this.vmcb;
    if (state == STATE_EFER) return this.readEfer();
    if (state == STATE_DEBUGCTL && !this.hasBranchRecords) return this.keptDebugControl;
    if (state == STATE_GDTR_LIMIT || state == STATE_IDTR_LIMIT) return vmcb.part(STATE_OFFSETS[state]).read32(0);
    if (state < PLAIN_STATES) return vmcb.part(STATE_OFFSETS[state]).read64(0);
    if (state < STATE_SELECTOR) return this.pdpte(state - STATE_PDPTE);
    if (state < STATE_BASE) return vmcb.part(SEGMENT_OFFSETS[state - STATE_SELECTOR]).read16(VMCB_SEGMENT_SELECTOR);
    if (state < STATE_LIMIT) return vmcb.part(SEGMENT_OFFSETS[state - STATE_BASE]).read64(VMCB_SEGMENT_BASE);
    if (state < STATE_ACCESS_RIGHTS) return vmcb.part(SEGMENT_OFFSETS[state - STATE_LIMIT]).read32(VMCB_SEGMENT_LIMIT);
    const segment = state - STATE_ACCESS_RIGHTS;
    const rights = accessRightsOf(vmcb.part(SEGMENT_OFFSETS[segment]).read16(VMCB_SEGMENT_ATTRIBUTES));
    if (segment != SEGMENT_SS) return rights;
    // SS's DPL need not be the CPL here (APM 2 15.5.1).
    const others = rights & ~(ACCESS_RIGHTS_DPL_MASK << ACCESS_RIGHTS_DPL_SHIFT);
    return others | (vmcb.read8(VMCB_CPL) << ACCESS_RIGHTS_DPL_SHIFT);
  }

  write(state: u32, value: u64): void {
    const vmcb = this.vmcb;
    if (state == STATE_EFER) this.writeEfer(value);
    else if (state == STATE_DEBUGCTL && !this.hasBranchRecords) this.keptDebugControl = value;
    else if (state == STATE_GDTR_LIMIT || state == STATE_IDTR_LIMIT) this.writePlain32(state, <u32>value);
    else if (state < PLAIN_STATES) this.writePlain64(state, value);
    else if (state >= STATE_SELECTOR) this.writeSegment(vmcb, state, value);
    // The processor reads PDPTEs in memory (APM 2 15.25.10): those are no registers of the guest's.
  }

  private writePlain64(state: u32, value: u64): void {
    this.vmcb.part(STATE_OFFSETS[state]).write64(0, value);
    this.soil(STATE_CLEAN[state]);
  }

  private writePlain32(state: u32, value: u32): void {
    this.vmcb.part(STATE_OFFSETS[state]).write32(0, value);
    this.soil(STATE_CLEAN[state]);
  }

  private writeSegment(vmcb: Vmcb, state: u32, value: u64): void {
    const segment = (state - STATE_SELECTOR) % SEGMENTS;
    const part = vmcb.part(SEGMENT_OFFSETS[segment]);
    if (state < STATE_BASE) part.write16(VMCB_SEGMENT_SELECTOR, <u32>value);
    else if (state < STATE_LIMIT) part.write64(VMCB_SEGMENT_BASE, value);
    else if (state < STATE_ACCESS_RIGHTS) part.write32(VMCB_SEGMENT_LIMIT, <u32>value);
    else {
      part.write16(VMCB_SEGMENT_ATTRIBUTES, attributesOf(<u32>value));
      if (segment == SEGMENT_SS) this.setPrivilegeLevel(<u32>value);
    }
    this.soil(cleanBitOf(segment));
  }

  /** CPL is SS's DPL, as a guest's state has it that a vmm or a start state gives. */
  private setPrivilegeLevel(stackRights: u32): void {
    this.vmcb.write8(VMCB_CPL, (stackRights >> ACCESS_RIGHTS_DPL_SHIFT) & ACCESS_RIGHTS_DPL_MASK);
    this.soil(CLEAN_SEGMENTS);
  }

  /** A PDPTE as it is in guest RAM; 0, which is not present, beyond it. */
  private pdpte(number: u32): u64 {
    const address = (this.read(STATE_CR3) & 0xffffffff & ~PDPTES_ALIGNMENT) + 8 * (number % PDPTES);
    const host = this.memory.hostAddress(address);
    return host != NOT_MAPPED && this.pdpteBytes.readPhysical(host, 8) ? this.pdpteBytes.u64(0) : 0;
  }

  readSeen(state: u32): u64 {
    return state == STATE_CR0 ? this.vmcb.read64(VMCB_CR0) : this.seenCr4;
  }

  writeSeen(state: u32, value: u64): void {
    if (state == STATE_CR0) this.vmcb.write64(VMCB_CR0, value);
    else this.seenCr4 = value;
    this.writeCr4();
  }

  /**
   * CR4 is what the guest left there, and MCE. In QEMU 7.2 an exit of a guest with EFER.LME and neither CR4.PAE nor paging
   * leaves the host without paging, as its CR0 is loaded while the guest's CR4 is still there: without paging PAE has no effect,
   * so that it can be set for such a guest. Paging comes by a write of CR0, which exits (control-register-exits.ts).
   */
  private writeCr4(): void {
    const vmcb = this.vmcb;
    const isBetween = (vmcb.read64(VMCB_EFER) & EFER_LME) != 0 && !(vmcb.read64(VMCB_CR0) & CR0_PG);
    vmcb.write64(VMCB_CR4, this.seenCr4 | CR4_MCE | (isBetween ? CR4_PAE : 0));
    this.soil(CLEAN_CONTROL_REGISTERS);
  }

  readEfer(): u64 {
    return this.vmcb.read64(VMCB_EFER) & ~EFER_SVME;
  }

  /** VMRUN demands SVME (APM 2 15.5.1); the guest does not see it. */
  writeEfer(value: u64): void {
    this.vmcb.write64(VMCB_EFER, value | EFER_SVME);
    this.writeCr4();
  }

  get cr2(): u64 {
    return this.vmcb.read64(VMCB_CR2);
  }
  set cr2(value: u64) {
    this.vmcb.write64(VMCB_CR2, value);
    this.soil(CLEAN_CR2);
  }

  get dr6(): u64 {
    return this.vmcb.read64(VMCB_DR6);
  }
  set dr6(value: u64) {
    this.vmcb.write64(VMCB_DR6, value);
    this.soil(CLEAN_DEBUG_REGISTERS);
  }

  readLive(msr: u32): u64 {
    const offset = offsetOfMsr(msr);
    return offset == 0 ? rdmsr(msr) : this.vmcb.part(offset).read64(0);
  }

  writeLive(msr: u32, value: u64): void {
    const offset = offsetOfMsr(msr);
    if (offset == 0) wrmsr(msr, value);
    else this.vmcb.part(offset).write64(0, value);
  }

  setTscOffset(offset: u64): void {
    this.tscOffset = offset;
    this.shared.tscOffset = offset;
    this.vmcb.write64(VMCB_TSC_OFFSET, offset);
    this.soil(CLEAN_INTERCEPTS);
  }

  /** QEMU 7.2 does not heed the intercept of XSETBV. All state components that a guest can have there are kept apart. */
  noteXcr0(): void {
    if (this.cpuid.supportedXcr0 == 0) return;
    const xcr0 = xgetbv();
    if (xcr0 == this.xcr0) return;
    this.xcr0 = xcr0;
    this.cpuid.setXcr0(xcr0);
  }

  dropLinearTranslations(): void {
    this.work |= WORK_FLUSH;
  }

  prepare(): u32 {
    const vmcb = this.vmcb;
    this.hasInterruptWindow = false;
    this.isInNmiHandler = false;
    this.iretRip = NOWHERE;
    vmcb.write64(VMCB_EVENTINJ, 0);
    const maps = this.svm.maps;
    maps.allow(this.msrs);
    writeIntercepts(vmcb, this.kind);
    vmcb.write64(VMCB_IOPM_BASE_PA, maps.io);
    vmcb.write64(VMCB_MSRPM_BASE_PA, maps.msrs);
    vmcb.write32(VMCB_GUEST_ASID, this.asid);
    vmcb.write64(VMCB_VINTR, VINTR_MASKING);
    vmcb.write64(VMCB_NESTED_CONTROL, NESTED_PAGING_ENABLE);
    vmcb.write64(VMCB_N_CR3, this.memory.pagingPointer);
    if (this.hasBranchRecords) vmcb.write64(VMCB_LBR_CONTROL, LBR_VIRTUALIZATION);
    // What boot/vm_entry.asm's vm_mirror ends by.
    if (this.mirrorsHost) this.registers.rbx = 1;
    this.load(this.mirrorsHost ? mirroredState(this) : startState(this.kind, this.shared, this.start));
    // The guest's counter starts at 0.
    this.setTscOffset(0 - rdtsc());
    vmcb.write32(VMCB_CLEAN, 0);
    this.work |= WORK_FLUSH;
    const line = this.say(LEVEL_DEBUG).text("nCR3 ").hex(this.memory.pagingPointer, 16);
    line.text(", ASID ").decimal(this.asid).end();
    spoilEntry(vmcb, this.machine.options.fail);
    this.prepared.keep(vmcb);
    if (!this.machine.options.isDoctorStrict || mayEnter(this.svm.entryDoctor, this, vmcb)) return RESULT_OK;
    return RESULT_ENTRY_REFUSED_BY_DOCTOR;
  }

  private load(state: GuestState): void {
    for (let i: u32 = 0; i < SEGMENTS; i++) {
      this.write(STATE_SELECTOR + i, state.selectors[i]);
      this.write(STATE_BASE + i, state.bases[i]);
      this.write(STATE_LIMIT + i, state.limits[i]);
      this.write(STATE_ACCESS_RIGHTS + i, state.accessRights[i]);
    }
    this.write(STATE_GDTR_BASE, state.gdtrBase);
    this.write(STATE_GDTR_LIMIT, state.gdtrLimit);
    this.write(STATE_IDTR_BASE, state.idtrBase);
    this.write(STATE_IDTR_LIMIT, state.idtrLimit);
    this.write(STATE_CR0, state.cr0);
    this.write(STATE_CR3, state.cr3);
    const cr4 = this.mirrorsHost ? state.cr4 : state.cr4 & this.supportedCr4;
    this.writeSeen(STATE_CR4, cr4);
    if (!this.mirrorsHost) this.cpuid.setCr4(cr4);
    this.write(STATE_DR7, state.dr7);
    this.dr6 = DR6_RESET;
    this.write(STATE_RIP, state.rip);
    this.write(STATE_RSP, state.rsp);
    this.write(STATE_RFLAGS, state.rflags);
    this.write(STATE_SYSENTER_CS, state.sysenterCs);
    this.write(STATE_SYSENTER_ESP, state.sysenterEsp);
    this.write(STATE_SYSENTER_EIP, state.sysenterEip);
    this.write(STATE_PAT, state.pat);
    this.writeEfer(state.efer);
    this.vmcb.write64(VMCB_INTERRUPT_STATE, 0);
  }

  /** Another VM with the same ASID may have run, or this one with another VMCB's cached parts. */
  makeCurrent(): u32 {
    this.vmcb.write32(VMCB_CLEAN, 0);
    this.work |= WORK_FLUSH;
    // This processor's, which it may not have run on before.
    this.hostState = this.svm.hostState;
    return RESULT_OK;
  }

  advance(): void {
    advanceUnknown(this);
  }

  advanceBy(length: u32): void {
    advanceBy(this, length);
  }

  completeIteration(): void {
    completeIteration(this);
  }

  saveState(): void {
    saveState(this);
  }

  get isBlockedByNmi(): bool {
    return isBlockedByNmi(this);
  }

  startStep(): void {
    startStep(this);
  }

  endStep(): void {
    endStep(this);
  }

  endEvent(): void {
    endEvent(this);
  }

  run(): u32 {
    return runSvm(this);
  }

  /** After VMEXIT_INVALID: every rule that the VMCB violates. */
  explainEnd(): void {
    if (this.result != RESULT_ENTRY_FAILED_BY_STATE) return;
    this.prepared.explain(this.svm.entryDoctor, this, this.vmcb, !this.hasExited);
  }

  /** A VMCB is memory: no processor keeps what another one would need. */
  depart(): u32 {
    return RESULT_OK;
  }

  retire(): u32 {
    return RESULT_OK;
  }

  nameExit(row: u32, line: Console): void {
    const code = codeOfRow(row);
    line.hex(code).text(" ").text(svmExitName(code));
  }

  describeExit(line: Console): void {
    const vmcb = this.vmcb;
    const code = vmcb.read32(VMCB_EXITCODE);
    line.text("exit ").hex(code).text(", ").text(svmExitName(code)).text(", at RIP ").hex(vmcb.read64(VMCB_RIP), 16);
    line.text(", information ").hex(vmcb.read64(VMCB_EXITINFO1)).text(" ").hex(vmcb.read64(VMCB_EXITINFO2));
  }
}

/** Where the VMCB has the guest's value of an MSR that VMSAVE moves there; 0 for one that the processor keeps. */
function offsetOfMsr(msr: u32): u32 {
  if (msr == IA32_STAR) return VMCB_STAR;
  if (msr == IA32_LSTAR) return VMCB_LSTAR;
  if (msr == IA32_CSTAR) return VMCB_CSTAR;
  if (msr == IA32_FMASK) return VMCB_SFMASK;
  return msr == IA32_KERNEL_GS_BASE ? VMCB_KERNEL_GS_BASE : 0;
}
