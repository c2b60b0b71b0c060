// All rules, in the order of the stages and of the SDM.

import { Rule, Rules } from "./rule";
import { addApicVirtualizationRules } from "./rules/apic-virtualization";
import { addBasicCheckRules } from "./rules/basic-checks";
import { addEptPointerRules } from "./rules/ept-pointer";
import { addExecutionControlRules } from "./rules/execution-controls";
import { addCr3TargetRules, addNmiRules, addTscMultiplierRules, addVpidRules } from "./rules/execution-values";
import { addIntelPtRules } from "./rules/intel-pt";
import { addNeedsEptRules } from "./rules/needs-ept";
import { addNewerExecutionControlRules } from "./rules/newer-execution-controls";
import { addPageAddressRules } from "./rules/page-addresses";
import { addPostedInterruptRules } from "./rules/posted-interrupts";
import { addReturnFromSmmRules } from "./rules/return-from-smm";
import { addVmcsPointerRules } from "./rules/vmcs-pointers";
import { addVmxonRules } from "./rules/vmxon";
import { addGuestAccessRightsRules } from "./rules/guest-access-rights";
import { addGuestControlRegisterRules } from "./rules/guest-control-registers";
import { addGuestDescriptorTableRules } from "./rules/guest-descriptor-tables";
import { addGuestFredRules } from "./rules/guest-fred";
import { addGuestMsrBitRules } from "./rules/guest-msr-bits";
import { addGuestMsrRules } from "./rules/guest-msrs";
import { addGuestRipAndRflagsRules } from "./rules/guest-rip-and-rflags";
import { addGuestSegmentTypeRules } from "./rules/guest-segment-types";
import { addGuestSegmentRules } from "./rules/guest-segments";
import { addGuestSystemSegmentRules } from "./rules/guest-system-segments";

/** Makes the table. */
export function allRules(): Array<Rule> {
  const rules = new Rules();
  addVmxonRules(rules);
  addVmcsPointerRules(rules);
  addBasicCheckRules(rules);
  addExecutionControlRules(rules);
  addCr3TargetRules(rules);
  addPageAddressRules(rules);
  addNmiRules(rules);
  addApicVirtualizationRules(rules);
  addPostedInterruptRules(rules);
  addVpidRules(rules);
  addEptPointerRules(rules);
  addNeedsEptRules(rules);
  addIntelPtRules(rules);
  addTscMultiplierRules(rules);
  addNewerExecutionControlRules(rules);
  addReturnFromSmmRules(rules);
  addGuestControlRegisterRules(rules);
  addGuestMsrRules(rules);
  addGuestMsrBitRules(rules);
  addGuestFredRules(rules);
  addGuestSegmentRules(rules);
  addGuestSegmentTypeRules(rules);
  addGuestAccessRightsRules(rules);
  addGuestSystemSegmentRules(rules);
  addGuestDescriptorTableRules(rules);
  addGuestRipAndRflagsRules(rules);
  return rules.rows;
}
