// Advice on the VM-entry MSR-load area.

import { IA32_SPEC_CTRL } from "../../x86/msr";
import {
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VM_ENTRY_MSR_LOAD_ADDRESS,
  VM_ENTRY_MSR_LOAD_COUNT,
} from "../../x86/vmcs-fields";
import { TERTIARY_VIRTUALIZE_IA32_SPEC_CTRL } from "../../x86/vmx-controls";
import { STATE_ENTRY_MSR_INDEX } from "../inputs";
import { entryIndex, everyEntry } from "../msr-entries";
import { Rules, STAGE_ADVICE } from "../rule";
import { Subject } from "../subject";
import { implies, Tri } from "../tri";

const AREA: StaticArray<u32> = [
  STATE_ENTRY_MSR_INDEX,
  VM_ENTRY_MSR_LOAD_COUNT,
  VM_ENTRY_MSR_LOAD_ADDRESS,
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];

/** Adds the row. */
export function addMsrLoadingAdvice(rules: Rules): void {
  rules.at(STAGE_ADVICE, "29.4 of 326019-092US");
  rules.add(
    "advice.msr.spec-ctrl-virtualized",
    AREA,
    (s: Subject): Tri => implies(s.tertiary(TERTIARY_VIRTUALIZE_IA32_SPEC_CTRL), everyEntry(s, isNotSpecCtrl)),
    'With "virtualize IA32_SPEC_CTRL", no entry of the VM-entry MSR-load area should name IA32_SPEC_CTRL: the value loaded is undefined.',
    'Load it with the VM-entry control "load IA32_SPEC_CTRL" and the guest IA32_SPEC_CTRL field.',
  );
}

function isNotSpecCtrl(s: Subject): Tri {
  return s.must(STATE_ENTRY_MSR_INDEX, entryIndex(s) != IA32_SPEC_CTRL);
}
