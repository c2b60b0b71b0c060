// All rules, in the order of the stages and of the SDM.

import { Rule, Rules } from "./rule";
import { addEptPointerRules } from "./rules/ept-pointer";
import { addExecutionControlRules } from "./rules/execution-controls";

/** Makes the table. */
export function allRules(): Array<Rule> {
  const rules = new Rules();
  addExecutionControlRules(rules);
  addEptPointerRules(rules);
  return rules.rows;
}
