// All rules, in the order of the stages and of the SDM.

import { Rule, Rules } from "./rule";
import { addEntryControlRules } from "./rules/entry-controls";
import { addEptPointerRules } from "./rules/ept-pointer";
import { addEventInjectionRules } from "./rules/event-injection";
import { addExitControlRules } from "./rules/exit-controls";
import { addHostAddressSpaceRules } from "./rules/host-address-space";
import { addHostControlRegisterRules } from "./rules/host-control-registers";
import { addHostFredRules } from "./rules/host-fred";
import { addHostMsrRules } from "./rules/host-msrs";
import { addHostSegmentRules } from "./rules/host-segments";
import { addInjectedErrorCodeRules } from "./rules/injected-error-code";
import { addMsrLoadingBitRules } from "./rules/msr-loading-bits";
import { addMsrLoadingRules } from "./rules/msr-loading";
import { addMsrLoadingValueRules } from "./rules/msr-loading-values";

/** Makes the table. */
export function allRules(): Array<Rule> {
  const rules = new Rules();
  addEptPointerRules(rules);
  // SDM 3C 27.2.1.2 and 27.2.1.3.
  addExitControlRules(rules);
  addEntryControlRules(rules);
  addEventInjectionRules(rules);
  addInjectedErrorCodeRules(rules);
  // SDM 3C 27.2.2 to 27.2.4.
  addHostControlRegisterRules(rules);
  addHostMsrRules(rules);
  addHostFredRules(rules);
  addHostSegmentRules(rules);
  addHostAddressSpaceRules(rules);
  // SDM 3C 27.4.
  addMsrLoadingRules(rules);
  addMsrLoadingValueRules(rules);
  addMsrLoadingBitRules(rules);
  return rules.rows;
}
