// The rules of VMX's VM entry.

import { SDM_EDITION } from "./edition";
import { RuleBook } from "./rule-book";
import { allRules } from "./rules";

const STAGE_TITLES: StaticArray<string> = [
  "Before the VM entry (VMXON, VMCLEAR, VMPTRLD)",
  "Basic checks (the instruction fails)",
  "VMX controls (VM-instruction error 7)",
  "Host state (VM-instruction error 8)",
  "Guest state (exit reason 33, 0x80000021)",
  "Loading MSRs (exit reason 34, 0x80000022)",
  "Advice (no failure of VM entry, but rarely meant)",
];
const NOT_ASKED =
  "Not asked: what comes before the checks of VMX controls, as nothing of the processor's state is known";

/** Makes the book. */
export function vmxRuleBook(): RuleBook {
  return new RuleBook(allRules(), "VM entry", SDM_EDITION, "SDM 3C ", STAGE_TITLES, NOT_ASKED);
}
