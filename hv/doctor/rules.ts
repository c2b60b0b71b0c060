// All rules, in the order of the stages and of the SDM.

import { Rule, Rules } from "./rule";
import { addApicVirtualizationRules } from "./rules/apic-virtualization";
import { addEptPointerRules } from "./rules/ept-pointer";
import { addExecutionControlRules } from "./rules/execution-controls";
import { addPageAddressRules } from "./rules/page-addresses";
import { addPostedInterruptRules } from "./rules/posted-interrupts";

/** Makes the table. */
export function allRules(): Array<Rule> {
  const rules = new Rules();
  addExecutionControlRules(rules);
  addPageAddressRules(rules);
  addApicVirtualizationRules(rules);
  addPostedInterruptRules(rules);
  addEptPointerRules(rules);
  return rules.rows;
}
