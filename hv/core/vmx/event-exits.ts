// Exits by exceptions, NMIs, interrupts and triple faults (SDM 3C 26.2).

import {
  INTERRUPTION_TYPE_HARDWARE_EXCEPTION,
  INTERRUPTION_TYPE_NMI,
  INTERRUPTION_VECTOR_AND_TYPE_MASK,
  VECTOR_MACHINE_CHECK,
  VECTOR_NMI,
} from "../../x86/exceptions";
import { GUEST_RIP, VM_EXIT_INTERRUPTION_INFORMATION } from "../../x86/vmcs-fields";
import { LEVEL_ERROR } from "../console/console";
import { endByMachineCheck } from "../exits/machine-check";
import { openInterruptWindow, unblockNmis, vmread } from "../hardware";
import { RESULT_TRIPLE_FAULT, RESULT_UNEXPECTED_EXIT } from "../results";
import { RESUME } from "../vcpu/action";
import { stopAtExit } from "../vcpu/answers";
import { VmxVcpu } from "./vmx-vcpu";

export function onExternalInterrupt(_vcpu: VmxVcpu): u32 {
  openInterruptWindow();
  return RESUME;
}

const NMI: u32 = INTERRUPTION_TYPE_NMI | VECTOR_NMI;
const MACHINE_CHECK: u32 = INTERRUPTION_TYPE_HARDWARE_EXCEPTION | VECTOR_MACHINE_CHECK;

/** An NMI, or the one exception that control-fields.ts has in the exception bitmap. */
export function onExceptionOrNmi(vcpu: VmxVcpu): u32 {
  const event = (<u32>vmread(VM_EXIT_INTERRUPTION_INFORMATION)) & INTERRUPTION_VECTOR_AND_TYPE_MASK;
  if (event == MACHINE_CHECK) return endByMachineCheck(vcpu, "in the guest");
  if (event != NMI) return stopAtExit(vcpu, "no handler for ", RESULT_UNEXPECTED_EXIT);
  unblockNmis();
  return RESUME;
}

export function onTripleFault(vcpu: VmxVcpu): u32 {
  vcpu.say(LEVEL_ERROR).text("triple fault at RIP ").hex(vmread(GUEST_RIP), 16).text("; this VM ends").end();
  return vcpu.stop(RESULT_TRIPLE_FAULT);
}
