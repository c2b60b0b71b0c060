// Exits by accesses to control registers: what the exit qualification says (SDM 3C 28.2.1, table 28-3).

import { VECTOR_GENERAL_PROTECTION } from "../../x86/exceptions";
import { EFER_LMA } from "../../x86/msr";
import { ACCESS_RIGHTS_64_BIT } from "../../x86/segments";
import { EXIT_QUALIFICATION } from "../../x86/vmcs-fields";
import { clearTaskSwitched, loadMachineStatusWord, writeCr0, writeCr3, writeCr4 } from "../cpu/control-registers";
import { readTaskPriority, writeTaskPriority } from "../cpu/machine-msrs";
import { vmread } from "../hardware";
import { RESULT_UNEXPECTED_EXIT } from "../results";
import { NEXT_INSTRUCTION } from "../vcpu/action";
import { stopAtExit } from "../vcpu/answers";
import { SEGMENT_CS, STATE_ACCESS_RIGHTS, STATE_CR3 } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";
import { VmxVcpu } from "./vmx-vcpu";

const REGISTER_MASK: u32 = 0xf;
const ACCESS_SHIFT: u32 = 4;
const ACCESS_MASK: u32 = 3;
const ACCESS_MOV_TO: u32 = 0;
const ACCESS_MOV_FROM: u32 = 1;
const ACCESS_CLTS: u32 = 2;
const OPERAND_SHIFT: u32 = 8;
const LMSW_SOURCE_SHIFT: u32 = 16;
const LOW_32_BITS: u64 = 0xffffffff;

export function onControlRegisterAccess(vcpu: VmxVcpu): u32 {
  const qualification = <u32>vmread(EXIT_QUALIFICATION);
  const number = qualification & REGISTER_MASK;
  const operand = (qualification >> OPERAND_SHIFT) & REGISTER_MASK;
  const access = (qualification >> ACCESS_SHIFT) & ACCESS_MASK;
  if (access == ACCESS_MOV_FROM) return moveFrom(vcpu, number, operand);
  if (access == ACCESS_CLTS) {
    clearTaskSwitched(vcpu);
    return NEXT_INSTRUCTION;
  }
  if (access == ACCESS_MOV_TO && number == 8) return writeTaskPriority(vcpu, source(vcpu, operand));
  const isTaken =
    access == ACCESS_MOV_TO
      ? moveTo(vcpu, number, operand)
      : loadMachineStatusWord(vcpu, qualification >> LMSW_SOURCE_SHIFT);
  return isTaken ? NEXT_INSTRUCTION : vcpu.raise(VECTOR_GENERAL_PROTECTION, 0);
}

/** Outside 64-bit mode the operand has 32 bits. */
function source(vcpu: Vcpu, operand: u32): u64 {
  const is64Bit =
    (vcpu.readEfer() & EFER_LMA) != 0 && (vcpu.read(STATE_ACCESS_RIGHTS + SEGMENT_CS) & ACCESS_RIGHTS_64_BIT) != 0;
  return is64Bit ? vcpu.register(operand) : vcpu.register(operand) & LOW_32_BITS;
}

/** MOV to CR0, CR3 or CR4: false for #GP(0). */
function moveTo(vcpu: Vcpu, number: u32, operand: u32): bool {
  const value = source(vcpu, operand);
  if (number == 0) return writeCr0(vcpu, value);
  return number == 3 ? writeCr3(vcpu, value) : writeCr4(vcpu, value);
}

/** Only CR3 and CR8 exit: CR0 and CR4 are read with their shadows. */
function moveFrom(vcpu: Vcpu, number: u32, operand: u32): u32 {
  if (number != 3 && number != 8) return stopAtExit(vcpu, "no handler for ", RESULT_UNEXPECTED_EXIT);
  if (number == 8) return readTaskPriority(vcpu, operand);
  vcpu.setRegister(operand, vcpu.read(STATE_CR3));
  return NEXT_INSTRUCTION;
}
