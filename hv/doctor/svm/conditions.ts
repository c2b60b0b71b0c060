// Conditions on the guest to be run that rules of many topics ask for.

import { CR0_PG } from "../../x86/control-registers";
import { CPUID_SVM_EDX_AVIC } from "../../x86/cpuid";
import { EFER_LME } from "../../x86/msr";
import { NESTED_PAGING_ENABLE, VINTR_AVIC_ENABLE } from "../../x86/vmcb";
import { CAP_CPUID_8000000A_EDX } from "../inputs";
import { Subject } from "../subject";
import { both, NO, Tri } from "../tri";
import { ATTRIBUTE_LONG, CR0, CS_ATTRIBUTES, EFER, NESTED_CONTROL, VINTR } from "./fields";

/** EFER.LME and CR0.PG: VMRUN takes EFER.LMA for their product (APM 2 14.6.1). */
export function willBeLongMode(s: Subject): Tri {
  return both(s.isSet(EFER, EFER_LME), s.isSet(CR0, CR0_PG));
}

/** Long mode with CS.L = 1. */
export function willBe64BitMode(s: Subject): Tri {
  return both(willBeLongMode(s), s.isSet(CS_ATTRIBUTES, ATTRIBUTE_LONG));
}

/** NP_ENABLE is 1; what it means on a processor without nested paging, the manual leaves open. */
export function usesNestedPaging(s: Subject): Tri {
  return s.isSet(NESTED_CONTROL, NESTED_PAGING_ENABLE);
}

/** AVIC is there and enabled. */
export function usesAvic(s: Subject): Tri {
  return isEnabled(s, VINTR_AVIC_ENABLE, CPUID_SVM_EDX_AVIC);
}

/** The processor has `feature`, of CPUID.8000000A.EDX, and `bit` of the word at offset 060H enables it. */
export function isEnabled(s: Subject, bit: u64, feature: u32): Tri {
  const isOn = s.isSet(VINTR, bit);
  return isOn == NO ? NO : both(isOn, s.where(CAP_CPUID_8000000A_EDX, feature));
}
