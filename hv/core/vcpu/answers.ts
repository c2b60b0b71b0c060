// Asking a VM's vmm about an exit, and doing what it answers.

import { NO_EXCEPTION } from "../../shared/task-switch";
import {
  ANSWER_AND_REQUEST,
  ANSWER_AND_TEXT,
  ANSWER_EMULATED,
  ANSWER_FAULT,
  ANSWER_GUEST_ENDED,
  ANSWER_GUEST_EXITED,
  ANSWER_GUEST_OFF,
  ANSWER_GUEST_RESET,
  ANSWER_LOAD_STATE,
  ANSWER_NEXT_INSTRUCTION,
  ANSWER_RESUME,
  EXIT_HALT,
  EXIT_HYPERCALL,
  EXIT_MEMORY,
  EXIT_MEMORY_MOVE,
  EXIT_STRING_PORT,
  EXIT_TASK_SWITCH,
  NO_ERROR_CODE,
} from "../../shared/vcpu-page";
import { RFLAGS_AF, RFLAGS_CF, RFLAGS_OF, RFLAGS_PF, RFLAGS_SF, RFLAGS_ZF } from "../../x86/control-registers";
import {
  VECTOR_CONTROL_PROTECTION,
  VECTOR_DEBUG,
  VECTOR_INVALID_OPCODE,
  VECTOR_PAGE_FAULT,
  VECTOR_VIRTUALIZATION,
  VECTORS_OF_FAULTS,
  VECTORS_WITH_ERROR_CODE,
} from "../../x86/exceptions";
import { LEVEL_ERROR, LEVEL_INFO } from "../console/console";
import { vmmCall } from "../hardware";
import { RESULT_GUEST_EXIT, RESULT_NOT_HANDLED, RESULT_OK, RESULT_VMM_ANSWER, RESULT_VMM_STOPPED } from "../results";
import { reportStoppedVmm, VMM_ENTRY_EXIT, VMM_STOPPED } from "../vmm";
import { NEXT_INSTRUCTION, RESUME, YIELD } from "./action";
import { DR6_BT, raiseDebugException } from "./debug-exception";
import { loadState } from "./load-state";
import { STATE_RFLAGS, STATE_RSP } from "./state";
import { Vcpu } from "./vcpu";

export const LONGEST_INSTRUCTION: u32 = 15;
const LAST_EXCEPTION: u32 = 31;
/** No guest has #VE or #CP. */
const VECTORS_OF_GUESTS: u32 = VECTORS_OF_FAULTS & ~((1 << VECTOR_VIRTUALIZATION) | (1 << VECTOR_CONTROL_PROTECTION));
const LARGEST_ERROR_CODE: u32 = 0x7fff;
const RFLAGS_OF_ARITHMETIC: u64 = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF;

const WRONG_ANSWER: string = "the vmm's answer does not fit ";
const WRONG_LENGTH: string = "the vmm tells no length of 1 to 15 bytes for the instruction that it carried out at ";
const WRONG_FAULT: string = "the vmm raises an exception that no instruction can, at ";
const WRONG_STATE: string = "a task switch fails at ";

/**
 * Asks the vmm, which is the machine that the guest sees, about an exit of a kind EXIT_*, and prints what it has to say. Its
 * answer, one of ANSWER_*, or VMM_STOPPED. What else the kind needs is in the vCPU page already.
 */
export function askVmm(vcpu: Vcpu, kind: u32, access: u64): u32 {
  const shared = vcpu.shared;
  shared.exitKind = kind;
  shared.access = access;
  vcpu.askedKind = kind;
  return vmmAnswer(vcpu, vmmCall(vcpu.slot, VMM_ENTRY_EXIT, vcpu.vmmRoot));
}

/** After a call of the vmm with `outcome`: its answer, or VMM_STOPPED; what it has to say is printed. */
export function vmmAnswer(vcpu: Vcpu, outcome: u64): u32 {
  const answer = outcome >> 32 == 0 ? (<u32>outcome) & ~(ANSWER_AND_REQUEST | ANSWER_AND_TEXT) : reportStoppedVmm(vcpu);
  if (vcpu.shared.consoleLength != 0) vcpu.printVmmText(LEVEL_INFO);
  vcpu.heedRequests();
  return answer;
}

/** Does what the vmm answered to the exit that it was asked about last; to be returned by a handler. */
export function actOnAnswer(vcpu: Vcpu, answer: u32): u32 {
  if (answer == ANSWER_NEXT_INSTRUCTION) return NEXT_INSTRUCTION;
  if (answer == ANSWER_EMULATED) return endEmulated(vcpu);
  if (answer == ANSWER_RESUME) return goOn(vcpu);
  if (answer == ANSWER_FAULT) return raiseAnswered(vcpu);
  if (answer == ANSWER_LOAD_STATE) return loadAnswered(vcpu);
  if (answer == ANSWER_GUEST_EXITED) return endByGuest(vcpu);
  if (answer == ANSWER_GUEST_OFF) return endByPowerOff(vcpu);
  if (answer == ANSWER_GUEST_RESET) return startAnew(vcpu);
  return answer == ANSWER_GUEST_ENDED ? vcpu.stop(RESULT_OK) : stopUnanswered(vcpu, answer);
}

/** ANSWER_RESUME: of an instruction that the vmm carries out, it means that iterations are left. */
function goOn(vcpu: Vcpu): u32 {
  const kind = vcpu.askedKind;
  if (kind == EXIT_MEMORY || kind == EXIT_STRING_PORT) vcpu.completeIteration();
  return RESUME;
}

/** A hypercall that core does not know: the vmm's matter. */
export function hypercallToVmm(vcpu: Vcpu): u32 {
  // The machine's hypercalls are for the kernel: a program's is an instruction that there is not.
  if (!vcpu.mirrorsHost && vcpu.privilegeLevel != 0) return vcpu.raise(VECTOR_INVALID_OPCODE, NO_ERROR_CODE);
  return actOnAnswer(vcpu, askVmm(vcpu, EXIT_HYPERCALL, 0));
}

/** The guest ended itself: 0 is its word for all being well. */
function endByGuest(vcpu: Vcpu): u32 {
  vcpu.advance();
  vcpu.exitValue = vcpu.shared.exitValue;
  return vcpu.stop(vcpu.exitValue == 0 ? RESULT_OK : RESULT_GUEST_EXIT);
}

function endByPowerOff(vcpu: Vcpu): u32 {
  vcpu.say(LEVEL_INFO).text("the guest has switched its machine off").end();
  return vcpu.stop(RESULT_OK);
}

/** The guest has reset its machine: what called `run` starts it anew. */
function startAnew(vcpu: Vcpu): u32 {
  vcpu.mustStartAnew = true;
  return YIELD;
}

/** ANSWER_EMULATED: of RFLAGS the vmm changes what arithmetic does, and RIP moves by no more than an instruction has. */
function endEmulated(vcpu: Vcpu): u32 {
  const shared = vcpu.shared;
  const kind = vcpu.askedKind;
  const length = shared.instructionLength;
  const isMove = kind == EXIT_MEMORY_MOVE;
  if (!isMove && kind != EXIT_MEMORY && kind != EXIT_STRING_PORT)
    return stopAtExit(vcpu, WRONG_ANSWER, RESULT_VMM_ANSWER);
  if (length == 0 || length > LONGEST_INSTRUCTION) return stopAtExit(vcpu, WRONG_LENGTH, RESULT_VMM_ANSWER);
  if (!isMove) takeFlagsAndStack(vcpu);
  vcpu.advanceBy(length);
  return RESUME;
}

function takeFlagsAndStack(vcpu: Vcpu): void {
  const flags = vcpu.read(STATE_RFLAGS);
  const changed = (flags ^ vcpu.state.rflags) & RFLAGS_OF_ARITHMETIC;
  if (changed != 0) vcpu.write(STATE_RFLAGS, flags ^ changed);
  vcpu.write(STATE_RSP, vcpu.registers.rsp);
}

/** ANSWER_FAULT. */
function raiseAnswered(vcpu: Vcpu): u32 {
  const shared = vcpu.shared;
  const vector = shared.faultVector;
  const errorCode = shared.faultErrorCode;
  if (!isFault(vector, errorCode)) return stopAtExit(vcpu, WRONG_FAULT, RESULT_VMM_ANSWER);
  if (vector == VECTOR_PAGE_FAULT) return vcpu.raisePageFault(errorCode, shared.faultAddress);
  return vcpu.raise(vector, errorCode);
}

/** An exception that an instruction can raise as a fault, with an error code if and only if it has one. */
function isFault(vector: u32, errorCode: u32): bool {
  if (vector > LAST_EXCEPTION || (VECTORS_OF_GUESTS & (1 << vector)) == 0) return false;
  const hasErrorCode = (VECTORS_WITH_ERROR_CODE & (1 << vector)) != 0;
  return hasErrorCode ? errorCode <= LARGEST_ERROR_CODE : errorCode == NO_ERROR_CODE;
}

/** ANSWER_LOAD_STATE: the new task, and an exception that it meets before its first instruction. */
function loadAnswered(vcpu: Vcpu): u32 {
  const shared = vcpu.shared;
  if (vcpu.askedKind != EXIT_TASK_SWITCH) return stopAtExit(vcpu, WRONG_ANSWER, RESULT_VMM_ANSWER);
  const vector = shared.faultVector;
  const hasFault = vector != NO_EXCEPTION && vector != VECTOR_DEBUG;
  const problem = loadState(vcpu, hasFault);
  if (problem != "") {
    vcpu.say(LEVEL_ERROR).text("the vmm loads a state that the CPU does not take: ").text(problem).end();
    return stopAtExit(vcpu, WRONG_STATE, RESULT_VMM_ANSWER);
  }
  if (hasFault) return raiseAnswered(vcpu);
  return vector == VECTOR_DEBUG ? raiseDebugException(vcpu, DR6_BT) : RESUME;
}

/**
 * After a guest's last HLT: its vmm, too, takes it for ended, and prints what it still has of the guest's text. It is no
 * part of the handler, so that the other HLT exits do not pay for it.
 */
export function confirmEnd(vcpu: Vcpu): void {
  const answer = askVmm(vcpu, EXIT_HALT, 0);
  if (answer != ANSWER_GUEST_ENDED) stopUnanswered(vcpu, answer);
}

/** Ends the VM whose vmm gave no answer that fits the exit. */
export function stopUnanswered(vcpu: Vcpu, answer: u32): u32 {
  return answer == VMM_STOPPED
    ? vcpu.stop(RESULT_VMM_STOPPED)
    : stopAtExit(vcpu, "the vmm has no answer to ", RESULT_NOT_HANDLED);
}

/** Ends the VM at its last exit, with a line that starts with `what`. */
export function stopAtExit(vcpu: Vcpu, what: string, result: u32): u32 {
  const line = vcpu.say(LEVEL_ERROR).text(what);
  vcpu.describeExit(line);
  line.text("; this VM ends").end();
  return vcpu.stop(result);
}
