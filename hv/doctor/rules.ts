// All rules, in the order of the stages and of the SDM.

import { Rule, Rules } from "./rule";
import { addActivityStateRules } from "./rules/activity-state";
import { addControlAdvice } from "./rules/advice-controls";
import { addGuestAdvice } from "./rules/advice-guest";
import { addHostAdvice } from "./rules/advice-host";
import { addMsrLoadingAdvice } from "./rules/advice-msr-loading";
import { addNeverWrittenAdvice } from "./rules/advice-never-written";
import { addApicVirtualizationRules } from "./rules/apic-virtualization";
import { addBasicCheckRules } from "./rules/basic-checks";
import { addEntryControlRules } from "./rules/entry-controls";
import { addEptPointerRules } from "./rules/ept-pointer";
import { addEventInjectionRules } from "./rules/event-injection";
import { addExecutionControlRules } from "./rules/execution-controls";
import { addCr3TargetRules, addNmiRules, addTscMultiplierRules, addVpidRules } from "./rules/execution-values";
import { addExitControlRules } from "./rules/exit-controls";
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
import { addHostAddressSpaceRules } from "./rules/host-address-space";
import { addHostControlRegisterRules } from "./rules/host-control-registers";
import { addHostFredRules } from "./rules/host-fred";
import { addHostMsrRules } from "./rules/host-msrs";
import { addHostSegmentRules } from "./rules/host-segments";
import { addInjectedErrorCodeRules } from "./rules/injected-error-code";
import { addIntelPtRules } from "./rules/intel-pt";
import { addInterruptibilityStateRules } from "./rules/interruptibility-state";
import { addLinkPointerRules } from "./rules/link-pointer";
import { addMsrLoadingRules } from "./rules/msr-loading";
import { addMsrLoadingBitRules } from "./rules/msr-loading-bits";
import { addMsrLoadingValueRules } from "./rules/msr-loading-values";
import { addNeedsEptRules } from "./rules/needs-ept";
import { addNewerExecutionControlRules } from "./rules/newer-execution-controls";
import { addPageAddressRules } from "./rules/page-addresses";
import { addPageDirectoryPointerRules } from "./rules/page-directory-pointers";
import { addPendingDebugExceptionRules } from "./rules/pending-debug-exceptions";
import { addPostedInterruptRules } from "./rules/posted-interrupts";
import { addReturnFromSmmGuestRules, addReturnFromSmmRules } from "./rules/return-from-smm";
import { addVmcsPointerRules } from "./rules/vmcs-pointers";
import { addVmxonRules } from "./rules/vmxon";

/** Makes the table. */
export function allRules(): Array<Rule> {
  const rules = new Rules();
  // SDM 3C 31.3: VMXON, VMCLEAR, VMPTRLD.
  addVmxonRules(rules);
  addVmcsPointerRules(rules);
  // SDM 3C 27.1.
  addBasicCheckRules(rules);
  // SDM 3C 27.2.1.1.
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
  // SDM 3C 27.2.1.2 and 27.2.1.3.
  addExitControlRules(rules);
  addEntryControlRules(rules);
  addEventInjectionRules(rules);
  addInjectedErrorCodeRules(rules);
  addReturnFromSmmRules(rules);
  // SDM 3C 27.2.2 to 27.2.4.
  addHostControlRegisterRules(rules);
  addHostMsrRules(rules);
  addHostFredRules(rules);
  addHostSegmentRules(rules);
  addHostAddressSpaceRules(rules);
  // SDM 3C 27.3.1.1 to 27.3.1.4.
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
  // SDM 3C 27.3.1.5 and 27.3.1.6.
  addActivityStateRules(rules);
  addInterruptibilityStateRules(rules);
  addPendingDebugExceptionRules(rules);
  addLinkPointerRules(rules);
  addPageDirectoryPointerRules(rules);
  addReturnFromSmmGuestRules(rules);
  // SDM 3C 27.4.
  addMsrLoadingRules(rules);
  addMsrLoadingValueRules(rules);
  addMsrLoadingBitRules(rules);
  // Advice.
  addControlAdvice(rules);
  addHostAdvice(rules);
  addGuestAdvice(rules);
  addNeverWrittenAdvice(rules);
  addMsrLoadingAdvice(rules);
  return rules.rows;
}
