// The rules of SVM's VM entry: VMRUN's consistency checks.

import { APM_EDITION } from "../edition";
import { RuleBook } from "../rule-book";
import { svmRules } from "./rules";

/** By stage; those without rules have no title. Which of the checks comes first, the manual leaves open. */
const STAGE_TITLES: StaticArray<string> = [
  "",
  "The processor at VMRUN (an exception; of nested paging, VMEXIT_INVALID)",
  "Control area (VMEXIT_INVALID)",
  "",
  "State save area (VMEXIT_INVALID)",
  "",
  "Advice (no failure of VMRUN, but rarely meant)",
];
const NOT_ASKED = "Not asked: what VMRUN asks of the processor itself, as nothing of its state is known";

/** Makes the book. */
export function svmRuleBook(): RuleBook {
  return new RuleBook(svmRules(), "VMRUN", APM_EDITION, "APM 2 ", STAGE_TITLES, NOT_ASKED);
}
