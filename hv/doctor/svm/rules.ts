// All rules of VMRUN, in the order of the stages.

import { Rule, Rules } from "../rule";
import { addSvmAdvice } from "./rules/advice";
import { addSvmEventAdvice } from "./rules/advice-events";
import { addAvicRules } from "./rules/avic";
import { addControlAreaRules } from "./rules/control-area";
import { addControlRegisterRules } from "./rules/control-registers";
import { addCr4FeatureRules } from "./rules/cr4-features";
import { addEferRules } from "./rules/efer";
import { addVmcbEventRules } from "./rules/event-injection";
import { addNestedPagingRules } from "./rules/nested-paging";
import { addPdpeRules } from "./rules/pdpe";
import { addShadowStackRules } from "./rules/shadow-stacks";
import { addVmrunRules } from "./rules/vmrun";

/** Makes the table. */
export function svmRules(): Array<Rule> {
  const rules = new Rules();
  // APM 2 15.5.1 and 15.25.3: the processor.
  addVmrunRules(rules);
  // APM 2 15.5.1, 15.20, 15.21, 15.25 and 15.29: the control area.
  addControlAreaRules(rules);
  addVmcbEventRules(rules);
  addNestedPagingRules(rules);
  addAvicRules(rules);
  // APM 2 15.5.1: the state save area.
  addEferRules(rules);
  addControlRegisterRules(rules);
  addCr4FeatureRules(rules);
  addShadowStackRules(rules);
  addPdpeRules(rules);
  // Advice.
  addSvmAdvice(rules);
  addSvmEventAdvice(rules);
  return rules.rows;
}
