// The table of exits: the handler of each exit code (APM 2 appendix C).

import { IA32_TSC_AUX } from "../../x86/msr";
import { SVM_EXIT_INVALID, SVM_EXIT_LOW_CODES, SVM_EXIT_NPF, SVM_EXIT_VMGEXIT } from "../../x86/svm-exit-codes";
import { onRdtscp } from "../cpu/msr-access";
import { onXsetbv } from "../cpu/xcr0";
import { onHalt } from "../exits/halt";
import { onCacheFlush, onMissingInstruction, onPause, onRdpmc } from "../exits/refused";
import { onRdtsc } from "../exits/time";
import { RESULT_UNEXPECTED_EXIT } from "../results";
import { stopAtExit } from "../vcpu/answers";
import { onCr0Write, onCr4Read, onCr4Write, onCr8Read, onCr8Write } from "./control-register-exits";
import { onException, onInterrupt, onIret, onNmi, onShutdown, onVirtualInterrupt } from "./event-exits";
import { onInvalid } from "./failed-entries";
import { whyImpossible } from "./impossible-exits";
import { SvmVcpu } from "./svm-vcpu";
import { onWork } from "./work";

/** Handles one exit: an action of hv/core/vcpu/action.ts. */
export type ExitHandler = (vcpu: SvmVcpu) => u32;

// The handlers outside hv/core/svm know no SVM.

function onHltExit(vcpu: SvmVcpu): u32 {
  return onHalt(vcpu);
}

function onRdtscExit(vcpu: SvmVcpu): u32 {
  return onRdtsc(vcpu);
}

function onRdtscpExit(vcpu: SvmVcpu): u32 {
  return onRdtscp(vcpu, IA32_TSC_AUX);
}

function onXsetbvExit(vcpu: SvmVcpu): u32 {
  return onXsetbv(vcpu);
}

function onRdpmcExit(vcpu: SvmVcpu): u32 {
  return onRdpmc(vcpu);
}

function onCacheFlushExit(vcpu: SvmVcpu): u32 {
  return onCacheFlush(vcpu);
}

function onPauseExit(vcpu: SvmVcpu): u32 {
  return onPause(vcpu);
}

/** Instructions of SVM, MONITOR, MWAIT and others: the guest's CPUID shows none of their features. RSM is #UD outside SMM. */
function onMissingExit(vcpu: SvmVcpu): u32 {
  return onMissingInstruction(vcpu);
}

/** An exit that run.ts answers before it looks here. */
function onCommonExit(vcpu: SvmVcpu): u32 {
  return stopAtExit(vcpu, "run.ts has not answered ", RESULT_UNEXPECTED_EXIT);
}

/** An exit that the intercepts rule out: told with the reason why it cannot be, so that it can be looked into. */
function onImpossible(vcpu: SvmVcpu): u32 {
  vcpu.console.error().text("this exit should not happen: ").text(whyImpossible(vcpu.exitRow)).end();
  return stopAtExit(vcpu, "no handler for ", RESULT_UNEXPECTED_EXIT);
}

// Rows behind those of the low codes: nested paging's and AVIC's, a state that VMRUN refused, and Basalt's own work.
export const ROW_NPF: u32 = SVM_EXIT_LOW_CODES;
const ROW_INVALID: u32 = ROW_NPF + 4;
export const ROW_WORK: u32 = ROW_INVALID + 1;
/** Another code: an exit that is not defined. */
const ROW_UNKNOWN: u32 = ROW_WORK + 1;
export const ROWS: u32 = ROW_UNKNOWN + 1;
/** The rows that are exits. */
export const EXIT_ROWS: u32 = ROW_INVALID;

/** For ROW_WORK: no processor's exit code. */
export const CODE_WORK: u32 = 0xfffffffe;

/** The row for an exit code. Index.ts exports it, to keep it out of the run loop's code. */
export function rowOfCode(code: u32): u32 {
  if (code < SVM_EXIT_LOW_CODES) return code;
  if (code >= SVM_EXIT_NPF && code <= SVM_EXIT_VMGEXIT) return code - SVM_EXIT_NPF + ROW_NPF;
  if (code == CODE_WORK) return ROW_WORK;
  return code == SVM_EXIT_INVALID ? ROW_INVALID : ROW_UNKNOWN;
}

/** The exit code of a row of exits. */
export function codeOfRow(row: u32): u32 {
  return row < SVM_EXIT_LOW_CODES ? row : row - ROW_NPF + SVM_EXIT_NPF;
}

/** Indexed by `rowOfCode`. */
// prettier-ignore
export const EXIT_HANDLERS: StaticArray<ExitHandler> = [
  // 0x00 CR0_READ to CR15_READ
  onImpossible, onImpossible, onImpossible, onImpossible, onCr4Read, onImpossible, onImpossible, onImpossible,
  onCr8Read, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible,
  // 0x10 CR0_WRITE to CR15_WRITE
  onImpossible, onImpossible, onImpossible, onImpossible, onCr4Write, onImpossible, onImpossible, onImpossible,
  onCr8Write, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible,
  // 0x20 DR0_READ to DR15_READ
  onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible,
  onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible,
  // 0x30 DR0_WRITE to DR15_WRITE
  onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible,
  onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible,
  // 0x40 EXCP0 to EXCP31: #DB is 1, #AC 17, #MC 18
  onImpossible, onException, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible,
  onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible,
  onImpossible, onException, onException, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible,
  onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible,
  // 0x60 INTR, NMI, SMI, INIT, VINTR, CR0_SEL_WRITE, IDTR_READ, GDTR_READ
  onInterrupt, onNmi, onImpossible, onImpossible, onVirtualInterrupt, onCr0Write, onImpossible, onImpossible,
  // 0x68 LDTR_READ, TR_READ, IDTR_WRITE, GDTR_WRITE, LDTR_WRITE, TR_WRITE, RDTSC, RDPMC
  onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onRdtscExit, onRdpmcExit,
  // 0x70 PUSHF, POPF, CPUID, RSM, IRET, SWINT, INVD, PAUSE
  onImpossible, onImpossible, onCommonExit, onMissingExit, onIret, onImpossible, onCacheFlushExit, onPauseExit,
  // 0x78 HLT, INVLPG, INVLPGA, IOIO, MSR, TASK_SWITCH, FERR_FREEZE, SHUTDOWN
  onHltExit, onImpossible, onMissingExit, onCommonExit, onCommonExit, onImpossible, onImpossible, onShutdown,
  // 0x80 VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, SKINIT, RDTSCP
  onMissingExit, onCommonExit, onMissingExit, onMissingExit, onMissingExit, onMissingExit, onMissingExit, onRdtscpExit,
  // 0x88 ICEBP, WBINVD, MONITOR, MWAIT, MWAIT_CONDITIONAL, XSETBV, RDPRU, EFER_WRITE_TRAP
  onImpossible, onCacheFlushExit, onMissingExit, onMissingExit, onMissingExit, onXsetbvExit, onMissingExit, onImpossible,
  // 0x90 CR0_WRITE_TRAP to CR15_WRITE_TRAP
  onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible,
  onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible, onImpossible,
  // 0xa0 INVLPGB, INVLPGB_ILLEGAL, INVPCID, MCOMMIT, TLBSYNC, BUSLOCK, IDLE_HLT
  onMissingExit, onMissingExit, onImpossible, onMissingExit, onMissingExit, onImpossible, onImpossible,
  // NPF, AVIC_INCOMPLETE_IPI, AVIC_NOACCEL, VMGEXIT, INVALID, Basalt's own, what is not defined
  onCommonExit, onImpossible, onImpossible, onImpossible, onInvalid, onWork, onImpossible,
];
