// All rules, in the order of the stages and of the SDM.

import { Rule, Rules } from "./rule";
import { addEptPointerRules } from "./rules/ept-pointer";

/** Makes the table. */
export function allRules(): Array<Rule> {
  const rules = new Rules();
  addEptPointerRules(rules);
  return rules.rows;
}
