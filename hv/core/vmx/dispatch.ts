// The table of VM exits: the handler of each basic exit reason (SDM 3D appendix C).

import { EXIT_REASON_COUNT } from "../../x86/exit-reasons";
import { onHalt } from "../exits/halt";
import { onRdtsc } from "../exits/time";
import { RESULT_UNEXPECTED_EXIT } from "../results";
import { stopAtExit } from "../vcpu/answers";
import { onEptMisconfiguration, onEptViolation } from "./ept-exits";
import { onExceptionOrNmi, onExternalInterrupt, onTripleFault } from "./event-exits";
import { onEntryFailure, onEntryRefused } from "./failed-entries";
import { WHY_IMPOSSIBLE } from "./impossible-exits";
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

/** An exit that the controls rule out: told with the reason why it cannot be, so that it can be looked into. */
function onImpossible(vcpu: VmxVcpu): u32 {
  vcpu.console.error().text("this exit should not happen: ").text(WHY_IMPOSSIBLE[vcpu.exitRow]).end();
  return stopAtExit(vcpu, "no handler for ", RESULT_UNEXPECTED_EXIT);
}

// Reasons of Basalt's own for leaving the guest, or not entering it, behind those of the SDM.
export const REASON_ENTRY_FAILURE: u32 = EXIT_REASON_COUNT;
export const REASON_ENTRY_REFUSED: u32 = EXIT_REASON_COUNT + 1;
export const REASON_WORK: u32 = EXIT_REASON_COUNT + 2;

/** Indexed by the basic exit reason, then by Basalt's own. */
export const EXIT_HANDLERS: StaticArray<ExitHandler> = [
  onExceptionOrNmi, // 0 EXCEPTION_OR_NMI
  onExternalInterrupt, // 1 EXTERNAL_INTERRUPT
  onTripleFault, // 2 TRIPLE_FAULT
  onImpossible, // 3 INIT_SIGNAL
  onImpossible, // 4 STARTUP_IPI
  onImpossible, // 5 IO_SMI
  onImpossible, // 6 OTHER_SMI
  onImpossible, // 7 INTERRUPT_WINDOW
  onImpossible, // 8 NMI_WINDOW
  onImpossible, // 9 TASK_SWITCH
  onCommonExit, // 10 CPUID
  onImpossible, // 11 GETSEC
  onHltExit, // 12 HLT
  onImpossible, // 13 INVD
  onImpossible, // 14 INVLPG
  onImpossible, // 15 RDPMC
  onRdtscExit, // 16 RDTSC
  onImpossible, // 17 RSM
  onCommonExit, // 18 VMCALL
  onImpossible, // 19 VMCLEAR
  onImpossible, // 20 VMLAUNCH
  onImpossible, // 21 VMPTRLD
  onImpossible, // 22 VMPTRST
  onImpossible, // 23 VMREAD
  onImpossible, // 24 VMRESUME
  onImpossible, // 25 VMWRITE
  onImpossible, // 26 VMXOFF
  onImpossible, // 27 VMXON
  onImpossible, // 28 CONTROL_REGISTER_ACCESS
  onImpossible, // 29 MOV_DR
  onCommonExit, // 30 IO_INSTRUCTION
  onImpossible, // 31 RDMSR
  onImpossible, // 32 WRMSR
  onImpossible, // 33 INVALID_GUEST_STATE
  onImpossible, // 34 MSR_LOADING
  onImpossible, // 35 not defined
  onImpossible, // 36 MWAIT
  onImpossible, // 37 MONITOR_TRAP_FLAG
  onImpossible, // 38 not defined
  onImpossible, // 39 MONITOR
  onImpossible, // 40 PAUSE
  onImpossible, // 41 MACHINE_CHECK_DURING_ENTRY
  onImpossible, // 42 not defined
  onImpossible, // 43 TPR_BELOW_THRESHOLD
  onImpossible, // 44 APIC_ACCESS
  onImpossible, // 45 VIRTUALIZED_EOI
  onImpossible, // 46 GDTR_OR_IDTR_ACCESS
  onImpossible, // 47 LDTR_OR_TR_ACCESS
  onEptViolation, // 48 EPT_VIOLATION
  onEptMisconfiguration, // 49 EPT_MISCONFIGURATION
  onImpossible, // 50 INVEPT
  onImpossible, // 51 RDTSCP
  onImpossible, // 52 VMX_PREEMPTION_TIMER_EXPIRED
  onImpossible, // 53 INVVPID
  onImpossible, // 54 WBINVD
  onImpossible, // 55 XSETBV
  onImpossible, // 56 APIC_WRITE
  onImpossible, // 57 RDRAND
  onImpossible, // 58 INVPCID
  onImpossible, // 59 VMFUNC
  onImpossible, // 60 ENCLS
  onImpossible, // 61 RDSEED
  onImpossible, // 62 PAGE_MODIFICATION_LOG_FULL
  onImpossible, // 63 XSAVES
  onImpossible, // 64 XRSTORS
  onImpossible, // 65 PCONFIG
  onImpossible, // 66 SPP_RELATED_EVENT
  onImpossible, // 67 UMWAIT
  onImpossible, // 68 TPAUSE
  onImpossible, // 69 LOADIWKEY
  onImpossible, // 70 ENCLV
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
