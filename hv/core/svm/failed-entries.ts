// VMRUN that refused the VMCB: VMEXIT_INVALID (APM 2 15.5.1).

import { LEVEL_ERROR } from "../console/console";
import { RESULT_ENTRY_FAILED_BY_STATE } from "../results";
import { SvmVcpu } from "./svm-vcpu";

/** The guest never ran, and the VMCB is as it was, but that some processors change its RIP. */
export function onInvalid(vcpu: SvmVcpu): u32 {
  vcpu.say(LEVEL_ERROR).text("VMRUN refused the VMCB: VMEXIT_INVALID; this VM ends").end();
  return vcpu.stop(RESULT_ENTRY_FAILED_BY_STATE);
}
