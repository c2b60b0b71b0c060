// Advice on fields that a VM entry or exit loads or uses and that nothing has ever written.

import {
  EPT_POINTER,
  EXCEPTION_BITMAP,
  GUEST_ACTIVITY_STATE,
  GUEST_CR0,
  GUEST_CR3,
  GUEST_CR4,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_CS_BASE,
  GUEST_CS_LIMIT,
  GUEST_CS_SELECTOR,
  GUEST_DR7,
  GUEST_DS_ACCESS_RIGHTS,
  GUEST_ES_ACCESS_RIGHTS,
  GUEST_FS_ACCESS_RIGHTS,
  GUEST_GDTR_BASE,
  GUEST_GDTR_LIMIT,
  GUEST_GS_ACCESS_RIGHTS,
  GUEST_IA32_DEBUGCTL,
  GUEST_IA32_EFER,
  GUEST_IA32_PAT,
  GUEST_IDTR_BASE,
  GUEST_IDTR_LIMIT,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_LDTR_ACCESS_RIGHTS,
  GUEST_RFLAGS,
  GUEST_RIP,
  GUEST_RSP,
  GUEST_SS_ACCESS_RIGHTS,
  GUEST_TR_ACCESS_RIGHTS,
  GUEST_TR_BASE,
  GUEST_TR_LIMIT,
  HOST_CR0,
  HOST_CR3,
  HOST_CR4,
  HOST_CS_SELECTOR,
  HOST_GDTR_BASE,
  HOST_GS_BASE,
  HOST_FS_BASE,
  HOST_IA32_EFER,
  HOST_IA32_PAT,
  HOST_IDTR_BASE,
  HOST_RIP,
  HOST_RSP,
  HOST_SS_SELECTOR,
  HOST_TR_BASE,
  HOST_TR_SELECTOR,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VIRTUAL_PROCESSOR_IDENTIFIER,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_INTERRUPTION_INFORMATION,
  VM_ENTRY_MSR_LOAD_COUNT,
  VM_EXIT_MSR_LOAD_COUNT,
  VM_EXIT_MSR_STORE_COUNT,
  VMCS_LINK_POINTER,
  VMX_PREEMPTION_TIMER_VALUE,
} from "../../x86/vmcs-fields";
import {
  ENTRY_LOAD_IA32_EFER,
  ENTRY_LOAD_IA32_PAT,
  EXIT_LOAD_IA32_EFER,
  EXIT_LOAD_IA32_PAT,
  PIN_ACTIVATE_VMX_PREEMPTION_TIMER,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
  SECONDARY_ENABLE_EPT,
  SECONDARY_ENABLE_VPID,
} from "../../x86/vmx-controls";
import { Rules, STAGE_ADVICE } from "../rule";
import { REQUIRED_WRITTEN } from "../evidence";
import { Subject } from "../subject";
import { both, Tri, YES } from "../tri";

/** Every entry, or the exit after it, reads these. */
const ALWAYS: StaticArray<u32> = [
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  EXCEPTION_BITMAP,
  PRIMARY_VM_EXIT_CONTROLS,
  VM_EXIT_MSR_STORE_COUNT,
  VM_EXIT_MSR_LOAD_COUNT,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_MSR_LOAD_COUNT,
  VM_ENTRY_INTERRUPTION_INFORMATION,
  HOST_CR0,
  HOST_CR3,
  HOST_CR4,
  HOST_RIP,
  HOST_RSP,
  HOST_CS_SELECTOR,
  HOST_SS_SELECTOR,
  HOST_TR_SELECTOR,
  HOST_TR_BASE,
  HOST_FS_BASE,
  HOST_GS_BASE,
  HOST_GDTR_BASE,
  HOST_IDTR_BASE,
  GUEST_CR0,
  GUEST_CR3,
  GUEST_CR4,
  GUEST_DR7,
  GUEST_RIP,
  GUEST_RSP,
  GUEST_RFLAGS,
  GUEST_CS_SELECTOR,
  GUEST_CS_BASE,
  GUEST_CS_LIMIT,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_SS_ACCESS_RIGHTS,
  GUEST_DS_ACCESS_RIGHTS,
  GUEST_ES_ACCESS_RIGHTS,
  GUEST_FS_ACCESS_RIGHTS,
  GUEST_GS_ACCESS_RIGHTS,
  GUEST_LDTR_ACCESS_RIGHTS,
  GUEST_TR_ACCESS_RIGHTS,
  GUEST_TR_BASE,
  GUEST_TR_LIMIT,
  GUEST_GDTR_BASE,
  GUEST_GDTR_LIMIT,
  GUEST_IDTR_BASE,
  GUEST_IDTR_LIMIT,
  GUEST_IA32_DEBUGCTL,
  GUEST_ACTIVITY_STATE,
  GUEST_INTERRUPTIBILITY_STATE,
  VMCS_LINK_POINTER,
];

/** Adds the row. */
export function addNeverWrittenAdvice(rules: Rules): void {
  rules.at(STAGE_ADVICE, "");
  rules.add(
    "advice.never-written",
    ALWAYS,
    everythingIsWritten,
    "Fields that this VM entry or the exit after it reads should be written, if only with 0; nothing has ever written these.",
    "VMCLEAR promises no values: a field that reads 0 on one processor may hold anything on another.",
  );
}

/** NO names each field. */
function everythingIsWritten(s: Subject): Tri {
  let outcome = YES;
  for (let i = 0; i < ALWAYS.length; i++) outcome = both(outcome, isWritten(s, ALWAYS[i]));
  outcome = both(
    outcome,
    isWrittenWhere(s, s.primary(PRIMARY_ACTIVATE_SECONDARY_CONTROLS), SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS),
  );
  outcome = both(outcome, isWrittenWhere(s, s.secondary(SECONDARY_ENABLE_EPT), EPT_POINTER));
  outcome = both(outcome, isWrittenWhere(s, s.secondary(SECONDARY_ENABLE_VPID), VIRTUAL_PROCESSOR_IDENTIFIER));
  outcome = both(outcome, isWrittenWhere(s, s.pin(PIN_ACTIVATE_VMX_PREEMPTION_TIMER), VMX_PREEMPTION_TIMER_VALUE));
  outcome = both(outcome, isWrittenWhere(s, s.entry(ENTRY_LOAD_IA32_PAT), GUEST_IA32_PAT));
  outcome = both(outcome, isWrittenWhere(s, s.entry(ENTRY_LOAD_IA32_EFER), GUEST_IA32_EFER));
  outcome = both(outcome, isWrittenWhere(s, s.exit(EXIT_LOAD_IA32_PAT), HOST_IA32_PAT));
  return both(outcome, isWrittenWhere(s, s.exit(EXIT_LOAD_IA32_EFER), HOST_IA32_EFER));
}

function isWritten(s: Subject, field: u32): Tri {
  return s.wasNeverWritten(field) ? s.fails(field, REQUIRED_WRITTEN, 0, 0) : YES;
}

function isWrittenWhere(s: Subject, isUsed: Tri, field: u32): Tri {
  return isUsed == YES ? isWritten(s, field) : YES;
}
