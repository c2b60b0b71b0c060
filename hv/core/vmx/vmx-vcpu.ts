// A virtual CPU in a VMCS.

import { EXIT_REASON_COUNT, exitReasonName } from "../../x86/exit-reasons";
import {
  EXIT_QUALIFICATION,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_RIP,
  VM_EXIT_INSTRUCTION_LENGTH,
} from "../../x86/vmcs-fields";
import { IA32_VMX_EPT_VPID_CAP } from "../../x86/msr";
import { EPT_CAP_ADVANCED_EXIT_INFORMATION } from "../../x86/vmx-capabilities";
import {
  PIN_VIRTUAL_NMIS,
  PRIMARY_MONITOR_TRAP_FLAG,
  SECONDARY_MODE_BASED_EXECUTE_CONTROL_FOR_EPT,
} from "../../x86/vmx-controls";
import { Console, LEVEL_DEBUG, LEVEL_ERROR } from "../console/console";
import { GuestMemory } from "../guest-memory";
import { VM_SUCCEED, vmclear, vmptrld, vmread, vmwrite } from "../hardware";
import { Machine } from "../machine";
import { PAGE_BYTES } from "../memory/page-pool";
import {
  RESULT_ENTRY_FAILED,
  RESULT_ENTRY_FAILED_BY_STATE,
  RESULT_ENTRY_REFUSED_BY_DOCTOR,
  RESULT_OK,
  RESULT_VMCLEAR_FAILED,
  RESULT_VMPTRLD_FAILED,
} from "../results";
import { Vcpu } from "../vcpu/vcpu";
import { advanceBy } from "./complete";
import { writeControlFields } from "./control-fields";
import { saveState } from "./cpu-state";
import { isBlockedByNmi } from "./deliver";
import { writeHostState } from "./host-state";
import { GuestTranslations } from "./invalidate";
import { mirroredState } from "./mirrored-state";
import { run } from "./run";
import { spoilEntry } from "./spoil";
import { startStep } from "./step";
import { startState } from "./start-states";
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
  /** RIP of the last instruction that was completed after its exit with all that its end brings. */
  completedRip: u64 = NOWHERE;
  /** Whether steps are made by the monitor trap flag. */
  readonly hasMonitorTrapFlag: bool;
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

  constructor(
    private readonly machine: Machine,
    private readonly vmx: Vmx,
    vm: u32,
    private readonly kind: u32,
    page: usize,
    readonly vmcs: u64,
    memory: GuestMemory,
    readonly translations: GuestTranslations,
  ) {
    super(vm, machine.console, page, memory, EXIT_REASON_COUNT, ROWS, machine.maximumPhysicalAddress);
    this.hasVirtualNmis = vmx.controlsOf(kind).pin.has(PIN_VIRTUAL_NMIS);
    const mayTrap = ((vmx.capabilities.primaryControls >> 32) & PRIMARY_MONITOR_TRAP_FLAG) != 0;
    this.hasMonitorTrapFlag = mayTrap && !machine.options.stepsByTf;
    this.hasModeBasedExecution = vmx.controlsOf(kind).secondary.has(SECONDARY_MODE_BASED_EXECUTE_CONTROL_FOR_EPT);
    const described = vmx.capabilities.of(IA32_VMX_EPT_VPID_CAP);
    this.hasAdvancedViolations = (described & EPT_CAP_ADVANCED_EXIT_INFORMATION) != 0;
    this.work = translations.vpid.isPending ? WORK_VPID : 0;
  }

  dropLinearTranslations(): void {
    this.translations.vpid.requireInvalidation();
    if (this.translations.vpid.isPending) this.work |= WORK_VPID;
  }

  read(state: u32): u64 {
    return vmread(STATE_FIELDS[state]);
  }

  write(state: u32, value: u64): void {
    vmwrite(STATE_FIELDS[state], value);
  }

  prepare(): u32 {
    let result = this.clear();
    if (result == RESULT_OK) result = this.makeCurrent();
    if (result != RESULT_OK) return result;
    const controls = this.vmx.controlsOf(this.kind);
    const vpid = this.translations.vpid.vpid;
    writeControlFields(controls, this.memory.pagingPointer, vpid);
    writeHostState(this, controls);
    const state = this.mirrorsHost ? mirroredState(this) : startState(this.kind, this.shared, this.vmx.capabilities);
    state.write(controls);
    const line = this.say(LEVEL_DEBUG).text("EPTP ").hex(this.memory.pagingPointer, 16);
    line.text(", VPID ").decimal(vpid).end();
    spoilEntry(this.machine.options.fail);
    return this.mayEnter() ? RESULT_OK : RESULT_ENTRY_REFUSED_BY_DOCTOR;
  }

  advance(): void {
    advanceBy(this, <u32>vmread(VM_EXIT_INSTRUCTION_LENGTH));
  }

  advanceBy(length: u32): void {
    advanceBy(this, length);
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
    if (outcome == VM_SUCCEED) return RESULT_OK;
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

  retire(): u32 {
    const result = this.clear();
    const pool = this.machine.pool;
    pool.free(pool.pointer(this.vmcs));
    // A vmm's memory would still map the vCPU page.
    if (!this.mirrorsHost) return result;
    pool.free(this.page);
    pool.free(this.page + PAGE_BYTES);
    return result;
  }

  exitName(row: u32): string {
    return exitReasonName(row);
  }

  describeExit(line: Console): void {
    line.text("VM exit ").decimal(this.exitRow).text(", ").text(exitReasonName(this.exitRow));
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
