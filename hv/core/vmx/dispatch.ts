// The table of VM exits: the handler of each basic exit reason (SDM 3D appendix C).

import { EXIT_REASON_BASIC_MASK, EXIT_REASON_COUNT, EXIT_REASON_ENTRY_FAILURE } from "../../x86/exit-reasons";
import { IA32_TSC_AUX } from "../../x86/msr";
import { onRdtscp, onWrmsr } from "../cpu/msr-access";
import { onXsetbv } from "../cpu/xcr0";
import { onHalt } from "../exits/halt";
import { onCacheFlush, onMissingInstruction, onPause, onRdpmc } from "../exits/refused";
import { onRdtsc } from "../exits/time";
import { RESULT_UNEXPECTED_EXIT } from "../results";
import { stopAtExit } from "../vcpu/answers";
import { onControlRegisterAccess } from "./control-register-exits";
import { onEptMisconfiguration, onEptViolation } from "./ept-exits";
import {
  onExceptionOrNmi,
  onExternalInterrupt,
  onInterruptWindowExit,
  onPreemptionTimer,
  onNmiWindowExit,
  onTripleFault,
} from "./event-exits";
import { onEntryFailure, onEntryRefused } from "./failed-entries";
import { WHY_IMPOSSIBLE } from "./impossible-exits";
import { onTaskSwitchExit } from "./task-switch-exit";
import { onMonitorTrap } from "./step";
import { VmxVcpu } from "./vmx-vcpu";
import { onWork } from "./work";

/** Handles one exit: an action of hv/core/vcpu/action.ts. */
export type ExitHandler = (vcpu: VmxVcpu) => u32;

// The handlers outside hv/core/vmx know no VMX: what they need of the VMCS is read here.

function onHltExit(vcpu: VmxVcpu): u32 {
  return onHalt(vcpu);
}

function onRdtscExit(vcpu: VmxVcpu): u32 {
  return onRdtsc(vcpu);
}

/** An exit that run.ts answers before it looks here. */
function onCommonExit(vcpu: VmxVcpu): u32 {
  return stopAtExit(vcpu, "run.ts has not answered ", RESULT_UNEXPECTED_EXIT);
}

function onWrmsrExit(vcpu: VmxVcpu): u32 {
  return onWrmsr(vcpu);
}

function onRdtscpExit(vcpu: VmxVcpu): u32 {
  return onRdtscp(vcpu, IA32_TSC_AUX);
}

function onXsetbvExit(vcpu: VmxVcpu): u32 {
  return onXsetbv(vcpu);
}

function onRdpmcExit(vcpu: VmxVcpu): u32 {
  return onRdpmc(vcpu);
}

function onCacheFlushExit(vcpu: VmxVcpu): u32 {
  return onCacheFlush(vcpu);
}

function onPauseExit(vcpu: VmxVcpu): u32 {
  return onPause(vcpu);
}

/** VMX, SMX and SGX instructions, MONITOR and MWAIT: the guest's CPUID shows none of their features. */
function onMissingExit(vcpu: VmxVcpu): u32 {
  return onMissingInstruction(vcpu);
}

/** An exit that the controls rule out: told with the reason why it cannot be, so that it can be looked into. */
function onImpossible(vcpu: VmxVcpu): u32 {
  vcpu.console.error().text("this exit should not happen: ").text(WHY_IMPOSSIBLE[vcpu.exitRow]).end();
  return stopAtExit(vcpu, "no handler for ", RESULT_UNEXPECTED_EXIT);
}

// Rows of Basalt's own for leaving the guest, or not entering it, behind those of the SDM.
const ROW_ENTRY_FAILURE: u32 = EXIT_REASON_COUNT;
const ROW_ENTRY_REFUSED: u32 = EXIT_REASON_COUNT + 1;
const ROW_WORK: u32 = EXIT_REASON_COUNT + 2;

// The reasons for the last two: no processor's exit reason has all of its upper bits set (SDM 3C 25.9.1).
export const REASON_ENTRY_REFUSED: u32 = 0xffffff00;
export const REASON_WORK: u32 = 0xffffff01;

/**
 * The row for an exit reason that is none of the SDM's basic ones: Basalt's own, or one with flags in its upper half, which do
 * not change what is to be done, but for a failed entry. Index.ts exports it, to keep it out of the run loop's code.
 */
export function rowOf(reason: u32): u32 {
  if (reason == REASON_WORK) return ROW_WORK;
  if (reason == REASON_ENTRY_REFUSED) return ROW_ENTRY_REFUSED;
  const basic = reason & EXIT_REASON_BASIC_MASK;
  return reason & EXIT_REASON_ENTRY_FAILURE || basic >= EXIT_REASON_COUNT ? ROW_ENTRY_FAILURE : basic;
}

/** Indexed by the basic exit reason, then by Basalt's own. */
export const EXIT_HANDLERS: StaticArray<ExitHandler> = [
  onExceptionOrNmi, // 0 EXCEPTION_OR_NMI
  onExternalInterrupt, // 1 EXTERNAL_INTERRUPT
  onTripleFault, // 2 TRIPLE_FAULT
  onImpossible, // 3 INIT_SIGNAL
  onImpossible, // 4 STARTUP_IPI
  onImpossible, // 5 IO_SMI
  onImpossible, // 6 OTHER_SMI
  onInterruptWindowExit, // 7 INTERRUPT_WINDOW
  onNmiWindowExit, // 8 NMI_WINDOW
  onTaskSwitchExit, // 9 TASK_SWITCH
  onCommonExit, // 10 CPUID
  onMissingExit, // 11 GETSEC
  onHltExit, // 12 HLT
  onCacheFlushExit, // 13 INVD
  onImpossible, // 14 INVLPG
  onRdpmcExit, // 15 RDPMC
  onRdtscExit, // 16 RDTSC
  onImpossible, // 17 RSM
  onCommonExit, // 18 VMCALL
  onMissingExit, // 19 VMCLEAR
  onMissingExit, // 20 VMLAUNCH
  onMissingExit, // 21 VMPTRLD
  onMissingExit, // 22 VMPTRST
  onMissingExit, // 23 VMREAD
  onMissingExit, // 24 VMRESUME
  onMissingExit, // 25 VMWRITE
  onMissingExit, // 26 VMXOFF
  onMissingExit, // 27 VMXON
  onControlRegisterAccess, // 28 CONTROL_REGISTER_ACCESS
  onImpossible, // 29 MOV_DR
  onCommonExit, // 30 IO_INSTRUCTION
  onCommonExit, // 31 RDMSR
  onWrmsrExit, // 32 WRMSR
  onImpossible, // 33 INVALID_GUEST_STATE
  onImpossible, // 34 MSR_LOADING
  onImpossible, // 35 not defined
  onMissingExit, // 36 MWAIT
  onMonitorTrap, // 37 MONITOR_TRAP_FLAG
  onImpossible, // 38 not defined
  onMissingExit, // 39 MONITOR
  onPauseExit, // 40 PAUSE
  onImpossible, // 41 MACHINE_CHECK_DURING_ENTRY
  onImpossible, // 42 not defined
  onImpossible, // 43 TPR_BELOW_THRESHOLD
  onImpossible, // 44 APIC_ACCESS
  onImpossible, // 45 VIRTUALIZED_EOI
  onImpossible, // 46 GDTR_OR_IDTR_ACCESS
  onImpossible, // 47 LDTR_OR_TR_ACCESS
  onEptViolation, // 48 EPT_VIOLATION
  onEptMisconfiguration, // 49 EPT_MISCONFIGURATION
  onMissingExit, // 50 INVEPT
  onRdtscpExit, // 51 RDTSCP
  onPreemptionTimer, // 52 VMX_PREEMPTION_TIMER_EXPIRED
  onMissingExit, // 53 INVVPID
  onCacheFlushExit, // 54 WBINVD
  onXsetbvExit, // 55 XSETBV
  onImpossible, // 56 APIC_WRITE
  onImpossible, // 57 RDRAND
  onImpossible, // 58 INVPCID
  onImpossible, // 59 VMFUNC
  onMissingExit, // 60 ENCLS
  onImpossible, // 61 RDSEED
  onImpossible, // 62 PAGE_MODIFICATION_LOG_FULL
  onImpossible, // 63 XSAVES
  onImpossible, // 64 XRSTORS
  onImpossible, // 65 PCONFIG
  onImpossible, // 66 SPP_RELATED_EVENT
  onImpossible, // 67 UMWAIT
  onImpossible, // 68 TPAUSE
  onImpossible, // 69 LOADIWKEY
  onMissingExit, // 70 ENCLV
  onImpossible, // 71 not defined
  onImpossible, // 72 ENQCMD_PASID_TRANSLATION_FAILURE
  onImpossible, // 73 ENQCMDS_PASID_TRANSLATION_FAILURE
  onImpossible, // 74 BUS_LOCK
  onImpossible, // 75 INSTRUCTION_TIMEOUT
  onImpossible, // 76 SEAMCALL
  onImpossible, // 77 TDCALL
  onImpossible, // 78 RDMSRLIST
  onImpossible, // 79 WRMSRLIST
  onImpossible, // 80 URDMSR
  onImpossible, // 81 UWRMSR
  onImpossible, // 82 not defined
  onImpossible, // 83 not defined
  onImpossible, // 84 RDMSR_IMMEDIATE
  onImpossible, // 85 WRMSRNS_IMMEDIATE
  onEntryFailure,
  onEntryRefused,
  onWork,
];
