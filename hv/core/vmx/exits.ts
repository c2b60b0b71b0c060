// VM exits: one handler for each basic exit reason (SDM 3D appendix C).

import {
  INTERRUPTION_TYPE_HARDWARE_EXCEPTION,
  INTERRUPTION_TYPE_NMI,
  INTERRUPTION_VECTOR_AND_TYPE_MASK,
  VECTOR_MACHINE_CHECK,
  VECTOR_NMI,
} from "../../x86/exceptions";
import { entryFailureDetail } from "../../x86/entry-failures";
import {
  EXIT_REASON_COUNT,
  EXIT_REASON_ENTRY_FAILURE,
  EXIT_REASON_BASIC_MASK,
  EXIT_REASON_MACHINE_CHECK_DURING_ENTRY,
  exitReasonName,
} from "../../x86/exit-reasons";
import {
  EXIT_QUALIFICATION,
  EXIT_REASON,
  GUEST_LINEAR_ADDRESS,
  GUEST_PHYSICAL_ADDRESS,
  GUEST_RIP,
  VM_EXIT_INSTRUCTION_LENGTH,
  VM_EXIT_INTERRUPTION_INFORMATION,
} from "../../x86/vmcs-fields";
import {
  ANSWER_GUEST_ENDED,
  ANSWER_NEXT_INSTRUCTION,
  ANSWER_RESUME,
  EXIT_HALT,
  EXIT_HYPERCALL,
  EXIT_PORT,
} from "../../shared/vcpu-page";
import { LEVEL_ERROR, LEVEL_INFO } from "../console/console";
import { openInterruptWindow, rdtsc, unblockNmis, vmread, vmwrite } from "../hardware";
import {
  RESULT_ENTRY_FAILED,
  RESULT_ENTRY_FAILED_BY_STATE,
  RESULT_EPT_UNUSABLE,
  RESULT_EPT_MISCONFIGURATION,
  RESULT_EPT_VIOLATION,
  RESULT_NOT_HANDLED,
  RESULT_OK,
  RESULT_TRIPLE_FAULT,
  RESULT_UNEXPECTED_EXIT,
  RESULT_VMM_STOPPED,
  RESULT_VPID_UNUSABLE,
} from "../results";
import { callVmm, VMM_ENTRY_EXIT, VMM_STOPPED } from "../vmm";
import { cpuidForGuest } from "../cpu/cpuid";
import { MAPPING_OK, mappingStatusText } from "../memory/mapping-status";
import { completeIo } from "./io";
import { endByMachineCheck } from "./machine-check";
import { RESUME, Vcpu } from "./vcpu";
import { vmxFailure } from "./vmx-failure";

/** Handles one exit; RESUME or STOP. */
export type ExitHandler = (vcpu: Vcpu) => u32;

/**
 * Advances RIP past the instruction that exited. What else an instruction's end brings is not done, because it would
 * cost VMCS accesses: blocking by STI or MOV SS lasts one instruction longer, and RFLAGS.TF raises no #DB.
 */
function nextInstruction(): u32 {
  vmwrite(GUEST_RIP, vmread(GUEST_RIP) + vmread(VM_EXIT_INSTRUCTION_LENGTH));
  return RESUME;
}

function onCpuid(vcpu: Vcpu): u32 {
  cpuidForGuest(vcpu.registers);
  return nextInstruction();
}

function onHlt(vcpu: Vcpu): u32 {
  nextInstruction();
  return --vcpu.haltsLeft == 0 ? vcpu.stop(RESULT_OK) : RESUME;
}

/** With RDTSC exiting (SDM 2B, "RDTSC"): the upper halves of RAX and RDX are cleared. */
function onRdtsc(vcpu: Vcpu): u32 {
  const now = rdtsc();
  vcpu.registers.rax = now & 0xffffffff;
  vcpu.registers.rdx = now >> 32;
  return nextInstruction();
}

function onVmcall(vcpu: Vcpu): u32 {
  return vcpu.mirrorsHost ? vcpu.stop(RESULT_OK) : toVmm(vcpu);
}

function onIoInstruction(vcpu: Vcpu): u32 {
  const qualification = vmread(EXIT_QUALIFICATION);
  const answer = askVmm(vcpu, EXIT_PORT, qualification);
  return completeIo(vcpu, qualification, answer) ? nextInstruction() : stopUnanswered(vcpu, answer);
}

function onExternalInterrupt(_vcpu: Vcpu): u32 {
  openInterruptWindow();
  return RESUME;
}

const NMI: u32 = INTERRUPTION_TYPE_NMI | VECTOR_NMI;
const MACHINE_CHECK: u32 = INTERRUPTION_TYPE_HARDWARE_EXCEPTION | VECTOR_MACHINE_CHECK;

/** An NMI, or the one exception that control-fields.ts has in the exception bitmap. */
function onExceptionOrNmi(vcpu: Vcpu): u32 {
  const event = (<u32>vmread(VM_EXIT_INTERRUPTION_INFORMATION)) & INTERRUPTION_VECTOR_AND_TYPE_MASK;
  if (event == MACHINE_CHECK) return endByMachineCheck(vcpu, "in the guest");
  if (event != NMI) return onUnexpected(vcpu);
  unblockNmis();
  return RESUME;
}

function onTripleFault(vcpu: Vcpu): u32 {
  vcpu.say(LEVEL_ERROR).text("triple fault at RIP ").hex(vmread(GUEST_RIP), 16).text("; this VM ends").end();
  return vcpu.stop(RESULT_TRIPLE_FAULT);
}

/** Asks the vmm, which is the machine that the guest sees, and prints what it has to say. Its answer, or VMM_STOPPED. */
function askVmm(vcpu: Vcpu, kind: u32, access: u64): u32 {
  const shared = vcpu.shared;
  shared.exitKind = kind;
  shared.access = access;
  shared.instructionLength = <u32>vmread(VM_EXIT_INSTRUCTION_LENGTH);
  const answer = callVmm(vcpu, VMM_ENTRY_EXIT, vcpu.vmmRoot);
  vcpu.printVmmText(LEVEL_INFO);
  return answer;
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
function stopUnanswered(vcpu: Vcpu, answer: u32): u32 {
  if (answer == VMM_STOPPED) return vcpu.stop(RESULT_VMM_STOPPED);
  describe(vcpu, "the vmm has no answer to ");
  return vcpu.stop(RESULT_NOT_HANDLED);
}

function toVmm(vcpu: Vcpu): u32 {
  const answer = askVmm(vcpu, EXIT_HYPERCALL, 0);
  if (answer == ANSWER_RESUME) return RESUME;
  if (answer == ANSWER_NEXT_INSTRUCTION) return nextInstruction();
  if (answer == ANSWER_GUEST_ENDED) return vcpu.stop(RESULT_OK);
  return stopUnanswered(vcpu, answer);
}

function onEptViolation(vcpu: Vcpu): u32 {
  const qualification = vmread(EXIT_QUALIFICATION);
  const line = vcpu.say(LEVEL_ERROR).text("EPT violation: ");
  line.text(qualification & 4 ? "fetch from " : qualification & 2 ? "write to " : "read of ");
  line.text("guest-physical ").hex(vmread(GUEST_PHYSICAL_ADDRESS), 16);
  if (qualification & 0x80) line.text(" (linear ").hex(vmread(GUEST_LINEAR_ADDRESS), 16).text(")");
  line.text(" at RIP ").hex(vmread(GUEST_RIP), 16).text("; the EPT allows ");
  line
    .text(qualification & 8 ? "r" : "-")
    .text(qualification & 0x10 ? "w" : "-")
    .text(qualification & 0x20 ? "x" : "-");
  line.text("; this VM ends").end();
  return vcpu.stop(RESULT_EPT_VIOLATION);
}

function onEptMisconfiguration(vcpu: Vcpu): u32 {
  const line = vcpu.say(LEVEL_ERROR).text("EPT misconfiguration at guest-physical ");
  line.hex(vmread(GUEST_PHYSICAL_ADDRESS), 16).text(": Basalt wrote an entry that this CPU does not take").end();
  return vcpu.stop(RESULT_EPT_MISCONFIGURATION);
}

function onUnexpected(vcpu: Vcpu): u32 {
  describe(vcpu, "no handler for ");
  return vcpu.stop(RESULT_UNEXPECTED_EXIT);
}

function describe(vcpu: Vcpu, what: string): void {
  const line = vcpu.say(LEVEL_ERROR).text(what).text("VM exit ").decimal(vcpu.exitReason).text(", ");
  line.text(exitReasonName(vcpu.exitReason)).text(", at RIP ").hex(vmread(GUEST_RIP), 16);
  line.text(", exit qualification ").hex(vmread(EXIT_QUALIFICATION)).text("; this VM ends").end();
}

/** A VM entry that failed after its controls were accepted (SDM 3C 27.8), or a reason that the SDM does not have yet. */
function onEntryFailure(vcpu: Vcpu): u32 {
  const reason = <u32>vmread(EXIT_REASON);
  const basic = reason & EXIT_REASON_BASIC_MASK;
  vcpu.exitReason = basic;
  if (!(reason & EXIT_REASON_ENTRY_FAILURE)) return onUnexpected(vcpu);
  if (basic == EXIT_REASON_MACHINE_CHECK_DURING_ENTRY) return endByMachineCheck(vcpu, "during VM entry");
  const line = vcpu.say(LEVEL_ERROR).text("VM entry failed: exit reason ").hex(reason, 8).text(", ");
  const qualification = vmread(EXIT_QUALIFICATION);
  line.text(exitReasonName(basic)).text(", exit qualification ").hex(qualification);
  line.text(": ").text(entryFailureDetail(basic, qualification)).end();
  return vcpu.stop(RESULT_ENTRY_FAILED_BY_STATE);
}

/** VMLAUNCH or VMRESUME failed itself. */
function onEntryRefused(vcpu: Vcpu): u32 {
  vmxFailure(vcpu.console, vcpu.isLaunched ? "VMRESUME" : "VMLAUNCH", 0, vcpu.entryOutcome);
  return vcpu.stop(RESULT_ENTRY_FAILED);
}

/** Before an entry: translations that the processor may hold are dropped. */
function onStaleTranslations(vcpu: Vcpu): u32 {
  const status = vcpu.translations.prepareEntry();
  if (status == MAPPING_OK) return RESUME;
  vcpu.say(LEVEL_ERROR).text("stale translations cannot be dropped: ").text(mappingStatusText(status)).end();
  // What failed stays due, and INVEPT is tried first.
  return vcpu.stop(vcpu.translations.cached.invalidationIsPending ? RESULT_EPT_UNUSABLE : RESULT_VPID_UNUSABLE);
}

// Reasons of Basalt's own for leaving the guest, or not entering it, behind those of the SDM.
export const REASON_ENTRY_FAILURE: u32 = EXIT_REASON_COUNT;
export const REASON_ENTRY_REFUSED: u32 = EXIT_REASON_COUNT + 1;
export const REASON_STALE_TRANSLATIONS: u32 = EXIT_REASON_COUNT + 2;

/** Indexed by the basic exit reason, then by Basalt's own. */
export const EXIT_HANDLERS: StaticArray<ExitHandler> = [
  onExceptionOrNmi, // 0 EXCEPTION_OR_NMI
  onExternalInterrupt, // 1 EXTERNAL_INTERRUPT
  onTripleFault, // 2 TRIPLE_FAULT
  onUnexpected, // 3 INIT_SIGNAL
  onUnexpected, // 4 STARTUP_IPI
  onUnexpected, // 5 IO_SMI
  onUnexpected, // 6 OTHER_SMI
  onUnexpected, // 7 INTERRUPT_WINDOW
  onUnexpected, // 8 NMI_WINDOW
  onUnexpected, // 9 TASK_SWITCH
  onCpuid, // 10 CPUID
  onUnexpected, // 11 GETSEC
  onHlt, // 12 HLT
  onUnexpected, // 13 INVD
  onUnexpected, // 14 INVLPG
  onUnexpected, // 15 RDPMC
  onRdtsc, // 16 RDTSC
  onUnexpected, // 17 RSM
  onVmcall, // 18 VMCALL
  onUnexpected, // 19 VMCLEAR
  onUnexpected, // 20 VMLAUNCH
  onUnexpected, // 21 VMPTRLD
  onUnexpected, // 22 VMPTRST
  onUnexpected, // 23 VMREAD
  onUnexpected, // 24 VMRESUME
  onUnexpected, // 25 VMWRITE
  onUnexpected, // 26 VMXOFF
  onUnexpected, // 27 VMXON
  onUnexpected, // 28 CONTROL_REGISTER_ACCESS
  onUnexpected, // 29 MOV_DR
  onIoInstruction, // 30 IO_INSTRUCTION
  onUnexpected, // 31 RDMSR
  onUnexpected, // 32 WRMSR
  onUnexpected, // 33 INVALID_GUEST_STATE
  onUnexpected, // 34 MSR_LOADING
  onUnexpected, // 35 not defined
  onUnexpected, // 36 MWAIT
  onUnexpected, // 37 MONITOR_TRAP_FLAG
  onUnexpected, // 38 not defined
  onUnexpected, // 39 MONITOR
  onUnexpected, // 40 PAUSE
  onUnexpected, // 41 MACHINE_CHECK_DURING_ENTRY
  onUnexpected, // 42 not defined
  onUnexpected, // 43 TPR_BELOW_THRESHOLD
  onUnexpected, // 44 APIC_ACCESS
  onUnexpected, // 45 VIRTUALIZED_EOI
  onUnexpected, // 46 GDTR_OR_IDTR_ACCESS
  onUnexpected, // 47 LDTR_OR_TR_ACCESS
  onEptViolation, // 48 EPT_VIOLATION
  onEptMisconfiguration, // 49 EPT_MISCONFIGURATION
  onUnexpected, // 50 INVEPT
  onUnexpected, // 51 RDTSCP
  onUnexpected, // 52 VMX_PREEMPTION_TIMER_EXPIRED
  onUnexpected, // 53 INVVPID
  onUnexpected, // 54 WBINVD
  onUnexpected, // 55 XSETBV
  onUnexpected, // 56 APIC_WRITE
  onUnexpected, // 57 RDRAND
  onUnexpected, // 58 INVPCID
  onUnexpected, // 59 VMFUNC
  onUnexpected, // 60 ENCLS
  onUnexpected, // 61 RDSEED
  onUnexpected, // 62 PAGE_MODIFICATION_LOG_FULL
  onUnexpected, // 63 XSAVES
  onUnexpected, // 64 XRSTORS
  onUnexpected, // 65 PCONFIG
  onUnexpected, // 66 SPP_RELATED_EVENT
  onUnexpected, // 67 UMWAIT
  onUnexpected, // 68 TPAUSE
  onUnexpected, // 69 LOADIWKEY
  onUnexpected, // 70 ENCLV
  onUnexpected, // 71 not defined
  onUnexpected, // 72 ENQCMD_PASID_TRANSLATION_FAILURE
  onUnexpected, // 73 ENQCMDS_PASID_TRANSLATION_FAILURE
  onUnexpected, // 74 BUS_LOCK
  onUnexpected, // 75 INSTRUCTION_TIMEOUT
  onUnexpected, // 76 SEAMCALL
  onUnexpected, // 77 TDCALL
  onUnexpected, // 78 RDMSRLIST
  onUnexpected, // 79 WRMSRLIST
  onUnexpected, // 80 URDMSR
  onUnexpected, // 81 UWRMSR
  onUnexpected, // 82 not defined
  onUnexpected, // 83 not defined
  onUnexpected, // 84 RDMSR_IMMEDIATE
  onUnexpected, // 85 WRMSRNS_IMMEDIATE
  onEntryFailure,
  onEntryRefused,
  onStaleTranslations,
];
