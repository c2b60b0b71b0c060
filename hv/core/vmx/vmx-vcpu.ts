// A virtual CPU in a VMCS.

import { EXIT_REASON_BASIC_MASK, EXIT_REASON_COUNT, exitReasonName } from "../../x86/exit-reasons";
import {
  CR0_GUEST_HOST_MASK,
  CR0_READ_SHADOW,
  CR4_GUEST_HOST_MASK,
  CR4_READ_SHADOW,
  EXIT_QUALIFICATION,
  EXIT_REASON,
  GUEST_CR0,
  GUEST_CR4,
  GUEST_IA32_EFER,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_RIP,
  TSC_OFFSET,
  VM_ENTRY_CONTROLS,
  VM_EXIT_INSTRUCTION_LENGTH,
} from "../../x86/vmcs-fields";
import { CR0_PE, CR0_PG, CR4_MCE, CR4_OSXSAVE, CR4_PKE } from "../../x86/control-registers";
import {
  EFER_LMA,
  EFER_LME,
  IA32_EFER,
  IA32_VMX_CR0_FIXED0,
  IA32_VMX_CR4_FIXED0,
  IA32_VMX_EPT_VPID_CAP,
} from "../../x86/msr";
import { EPT_CAP_ADVANCED_EXIT_INFORMATION } from "../../x86/vmx-capabilities";
import {
  ENTRY_IA32E_MODE_GUEST,
  PIN_VIRTUAL_NMIS,
  PRIMARY_MONITOR_TRAP_FLAG,
  SECONDARY_MODE_BASED_EXECUTE_CONTROL_FOR_EPT,
  SECONDARY_UNRESTRICTED_GUEST,
} from "../../x86/vmx-controls";
import { INTEL_HYPERCALL_BYTE } from "../../shared/vcpu-page";
import { FEATURE_OWN_EFER, FEATURE_TSC_OFFSET } from "../cpu/features";
import { Console, LEVEL_DEBUG, LEVEL_ERROR } from "../console/console";
import { machineFeatures } from "../cpu/features";
import { GuestMemory } from "../guest-memory";
import {
  rdmsr,
  rdtsc,
  readRegister,
  REGISTER_CR2,
  REGISTER_DR6,
  VM_SUCCEED,
  vmclear,
  vmptrld,
  vmread,
  vmwrite,
  writeRegister,
  wrmsr,
} from "../hardware";
import { Machine } from "../machine";
import {
  RESULT_ENTRY_FAILED,
  RESULT_ENTRY_FAILED_BY_STATE,
  RESULT_ENTRY_REFUSED_BY_DOCTOR,
  RESULT_OK,
  RESULT_VMCLEAR_FAILED,
  RESULT_VMPTRLD_FAILED,
} from "../results";
import { mirroredState } from "../vcpu/mirrored-state";
import { startState } from "../vcpu/start-states";
import { STATE_CR0 } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";
import { advanceBy, completeIteration } from "./complete";
import { writeControlFields } from "./control-fields";
import { saveState } from "./cpu-state";
import { interruptBehindInstruction, isBlockedByNmi } from "./deliver";
import { guestFeatures } from "./guest-features";
import { CR0_OWNED, writeGuestState } from "./guest-state";
import { writeHostState } from "./host-state";
import { GuestTranslations } from "./invalidate";
import { writeMsrBitmap } from "./msr-bitmap";
import { run } from "./run";
import { spoilEntry } from "./spoil";
import { startStep } from "./step";
import { STATE_FIELDS } from "./state-fields";
import { NOWHERE, WORK_VPID } from "./vcpu-values";
import { endEvent } from "./vectoring";
import { Vmx } from "./vmx";
import { vmxFailure } from "./vmx-failure";

/** Rows of the counters: the SDM's exit reasons, and Basalt's own (dispatch.ts). */
const ROWS: u32 = EXIT_REASON_COUNT + 3;
export class VmxVcpu extends Vcpu {
  /** 1 after the first entry: then VMRESUME. */
  isLaunched: u32 = 0;
  /** How the last VMLAUNCH or VMRESUME failed, where the exit's row says so. */
  entryOutcome: u32 = 0;
  /** It has departed from a processor, and was current on none since. */
  private hasMoved: bool = false;
  /** The guest/host masks, and the bits that are 1 in the guest whatever it writes. */
  private cr0Owned: u64 = 0;
  private cr4Owned: u64 = 0;
  private cr0AlwaysOn: u64 = 0;
  private cr4AlwaysOn: u64 = 0;
  /** RIP of the last instruction that was completed after its exit with all that its end brings. */
  completedRip: u64 = NOWHERE;
  /** Whether steps are made by the monitor trap flag. */
  hasMonitorTrapFlag: bool;
  /** It has made an exit: till then a step is made by RFLAGS.TF, too (step.ts). */
  isMonitorTrapSeen: bool = false;
  /** An instruction was completed since the guest last ran, perhaps without a look at STI's or MOV SS's shadow: it is over. */
  isShadowStale: bool = false;
  /** In a step by RFLAGS.TF (step.ts): the guest had that itself, or BTF of IA32_DEBUGCTL. */
  stepsItself: bool = false;
  hiddenBtf: u64 = 0;
  /** EPT tells what supervisor and user mode may execute apart. */
  readonly hasModeBasedExecution: bool;
  /** The processor tells of an EPT violation what the guest's own paging says. */
  readonly hasAdvancedViolations: bool;
  /** Whether the processor knows when the guest blocks NMIs. */
  readonly hasVirtualNmis: bool;
  /** Where it does not: an NMI was delivered, and the guest has not enabled interrupts since. */
  isInNmiHandler: bool = false;
  /** The guest exits as soon as an event can be delivered to it. */
  hasWindow: bool = false;

  constructor(
    private readonly machine: Machine,
    private readonly vmx: Vmx,
    vm: u32,
    private readonly kind: u32,
    page: usize,
    readonly vmcs: u64,
    /** A page of the pool; 0 where MSR bitmaps are not used. */
    private readonly msrBitmap: usize,
    memory: GuestMemory,
    readonly translations: GuestTranslations,
  ) {
    const features = guestFeatures(vmx.controlsOf(kind)) | machineFeatures(kind);
    super(vm, machine.console, page, memory, EXIT_REASON_COUNT, ROWS, features, machine.timer);
    this.shared.hypercallByte = INTEL_HYPERCALL_BYTE;
    this.hasVirtualNmis = vmx.controlsOf(kind).pin.has(PIN_VIRTUAL_NMIS);
    const mayTrap = ((vmx.capabilities.primaryControls >> 32) & PRIMARY_MONITOR_TRAP_FLAG) != 0;
    this.hasMonitorTrapFlag = mayTrap && !machine.options.stepsByTf;
    this.hasModeBasedExecution = vmx.controlsOf(kind).secondary.has(SECONDARY_MODE_BASED_EXECUTE_CONTROL_FOR_EPT);
    const described = vmx.capabilities.of(IA32_VMX_EPT_VPID_CAP);
    this.hasAdvancedViolations = (described & EPT_CAP_ADVANCED_EXIT_INFORMATION) != 0;
    if (msrBitmap != 0) writeMsrBitmap(msrBitmap, this.msrs, this.features);
    this.entryWork = translations.entryWork;
    if (translations.vpid.isPending) this.work |= WORK_VPID;
  }

  dropLinearTranslations(): void {
    this.translations.vpid.requireInvalidation();
    if (this.translations.vpid.isPending) this.work |= WORK_VPID;
  }

  readSeen(state: u32): u64 {
    if (state == STATE_CR0) {
      return (vmread(GUEST_CR0) & ~this.cr0Owned) | (vmread(CR0_READ_SHADOW) & this.cr0Owned);
    }
    return (vmread(GUEST_CR4) & ~this.cr4Owned) | (vmread(CR4_READ_SHADOW) & this.cr4Owned);
  }

  writeSeen(state: u32, value: u64): void {
    if (state == STATE_CR0) {
      vmwrite(CR0_READ_SHADOW, value);
      vmwrite(GUEST_CR0, (value & ~CR0_OWNED) | this.cr0AlwaysOn);
    } else {
      vmwrite(CR4_READ_SHADOW, value);
      vmwrite(GUEST_CR4, value | this.cr4AlwaysOn);
    }
  }

  readEfer(): u64 {
    if (this.features & FEATURE_OWN_EFER) return vmread(GUEST_IA32_EFER);
    const others = rdmsr(IA32_EFER) & ~(EFER_LME | EFER_LMA);
    return vmread(VM_ENTRY_CONTROLS) & ENTRY_IA32E_MODE_GUEST ? others | EFER_LME | EFER_LMA : others;
  }

  /** The VM-entry control "IA-32e mode guest" says what LMA says (SDM 3C 27.3.1.1). */
  writeEfer(value: u64): void {
    const controls = vmread(VM_ENTRY_CONTROLS) & ~(<u64>ENTRY_IA32E_MODE_GUEST);
    vmwrite(VM_ENTRY_CONTROLS, value & EFER_LMA ? controls | ENTRY_IA32E_MODE_GUEST : controls);
    if (this.features & FEATURE_OWN_EFER) vmwrite(GUEST_IA32_EFER, value);
  }

  get cr2(): u64 {
    return readRegister(REGISTER_CR2);
  }
  set cr2(value: u64) {
    writeRegister(REGISTER_CR2, value);
  }

  get dr6(): u64 {
    return readRegister(REGISTER_DR6);
  }
  set dr6(value: u64) {
    writeRegister(REGISTER_DR6, value);
  }

  readLive(msr: u32): u64 {
    return rdmsr(msr);
  }

  writeLive(msr: u32, value: u64): void {
    wrmsr(msr, value);
  }

  setTscOffset(offset: u64): void {
    this.tscOffset = offset;
    this.shared.tscOffset = offset;
    if (this.features & FEATURE_TSC_OFFSET) vmwrite(TSC_OFFSET, offset);
  }

  read(state: u32): u64 {
    return vmread(STATE_FIELDS[state]);
  }

  write(state: u32, value: u64): void {
    vmwrite(STATE_FIELDS[state], value);
  }

  prepare(): u32 {
    this.isLaunched = 0;
    this.completedRip = NOWHERE;
    this.isShadowStale = false;
    this.isInNmiHandler = false;
    this.hasWindow = false;
    let result = this.clear();
    if (result == RESULT_OK) result = this.makeCurrent();
    if (result != RESULT_OK) return result;
    const controls = this.vmx.controlsOf(this.kind);
    const vpid = this.translations.vpid.vpid;
    const msrBitmap = this.memory.pool.physicalAddress(this.msrBitmap);
    writeControlFields(controls, this.memory.pagingPointer, vpid, msrBitmap);
    writeHostState(this, controls);
    const state = this.mirrorsHost ? mirroredState(this) : startState(this.kind, this.shared, this.start);
    writeGuestState(state, controls, this.vmx.capabilities);
    // The kind's controls do not know what the vmm has loaded.
    if (!this.mirrorsHost) this.writeEfer(state.efer);
    this.takeControlRegisters();
    // The guest's counter starts at 0.
    this.setTscOffset(this.features & FEATURE_TSC_OFFSET ? 0 - rdtsc() : 0);
    const line = this.say(LEVEL_DEBUG).text("EPTP ").hex(this.memory.pagingPointer, 16);
    line.text(", VPID ").decimal(vpid).end();
    spoilEntry(this.machine.options.fail);
    return this.mayEnter() ? RESULT_OK : RESULT_ENTRY_REFUSED_BY_DOCTOR;
  }

  /** What of CR0 and CR4 is Basalt's, in VMX operation and by what the guest's CPUID shows (SDM 3C 25.6.6). */
  private takeControlRegisters(): void {
    const capabilities = this.vmx.capabilities;
    const isUnrestricted = this.vmx.controlsOf(this.kind).secondary.has(SECONDARY_UNRESTRICTED_GUEST);
    const cr0Fixed = capabilities.of(IA32_VMX_CR0_FIXED0);
    this.cr0AlwaysOn = isUnrestricted ? cr0Fixed & ~(CR0_PE | CR0_PG) : cr0Fixed;
    this.cr4AlwaysOn = capabilities.of(IA32_VMX_CR4_FIXED0) | CR4_MCE;
    if (!this.mirrorsHost) {
      // Changes of OSXSAVE and PKE show in CPUID; bits that the guest does not have are to be #GP.
      const shadow = vmread(CR4_READ_SHADOW) & this.supportedCr4;
      vmwrite(CR4_GUEST_HOST_MASK, vmread(CR4_GUEST_HOST_MASK) | ~this.supportedCr4 | CR4_OSXSAVE | CR4_PKE);
      vmwrite(CR4_READ_SHADOW, shadow);
      this.cpuid.setCr4(shadow);
    }
    this.cr0Owned = vmread(CR0_GUEST_HOST_MASK);
    this.cr4Owned = vmread(CR4_GUEST_HOST_MASK);
  }

  advance(): void {
    advanceBy(this, <u32>vmread(VM_EXIT_INSTRUCTION_LENGTH));
  }

  interruptBehindInstruction(): bool {
    return interruptBehindInstruction(this);
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
    return isBlockedByNmi(this, <u32>vmread(GUEST_INTERRUPTIBILITY_STATE));
  }

  startStep(): void {
    startStep(this);
  }

  endEvent(): void {
    endEvent(this);
  }

  makeCurrent(): u32 {
    const outcome = vmptrld(this.vmcs);
    if (outcome == VM_SUCCEED) {
      if (this.hasMoved) this.arrive();
      return RESULT_OK;
    }
    vmxFailure(this.console, "VMPTRLD", this.vmcs, outcome);
    return RESULT_VMPTRLD_FAILED;
  }

  run(): u32 {
    return run(this);
  }

  /** After an entry that failed: every rule that the VMCS violates. */
  explainEnd(): void {
    if (this.result != RESULT_ENTRY_FAILED && this.result != RESULT_ENTRY_FAILED_BY_STATE) return;
    const doctor = this.vmx.entryDoctor;
    doctor.examine(this);
    doctor.print(this);
  }

  /** VMCLEAR writes to memory what this processor holds of the VMCS (SDM 3C 25.11.1). */
  depart(): u32 {
    this.hasMoved = true;
    this.isLaunched = 0;
    return this.clear();
  }

  /** The VMCS is current on another processor than before: that one's tables are what an exit is to load. */
  private arrive(): void {
    this.hasMoved = false;
    writeHostState(this, this.vmx.controlsOf(this.kind));
    this.dropTranslations();
  }

  retire(): u32 {
    return this.clear();
  }

  nameExit(row: u32, line: Console): void {
    line.decimal(row).text(" ").text(exitReasonName(row));
  }

  describeExit(line: Console): void {
    // `exitRow` is not that of the commonest exits (run.ts).
    const reason = (<u32>vmread(EXIT_REASON)) & EXIT_REASON_BASIC_MASK;
    line.text("VM exit ").decimal(reason).text(", ").text(exitReasonName(reason));
    line.text(", at RIP ").hex(vmread(GUEST_RIP), 16).text(", exit qualification ").hex(vmread(EXIT_QUALIFICATION));
  }

  /** With `doctor=strict`: judges the VMCS before its first entry. False where a rule of VM entry is violated. */
  private mayEnter(): bool {
    const doctor = this.vmx.entryDoctor;
    if (!this.machine.options.isDoctorStrict || doctor.examine(this)) return true;
    this.say(LEVEL_ERROR).text("the VMCS breaks rules of VM entry; Basalt does not enter (doctor=strict)").end();
    doctor.print(this);
    return false;
  }

  /** VMCLEAR: before VMXOFF too, which would lose what the processor keeps of the VMCS (SDM 3C 25.11.3). */
  private clear(): u32 {
    const outcome = vmclear(this.vmcs);
    if (outcome == VM_SUCCEED) return RESULT_OK;
    vmxFailure(this.console, "VMCLEAR", this.vmcs, outcome);
    return RESULT_VMCLEAR_FAILED;
  }
}
