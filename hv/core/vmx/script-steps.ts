// The steps that the boot option vmx-script is made of: one VMX instruction each, told in one line each.

import {
  EXIT_REASON_BASIC_MASK,
  EXIT_REASON_ENTRY_FAILURE,
  EXIT_REASON_EXTERNAL_INTERRUPT,
  exitReasonName,
} from "../../x86/exit-reasons";
import { EXIT_QUALIFICATION, EXIT_REASON, GUEST_ACTIVITY_STATE, VM_INSTRUCTION_ERROR } from "../../x86/vmcs-fields";
import { vmInstructionErrorName } from "../../x86/vm-instruction-errors";
import { Console } from "../console/console";
import {
  openInterruptWindow,
  tryVmread,
  tryVmwrite,
  VM_FAIL_INVALID,
  VM_SUCCEED,
  vmclear,
  vmEnter,
  vmptrld,
  vmread,
  vmwrite,
} from "../hardware";
import { Machine } from "../machine";
import { ExecutionControls } from "./execution-controls";
import { GuestState } from "../vcpu/guest-state";
import { VmxCapabilities } from "./capabilities";
import { writeGuestState } from "./guest-state";
import { VmxVcpu } from "./vmx-vcpu";

const NO_FIELD: u32 = 0xffffffff;
/** The activity state of a processor that executes instructions (SDM 3C 25.4.2). */
const ACTIVE: u64 = 0;

/** Executes steps and prints `script NAME: OUTCOME`; nothing of it stops the run. */
export class ScriptSteps {
  private readonly value: StaticArray<u64> = new StaticArray<u64>(1);
  private secondField: u32 = NO_FIELD;
  private secondMask: u64 = 0;

  constructor(
    private readonly machine: Machine,
    private readonly vcpu: VmxVcpu,
    private readonly controls: ExecutionControls,
    private readonly state: GuestState,
    private readonly capabilities: VmxCapabilities,
  ) {}

  /** Writes the good guest state. */
  writeGuestState(): void {
    writeGuestState(this.state, this.controls, this.capabilities);
  }

  /** Prints how an instruction ended. */
  tell(name: string, outcome: u32): void {
    this.outcome(name, outcome).end();
  }

  private outcome(name: string, outcome: u32): Console {
    const line = this.machine.console.info().text("script ").text(name).text(": ");
    if (outcome == VM_SUCCEED) return line.text("VMsucceed");
    if (outcome == VM_FAIL_INVALID) return line.text("VMfailInvalid");
    const error = <u32>vmread(VM_INSTRUCTION_ERROR);
    return line.text("VMfailValid(").decimal(error).text(") ").text(vmInstructionErrorName(error));
  }

  /** VMREAD, with the value where it succeeds. */
  read(name: string, field: u32): void {
    const outcome = tryVmread(field, changetype<usize>(this.value));
    const line = this.outcome(name, outcome);
    if (outcome == VM_SUCCEED) line.text(", ").hex(this.value[0]);
    line.end();
  }

  /** VMWRITE. */
  write(name: string, field: u32, value: u64): void {
    this.tell(name, tryVmwrite(field, value));
  }

  /** VMLAUNCH, or VMRESUME if `launched` is 1, with the VM exit where there is one. */
  enter(name: string, launched: u32): void {
    let outcome = vmEnter(this.vcpu.registersEnd, launched);
    // The host's interrupts come when they come: they are no part of the script. KVM enters activity state HLT where the
    // SDM forbids it, and each interrupt would leave the guest in it again.
    while (outcome == VM_SUCCEED && <u32>vmread(EXIT_REASON) == EXIT_REASON_EXTERNAL_INTERRUPT) {
      openInterruptWindow();
      vmwrite(GUEST_ACTIVITY_STATE, ACTIVE);
      outcome = vmEnter(this.vcpu.registersEnd, 1);
    }
    const line = this.outcome(name, outcome);
    if (outcome == VM_SUCCEED) {
      const reason = <u32>vmread(EXIT_REASON);
      line
        .text(", exit reason ")
        .hex(reason)
        .text(" ")
        .text(exitReasonName(reason & EXIT_REASON_BASIC_MASK));
      line.text(", exit qualification ").hex(vmread(EXIT_QUALIFICATION));
    }
    line.end();
  }

  /** Has the next `flips` or `sets` change the bits of `mask` of another field, too. */
  with(field: u32, mask: u64): ScriptSteps {
    this.secondField = field;
    this.secondMask = mask;
    return this;
  }

  /** VMLAUNCH with the bits of `mask` changed in `field`, where this CPU has the field; then all is as before. */
  flips(name: string, field: u32, mask: u64): void {
    if (tryVmread(field, changetype<usize>(this.value)) == VM_SUCCEED) {
      this.launchWith(name, field, this.value[0], this.value[0] ^ mask);
    }
    this.secondField = NO_FIELD;
  }

  /** VMLAUNCH with `value` in `field`, as `flips`. */
  sets(name: string, field: u32, value: u64): void {
    if (tryVmread(field, changetype<usize>(this.value)) == VM_SUCCEED) {
      this.launchWith(name, field, this.value[0], value);
    }
    this.secondField = NO_FIELD;
  }

  private launchWith(name: string, field: u32, good: u64, bad: u64): void {
    const hasSecond = this.secondField != NO_FIELD;
    if (hasSecond && tryVmread(this.secondField, changetype<usize>(this.value)) != VM_SUCCEED) return;
    const second = this.value[0];
    if (hasSecond) vmwrite(this.secondField, second ^ this.secondMask);
    vmwrite(field, bad);
    this.enter(name, 0);
    vmwrite(field, good);
    if (hasSecond) vmwrite(this.secondField, second);
    this.makeClear();
  }

  /** Undoes what a VMLAUNCH that succeeded did to the VMCS: its launch state, and the guest state that its exit saved. */
  private makeClear(): void {
    if ((<u32>vmread(EXIT_REASON)) & EXIT_REASON_ENTRY_FAILURE) return;
    vmclear(this.vcpu.vmcs);
    vmptrld(this.vcpu.vmcs);
    this.writeGuestState();
  }
}
