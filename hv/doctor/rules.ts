// All rules, in the order of the stages and of the SDM.

import { Rule, Rules } from "./rule";
import { addActivityStateRules } from "./rules/activity-state";
import { addControlAdvice } from "./rules/advice-controls";
import { addGuestAdvice } from "./rules/advice-guest";
import { addHostAdvice } from "./rules/advice-host";
import { addNeverWrittenAdvice } from "./rules/advice-never-written";
import { addEptPointerRules } from "./rules/ept-pointer";
import { addInterruptibilityStateRules } from "./rules/interruptibility-state";
import { addLinkPointerRules } from "./rules/link-pointer";
import { addPageDirectoryPointerRules } from "./rules/page-directory-pointers";
import { addPendingDebugExceptionRules } from "./rules/pending-debug-exceptions";

/** Makes the table. */
export function allRules(): Array<Rule> {
  const rules = new Rules();
  addEptPointerRules(rules);
  // SDM 3C 27.3.1.5 and 27.3.1.6.
  addActivityStateRules(rules);
  addInterruptibilityStateRules(rules);
  addPendingDebugExceptionRules(rules);
  addLinkPointerRules(rules);
  addPageDirectoryPointerRules(rules);
  addControlAdvice(rules);
  addHostAdvice(rules);
  addGuestAdvice(rules);
  addNeverWrittenAdvice(rules);
  return rules.rows;
}
