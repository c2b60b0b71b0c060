// MSRs of the machine around the processor, its local APIC's among them, and the task priority: the vmm has them.

import {
  ANSWER_NEXT_INSTRUCTION,
  ANSWER_RESUME,
  EXIT_ALARM,
  EXIT_MSR,
  EXIT_TASK_PRIORITY,
  MSR_IS_WRITE,
  TASK_PRIORITY_IS_READ,
} from "../../shared/vcpu-page";
import { VECTOR_GENERAL_PROTECTION } from "../../x86/exceptions";
import { APIC_BASE_GLOBAL_ENABLE, IA32_APIC_BASE } from "../../x86/msr";
import { NEXT_INSTRUCTION } from "../vcpu/action";
import { actOnAnswer, askVmm } from "../vcpu/answers";
import { Vcpu } from "../vcpu/vcpu";
import { FEATURE_MACHINE } from "./features";

const TASK_PRIORITY_CLASSES: u64 = 0xf;
const LOW_32_BITS: u64 = 0xffffffff;

/** RDMSR. */
export function readMachineMsr(vcpu: Vcpu, msr: u32): u32 {
  const answer = askVmm(vcpu, EXIT_MSR, msr);
  if (answer != ANSWER_NEXT_INSTRUCTION) return actOnAnswer(vcpu, answer);
  const value = vcpu.shared.ioValue;
  vcpu.registers.rax = value & LOW_32_BITS;
  vcpu.registers.rdx = value >> 32;
  return NEXT_INSTRUCTION;
}

/** WRMSR of such an MSR in `slot`, or of IA32_APIC_BASE, of which core keeps what RDMSR reads. */
export function writeMachineMsr(vcpu: Vcpu, msr: u32, slot: u32, value: u64): u32 {
  if (!(vcpu.features & FEATURE_MACHINE)) return vcpu.raise(VECTOR_GENERAL_PROTECTION, 0);
  vcpu.shared.ioValue = value;
  const answer = askVmm(vcpu, EXIT_MSR, (<u64>msr) | MSR_IS_WRITE);
  if (answer != ANSWER_NEXT_INSTRUCTION) return actOnAnswer(vcpu, answer);
  if (msr == IA32_APIC_BASE) {
    vcpu.msrs.values[slot] = value;
    // A disabled local APIC is missing from CPUID, too (SDM 3A 11.4.3).
    vcpu.cpuid.setApic((value & APIC_BASE_GLOBAL_ENABLE) != 0);
  }
  return NEXT_INSTRUCTION;
}

/** MOV from CR8 to general-purpose register `register`: the class of the local APIC's task priority (SDM 3A 11.8.6). */
export function readTaskPriority(vcpu: Vcpu, register: u32): u32 {
  let value: u64 = 0;
  if (vcpu.features & FEATURE_MACHINE) {
    const answer = askVmm(vcpu, EXIT_TASK_PRIORITY, TASK_PRIORITY_IS_READ);
    if (answer != ANSWER_NEXT_INSTRUCTION) return actOnAnswer(vcpu, answer);
    value = vcpu.shared.ioValue & TASK_PRIORITY_CLASSES;
  }
  vcpu.setRegister(register, value);
  return NEXT_INSTRUCTION;
}

/** MOV to CR8: a class, 0 to 15, else #GP(0). */
export function writeTaskPriority(vcpu: Vcpu, value: u64): u32 {
  if (value & ~TASK_PRIORITY_CLASSES) return vcpu.raise(VECTOR_GENERAL_PROTECTION, 0);
  if (!(vcpu.features & FEATURE_MACHINE)) return NEXT_INSTRUCTION;
  return actOnAnswer(vcpu, askVmm(vcpu, EXIT_TASK_PRIORITY, value));
}

/** Behind a change of the guest's time-stamp counter, by which the machine's alarms count, too: its vmm looks at them. */
export function tellTime(vcpu: Vcpu): u32 {
  if (!(vcpu.features & FEATURE_MACHINE)) return NEXT_INSTRUCTION;
  const answer = askVmm(vcpu, EXIT_ALARM, 0);
  return answer == ANSWER_RESUME ? NEXT_INSTRUCTION : actOnAnswer(vcpu, answer);
}
