// Exits by MOV to and from CR4 (APM 2 15.8.1): the only control register whose accesses are intercepted.

import { VECTOR_GENERAL_PROTECTION } from "../../x86/exceptions";
import { EFER_LMA } from "../../x86/msr";
import { ACCESS_RIGHTS_64_BIT } from "../../x86/segments";
import { CR_ACCESS_IS_MOV, CR_ACCESS_REGISTER_MASK, VMCB_EXITINFO1, VMCB_RIP } from "../../x86/vmcb";
import { writeCr4 } from "../cpu/control-registers";
import { RESUME, STOP } from "../vcpu/action";
import { SEGMENT_CS, STATE_ACCESS_RIGHTS, STATE_CR4 } from "../vcpu/state";
import { advanceBy } from "./complete";
import { decodedLength, instructionLength } from "./next-rip";
import { SvmVcpu } from "./svm-vcpu";

const LOW_32_BITS: u64 = 0xffffffff;

/** The length is asked for first: a CR4 that has changed may be another paging mode. */
export function onCr4Write(vcpu: SvmVcpu): u32 {
  const length = lengthOfMove(vcpu);
  if (length == 0) return STOP;
  const operand = vcpu.register(registerOf(vcpu));
  if (!writeCr4(vcpu, is64Bit(vcpu) ? operand : operand & LOW_32_BITS)) {
    return vcpu.raise(VECTOR_GENERAL_PROTECTION, 0);
  }
  advanceBy(vcpu, length);
  return RESUME;
}

export function onCr4Read(vcpu: SvmVcpu): u32 {
  const length = lengthOfMove(vcpu);
  if (length == 0) return STOP;
  vcpu.setRegister(registerOf(vcpu), vcpu.readSeen(STATE_CR4));
  advanceBy(vcpu, length);
  return RESUME;
}

/** A processor that saves the next RIP need not have decode assists: then the vmm decodes the MOV for the sake of its register. */
function lengthOfMove(vcpu: SvmVcpu): u32 {
  const isToBeDecoded = vcpu.hasNextRip && !vcpu.hasDecodeAssists;
  return isToBeDecoded ? decodedLength(vcpu, vcpu.vmcb.read64(VMCB_RIP)) : instructionLength(vcpu);
}

/** The general-purpose register: by the processor's word, else by the vmm's, which has decoded the instruction. */
function registerOf(vcpu: SvmVcpu): u32 {
  const information = vcpu.vmcb.read64(VMCB_EXITINFO1);
  if (vcpu.hasDecodeAssists && information & CR_ACCESS_IS_MOV) return <u32>(information & CR_ACCESS_REGISTER_MASK);
  return vcpu.instructions.at(vcpu.vmcb.read64(VMCB_RIP)).register & (<u32>CR_ACCESS_REGISTER_MASK);
}

function is64Bit(vcpu: SvmVcpu): bool {
  const rights = vcpu.read(STATE_ACCESS_RIGHTS + SEGMENT_CS);
  return (vcpu.readEfer() & EFER_LMA) != 0 && (rights & ACCESS_RIGHTS_64_BIT) != 0;
}
