// Rules of VM entry on the controls that need EPT, on HLAT and on VM functions (SDM 3C 27.2.1.1).

import {
  HLAT_POINTER,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VM_FUNCTION_CONTROLS,
} from "../../x86/vmcs-fields";
import {
  SECONDARY_ENABLE_EPT,
  SECONDARY_ENABLE_PML,
  SECONDARY_ENABLE_VM_FUNCTIONS,
  SECONDARY_INTEL_PT_USES_GUEST_PHYSICAL_ADDRESSES,
  SECONDARY_MODE_BASED_EXECUTE_CONTROL_FOR_EPT,
  SECONDARY_SUB_PAGE_WRITE_PERMISSIONS_FOR_EPT,
  SECONDARY_UNRESTRICTED_GUEST,
  TERTIARY_ENABLE_HLAT,
  TERTIARY_EPT_PAGING_WRITE_CONTROL,
  TERTIARY_GUEST_PAGING_VERIFICATION,
  TERTIARY_PEBS_USES_GUEST_PHYSICAL_ADDRESSES,
} from "../../x86/vmx-controls";
import { allowedOnes64 } from "../allowed-settings";
import { CAP_BASIC, CAP_CPUID_80000008_EAX, CAP_VMFUNC } from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { Subject } from "../subject";
import { both, implies, Tri } from "../tri";

const SECONDARY: u32 = SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;
const TERTIARY: u32 = TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;

const SECONDARY_WORDS: StaticArray<u32> = [SECONDARY, PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS];
const TERTIARY_WORDS: StaticArray<u32> = [SECONDARY, PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, TERTIARY];
const FUNCTIONS: StaticArray<u32> = [VM_FUNCTION_CONTROLS, SECONDARY, CAP_VMFUNC];
const SWITCHING: StaticArray<u32> = [SECONDARY, VM_FUNCTION_CONTROLS];
const HLATP: StaticArray<u32> = [HLAT_POINTER, TERTIARY];
const HLATP_WIDTH: StaticArray<u32> = [HLAT_POINTER, TERTIARY, CAP_CPUID_80000008_EAX, CAP_BASIC];

// The controls that need EPT: one row is one place in each of these.
const SECONDARY_CONTROLS: StaticArray<u32> = [
  SECONDARY_ENABLE_PML,
  SECONDARY_UNRESTRICTED_GUEST,
  SECONDARY_MODE_BASED_EXECUTE_CONTROL_FOR_EPT,
  SECONDARY_SUB_PAGE_WRITE_PERMISSIONS_FOR_EPT,
  SECONDARY_INTEL_PT_USES_GUEST_PHYSICAL_ADDRESSES,
];
const SECONDARY_SLUGS: StaticArray<string> = [
  "pml",
  "unrestricted-guest",
  "mode-based-execute-control",
  "sub-page-write-permissions",
  "intel-pt-guest-physical-addresses",
];
const SECONDARY_NAMES: StaticArray<string> = [
  "enable PML",
  "unrestricted guest",
  "mode-based execute control for EPT",
  "sub-page write permissions for EPT",
  "Intel PT uses guest physical addresses",
];
const TERTIARY_CONTROLS: StaticArray<u64> = [
  TERTIARY_ENABLE_HLAT,
  TERTIARY_EPT_PAGING_WRITE_CONTROL,
  TERTIARY_GUEST_PAGING_VERIFICATION,
];
const TERTIARY_SLUGS: StaticArray<string> = ["hlat", "ept-paging-write", "guest-paging-verification"];
const TERTIARY_NAMES: StaticArray<string> = ["enable HLAT", "EPT paging-write control", "guest-paging verification"];

const EPTP_SWITCHING: u64 = 1 << 0;
/** Bits 3 and 4 are PWT and PCD. */
const HLATP_RESERVED: u64 = 0xfe7;

const HINT_EPT: string = 'Set "enable EPT" and the EPTP with it, or clear the control.';

/** Adds the rows. */
export function addNeedsEptRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.1");
  for (let i = 0; i < SECONDARY_CONTROLS.length; i++) {
    rules.add(
      "control." + SECONDARY_SLUGS[i] + ".needs-ept",
      SECONDARY_WORDS,
      (s: Subject): Tri =>
        implies(s.secondary(SECONDARY_CONTROLS[s.row]), s.mustBeOne(SECONDARY, SECONDARY_ENABLE_EPT)),
      '"Enable EPT" must be 1 where "' + SECONDARY_NAMES[i] + '" is 1.',
      HINT_EPT,
      i,
    );
  }
  for (let i = 0; i < TERTIARY_CONTROLS.length; i++) {
    rules.add(
      "control." + TERTIARY_SLUGS[i] + ".needs-ept",
      TERTIARY_WORDS,
      (s: Subject): Tri => implies(s.tertiary(TERTIARY_CONTROLS[s.row]), s.mustHaveSecondary(SECONDARY_ENABLE_EPT)),
      '"Enable EPT" must be 1 where "' + TERTIARY_NAMES[i] + '" is 1.',
      HINT_EPT,
      i,
    );
  }
  addVmFunctionRules(rules);
  addHlatRules(rules);
  rules.at(STAGE_CONTROLS, "29.2.1.1 of 326019-092US");
  rules.add(
    "control.pebs-guest-physical-addresses.needs-ept",
    TERTIARY_WORDS,
    (s: Subject): Tri =>
      implies(s.tertiary(TERTIARY_PEBS_USES_GUEST_PHYSICAL_ADDRESSES), s.mustHaveSecondary(SECONDARY_ENABLE_EPT)),
    '"Enable EPT" must be 1 where "PEBS uses guest physical addresses" is 1.',
    HINT_EPT,
  );
}

function addVmFunctionRules(rules: Rules): void {
  rules.add(
    "control.vm-functions.reserved",
    FUNCTIONS,
    (s: Subject): Tri =>
      implies(s.secondary(SECONDARY_ENABLE_VM_FUNCTIONS), allowedOnes64(s, VM_FUNCTION_CONTROLS, CAP_VMFUNC)),
    'With "enable VM functions", each bit of the VM-function controls must be 0 that IA32_VMX_VMFUNC has as 0.',
    "Bit 0, EPTP switching, is the only VM function that there is so far.",
  );
  rules.add(
    "control.eptp-switching.needs-ept",
    SWITCHING,
    (s: Subject): Tri =>
      implies(
        both(s.secondary(SECONDARY_ENABLE_VM_FUNCTIONS), s.isSet(VM_FUNCTION_CONTROLS, EPTP_SWITCHING)),
        s.mustBeOne(SECONDARY, SECONDARY_ENABLE_EPT),
      ),
    '"Enable EPT" must be 1 where the VM function "EPTP switching" is 1.',
    HINT_EPT,
  );
}

function addHlatRules(rules: Rules): void {
  rules.add(
    "control.hlat-pointer.reserved",
    HLATP,
    (s: Subject): Tri => implies(s.tertiary(TERTIARY_ENABLE_HLAT), s.mustBeZero(HLAT_POINTER, HLATP_RESERVED)),
    'With "enable HLAT", bits 2:0 and 11:5 of the HLAT pointer must be 0.',
    "The HLAT pointer has PWT and PCD as CR3 has them, but no PCID.",
  );
  rules.add(
    "control.hlat-pointer.maxphyaddr",
    HLATP_WIDTH,
    (s: Subject): Tri => implies(s.tertiary(TERTIARY_ENABLE_HLAT), s.mustBePhysicalAddress(HLAT_POINTER)),
    'With "enable HLAT", bits 63:N of the HLAT pointer must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]), or 32 where IA32_VMX_BASIC[48] = 1.',
    "The pointer is a guest-physical address, as guest CR3 is.",
  );
}
