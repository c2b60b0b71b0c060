// Switching SVM on and off (APM 2 15.4 and 15.30), each obstacle with its own failure.

import { CPUID_EXTENDED_ECX_SVM, CPUID_LEAF_EXTENDED_MAXIMUM } from "../../x86/cpuid";
import { CPUID_LEAF_EXTENDED_PROCESSOR_FEATURES, CPUID_LEAF_SVM, CPUID_SVM_EDX_LOCK } from "../../x86/cpuid";
import { EFER_SVME, IA32_EFER, VM_CR, VM_CR_LOCK, VM_CR_SVMDIS, VM_HSAVE_PA } from "../../x86/msr";
import { Console } from "../console/console";
import { Cpuid } from "../cpu/cpuid";
import { rdmsr, vmsave, wrmsr } from "../hardware";
import { PagePool } from "../memory/page-pool";
import {
  RESULT_NO_SVM,
  RESULT_OK,
  RESULT_SVM_DISABLED_BY_FIRMWARE,
  RESULT_SVM_LOCKED_WITH_KEY,
  RESULT_TOO_LITTLE_MEMORY,
} from "../results";

/** Whether CPUID shows SVM. */
export function hasSvm(cpuid: Cpuid): bool {
  cpuid.read(CPUID_LEAF_EXTENDED_MAXIMUM, 0);
  if (cpuid.eax < CPUID_LEAF_SVM) return false;
  cpuid.read(CPUID_LEAF_EXTENDED_PROCESSOR_FEATURES, 0);
  return (cpuid.ecx & CPUID_EXTENDED_ECX_SVM) != 0;
}

/** RESULT_OK where this processor has SVM and firmware allows it; else why not, with a line that says what was found. */
export function checkSvm(console: Console, cpuid: Cpuid): u32 {
  if (!hasSvm(cpuid)) {
    cpuid.read(CPUID_LEAF_EXTENDED_PROCESSOR_FEATURES, 0);
    console.error().text("no SVM: CPUID.80000001H:ECX[2] is 0 (ECX is ").hex(cpuid.ecx, 8);
    console.text("); use a CPU with AMD-V, or in a virtual machine switch nested virtualization on").end();
    return RESULT_NO_SVM;
  }
  const value = rdmsr(VM_CR);
  if (!(value & VM_CR_SVMDIS)) return RESULT_OK;
  if (!(value & VM_CR_LOCK)) {
    console.info().text("VM_CR had SVM disabled (").hex(value).text("), and was not locked: enabling it").end();
    wrmsr(VM_CR, value & ~VM_CR_SVMDIS);
    return RESULT_OK;
  }
  cpuid.read(CPUID_LEAF_SVM, 0);
  const hasKey = (cpuid.edx & CPUID_SVM_EDX_LOCK) != 0;
  console.error().text("firmware disabled SVM: VM_CR is locked at ").hex(value).text(", SVMDIS is 1");
  if (hasKey)
    console.text(', and only its key in SVM_KEY unlocks it; enable "SVM mode" in the firmware\'s set-up').end();
  else console.text(', and nothing unlocks it; enable "SVM mode" in the firmware\'s set-up').end();
  return hasKey ? RESULT_SVM_LOCKED_WITH_KEY : RESULT_SVM_DISABLED_BY_FIRMWARE;
}

/** SVM of this processor, from `enter` to `leave`. */
export class SvmOperation {
  private hostSaveArea: usize = 0;
  private hostState: usize = 0;

  constructor(private readonly pool: PagePool) {}

  /** Sets EFER.SVME, gives the processor its host save area, and saves what VMLOAD brings back after each exit. */
  enter(): u32 {
    const hostSaveArea = this.pool.allocate();
    const hostState = this.pool.allocate();
    if (hostSaveArea == 0 || hostState == 0) return RESULT_TOO_LITTLE_MEMORY;
    this.hostSaveArea = hostSaveArea;
    this.hostState = hostState;
    wrmsr(IA32_EFER, rdmsr(IA32_EFER) | EFER_SVME);
    wrmsr(VM_HSAVE_PA, this.pool.physicalAddress(hostSaveArea));
    vmsave(this.hostStatePhysical);
    return RESULT_OK;
  }

  leave(): void {
    wrmsr(VM_HSAVE_PA, 0);
    wrmsr(IA32_EFER, rdmsr(IA32_EFER) & ~EFER_SVME);
    this.pool.free(this.hostSaveArea);
    this.pool.free(this.hostState);
  }

  /** For svmEnter. */
  get hostStatePhysical(): u64 {
    return this.pool.physicalAddress(this.hostState);
  }
}
