// Exits by writes of CR0, and by MOV to and from CR4 and CR8 (APM 2 15.8.1 and 15.9).

import { NO_OPERAND_READ } from "../../shared/vcpu-page";
import { VECTOR_GENERAL_PROTECTION } from "../../x86/exceptions";
import { EFER_LMA } from "../../x86/msr";
import { ACCESS_RIGHTS_64_BIT } from "../../x86/segments";
import { CR_ACCESS_IS_MOV, CR_ACCESS_REGISTER_MASK, VMCB_EXITINFO1, VMCB_RIP } from "../../x86/vmcb";
import { loadMachineStatusWord, writeCr0, writeCr4 } from "../cpu/control-registers";
import { readTaskPriority, writeTaskPriority } from "../cpu/machine-msrs";
import { NEXT_INSTRUCTION, RESUME, STOP } from "../vcpu/action";
import { SEGMENT_CS, STATE_ACCESS_RIGHTS, STATE_CR4 } from "../vcpu/state";
import { advanceBy } from "./complete";
import { decodedLength, instructionLength } from "./next-rip";
import { SvmVcpu } from "./svm-vcpu";

const LOW_32_BITS: u64 = 0xffffffff;

/** MOV to CR0, or LMSW, that changes more than TS and MP. */
export function onCr0Write(vcpu: SvmVcpu): u32 {
  const length = lengthOfAccess(vcpu);
  if (length == 0) return STOP;
  const word = isTold(vcpu) ? NO_OPERAND_READ : vcpu.shared.machineStatusWord;
  const isTaken = word == NO_OPERAND_READ ? writeCr0(vcpu, operand(vcpu)) : loadMachineStatusWord(vcpu, word);
  return isTaken ? goOn(vcpu, length) : vcpu.raise(VECTOR_GENERAL_PROTECTION, 0);
}

/** The length is asked for first: a CR4 that has changed may be another paging mode. */
export function onCr4Write(vcpu: SvmVcpu): u32 {
  const length = lengthOfAccess(vcpu);
  if (length == 0) return STOP;
  return writeCr4(vcpu, operand(vcpu)) ? goOn(vcpu, length) : vcpu.raise(VECTOR_GENERAL_PROTECTION, 0);
}

export function onCr4Read(vcpu: SvmVcpu): u32 {
  const length = lengthOfAccess(vcpu);
  if (length == 0) return STOP;
  vcpu.setRegister(registerOf(vcpu), vcpu.readSeen(STATE_CR4));
  return goOn(vcpu, length);
}

/** MOV to CR8, which may be encoded as MOV to CR0 with a LOCK prefix. */
export function onCr8Write(vcpu: SvmVcpu): u32 {
  const length = lengthOfAccess(vcpu);
  if (length == 0) return STOP;
  const action = writeTaskPriority(vcpu, operand(vcpu));
  return action == NEXT_INSTRUCTION ? goOn(vcpu, length) : action;
}

export function onCr8Read(vcpu: SvmVcpu): u32 {
  const length = lengthOfAccess(vcpu);
  if (length == 0) return STOP;
  // Asking the vmm overwrites what it has decoded.
  const action = readTaskPriority(vcpu, registerOf(vcpu));
  return action == NEXT_INSTRUCTION ? goOn(vcpu, length) : action;
}

function goOn(vcpu: SvmVcpu, length: u32): u32 {
  advanceBy(vcpu, length);
  return RESUME;
}

/** The processor has told the register, of a MOV. */
function isTold(vcpu: SvmVcpu): bool {
  return vcpu.hasDecodeAssists && (vcpu.vmcb.read64(VMCB_EXITINFO1) & CR_ACCESS_IS_MOV) != 0;
}

/** Else the vmm decodes the instruction, even where its length is known, for the sake of its operand. */
function lengthOfAccess(vcpu: SvmVcpu): u32 {
  return isTold(vcpu) ? instructionLength(vcpu) : decodedLength(vcpu, vcpu.vmcb.read64(VMCB_RIP));
}

function registerOf(vcpu: SvmVcpu): u32 {
  const information = vcpu.vmcb.read64(VMCB_EXITINFO1);
  return (isTold(vcpu) ? <u32>information : vcpu.shared.decodedRegister) & (<u32>CR_ACCESS_REGISTER_MASK);
}

/** Outside 64-bit mode the operand has 32 bits. */
function operand(vcpu: SvmVcpu): u64 {
  const rights = vcpu.read(STATE_ACCESS_RIGHTS + SEGMENT_CS);
  const is64Bit = (vcpu.readEfer() & EFER_LMA) != 0 && (rights & ACCESS_RIGHTS_64_BIT) != 0;
  const value = vcpu.register(registerOf(vcpu));
  return is64Bit ? value : value & LOW_32_BITS;
}
