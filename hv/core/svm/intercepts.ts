// What makes a guest exit (APM 2 15.9 to 15.13), by the kind of its VM.

import { VECTOR_ALIGNMENT_CHECK, VECTOR_DEBUG, VECTOR_MACHINE_CHECK } from "../../x86/exceptions";
import {
  INTERCEPT_CLGI,
  INTERCEPT_CPUID,
  INTERCEPT_CR0_SELECTIVE_WRITE,
  INTERCEPT_CR4_READ,
  INTERCEPT_CR4_WRITE,
  INTERCEPT_CR8_READ,
  INTERCEPT_CR8_WRITE,
  INTERCEPT_HLT,
  INTERCEPT_INIT,
  INTERCEPT_INTR,
  INTERCEPT_INVD,
  INTERCEPT_INVLPGA,
  INTERCEPT_INVLPGB,
  INTERCEPT_INVLPGB_ILLEGAL,
  INTERCEPT_IOIO,
  INTERCEPT_MCOMMIT,
  INTERCEPT_MONITOR,
  INTERCEPT_MSR,
  INTERCEPT_MWAIT,
  INTERCEPT_NMI,
  INTERCEPT_RDPMC,
  INTERCEPT_RDPRU,
  INTERCEPT_RDTSC,
  INTERCEPT_RSM,
  INTERCEPT_SHUTDOWN,
  INTERCEPT_SKINIT,
  INTERCEPT_SMI,
  INTERCEPT_STGI,
  INTERCEPT_TLBSYNC,
  INTERCEPT_VMLOAD,
  INTERCEPT_VMMCALL,
  INTERCEPT_VMRUN,
  INTERCEPT_VMSAVE,
  INTERCEPT_WBINVD,
  INTERCEPT_XSETBV,
  VMCB_INTERCEPT_CR,
  VMCB_INTERCEPT_EXCEPTIONS,
  VMCB_INTERCEPT_MISC1,
  VMCB_INTERCEPT_MISC2,
  VMCB_INTERCEPT_MISC3,
} from "../../x86/vmcb";
import { KIND_MIRROR, KIND_MIRROR_RDTSC } from "../guest-kinds";
import { Vmcb } from "./vmcb";

// CR3 is the guest's own. Of CR0 the writes exit that change more than TS and MP, which kernels change often: not every
// emulator refuses what the manual has refused there, and VMRUN would then refuse the guest. Of CR4 the guest is to set no bit that its CPUID does not show, and MCE is the
// host's. CR8 is the task priority of the local APIC, which is the vmm's.
const CR: u32 = INTERCEPT_CR4_READ | INTERCEPT_CR4_WRITE | INTERCEPT_CR8_READ | INTERCEPT_CR8_WRITE;

// A guest could keep the processor for ever in the delivery of a #DB or an #AC that raises itself (CVE-2015-5307, -8104).
const EXCEPTIONS: u32 = (1 << VECTOR_DEBUG) | (1 << VECTOR_ALIGNMENT_CHECK) | (1 << VECTOR_MACHINE_CHECK);

const EVENTS: u32 = INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_SMI | INTERCEPT_INIT | INTERCEPT_SHUTDOWN;
// A task switch is the processor's work, too.
const MISC1: u32 =
  EVENTS |
  INTERCEPT_CR0_SELECTIVE_WRITE |
  INTERCEPT_RDPMC |
  INTERCEPT_CPUID |
  INTERCEPT_RSM |
  INTERCEPT_INVD |
  INTERCEPT_HLT |
  INTERCEPT_INVLPGA |
  INTERCEPT_IOIO |
  INTERCEPT_MSR;
/** Without the intercept of VMRUN the processor refuses to enter (APM 2 15.5.1). */
const SVM_INSTRUCTIONS: u32 =
  INTERCEPT_VMRUN |
  INTERCEPT_VMMCALL |
  INTERCEPT_VMLOAD |
  INTERCEPT_VMSAVE |
  INTERCEPT_STGI |
  INTERCEPT_CLGI |
  INTERCEPT_SKINIT;
const MISC2: u32 =
  SVM_INSTRUCTIONS | INTERCEPT_WBINVD | INTERCEPT_MONITOR | INTERCEPT_MWAIT | INTERCEPT_XSETBV | INTERCEPT_RDPRU;
const MISC3: u32 = INTERCEPT_INVLPGB | INTERCEPT_INVLPGB_ILLEGAL | INTERCEPT_MCOMMIT | INTERCEPT_TLBSYNC;

/** Writes the intercepts of a VM of `kind`. The code of a guest that mirrors the host is Basalt's, and does little. */
export function writeIntercepts(vmcb: Vmcb, kind: u32): void {
  const isMirror = kind == KIND_MIRROR || kind == KIND_MIRROR_RDTSC;
  vmcb.write32(VMCB_INTERCEPT_CR, isMirror ? 0 : CR);
  vmcb.write32(VMCB_INTERCEPT_EXCEPTIONS, EXCEPTIONS);
  vmcb.write32(VMCB_INTERCEPT_MISC1, isMirror ? EVENTS | (kind == KIND_MIRROR ? 0 : INTERCEPT_RDTSC) : MISC1);
  vmcb.write32(VMCB_INTERCEPT_MISC2, isMirror ? SVM_INSTRUCTIONS : MISC2);
  vmcb.write32(VMCB_INTERCEPT_MISC3, isMirror ? 0 : MISC3);
}
