// Rules of VM entry on the error code of the event that it injects (SDM 3C 27.2.1.3).

import { CR0_PE } from "../../x86/control-registers";
import {
  GUEST_CR0,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VM_ENTRY_EXCEPTION_ERROR_CODE,
  VM_ENTRY_INTERRUPTION_INFORMATION,
} from "../../x86/vmcs-fields";
import { VMX_BASIC_ANY_EXCEPTION_ERROR_CODE } from "../../x86/vmx-capabilities";
import { SECONDARY_UNRESTRICTED_GUEST } from "../../x86/vmx-controls";
import { CAP_BASIC } from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { Subject } from "../subject";
import { NO, Tri, UNKNOWN, both, implies, not, tri } from "../tri";
import { injectedVector, injects, injectsAnEvent, TYPE_HARDWARE_EXCEPTION } from "./injected-event";

const EVENT: StaticArray<u32> = [VM_ENTRY_INTERRUPTION_INFORMATION];
const REAL_MODE: StaticArray<u32> = [
  VM_ENTRY_INTERRUPTION_INFORMATION,
  GUEST_CR0,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];
const VECTORS: StaticArray<u32> = [
  VM_ENTRY_INTERRUPTION_INFORMATION,
  CAP_BASIC,
  GUEST_CR0,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];
const ERROR_CODE: StaticArray<u32> = [VM_ENTRY_EXCEPTION_ERROR_CODE, VM_ENTRY_INTERRUPTION_INFORMATION];

const DELIVER_ERROR_CODE: u64 = 1 << 11;
/** By vector: #DF, #TS, #NP, #SS, #GP, #PF, #AC. Not #CP (21): that needs IA32_VMX_BASIC[56]. */
const WITH_ERROR_CODE: u64 = (1 << 8) | (1 << 10) | (1 << 11) | (1 << 12) | (1 << 13) | (1 << 14) | (1 << 17);
const LAST_EXCEPTION: u64 = 31;
/** Bit 15 is that of an SGX page fault; editions before 2020 have it among the reserved ones. */
const ERROR_CODE_RESERVED: u64 = 0xffff0000;

/** Adds the rows. */
export function addInjectedErrorCodeRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.3");
  rules.add(
    "control.injection.error-code.type",
    EVENT,
    (s: Subject): Tri =>
      implies(
        both(injectsAnEvent(s), not(injects(s, TYPE_HARDWARE_EXCEPTION))),
        s.mustBeZero(VM_ENTRY_INTERRUPTION_INFORMATION, DELIVER_ERROR_CODE),
      ),
    "An error code (bit 11) must not be delivered with an event that is no hardware exception (type 3).",
  );
  rules.add(
    "control.injection.error-code.real-mode",
    REAL_MODE,
    (s: Subject): Tri =>
      implies(
        both(injects(s, TYPE_HARDWARE_EXCEPTION), isRealMode(s)),
        s.mustBeZero(VM_ENTRY_INTERRUPTION_INFORMATION, DELIVER_ERROR_CODE),
      ),
    "An error code must not be delivered to an unrestricted guest with CR0.PE = 0.",
    "Exceptions push no error code in real-address mode: clear bit 11.",
  );
  rules.add(
    "control.injection.error-code.required",
    VECTORS,
    (s: Subject): Tri =>
      implies(
        both(isCheckedException(s), deliversByNature(s)),
        s.blame(VM_ENTRY_INTERRUPTION_INFORMATION, DELIVER_ERROR_CODE, unlessAnyIsAllowed(s, delivers(s))),
      ),
    "An error code must be delivered with #DF, #TS, #NP, #SS, #GP, #PF and #AC on a processor with IA32_VMX_BASIC[56] = 0.",
    "Set bit 11 and write the VM-entry exception error code.",
  );
  rules.add(
    "control.injection.error-code.refused",
    VECTORS,
    (s: Subject): Tri =>
      implies(
        both(isCheckedException(s), not(deliversByNature(s))),
        s.blame(VM_ENTRY_INTERRUPTION_INFORMATION, DELIVER_ERROR_CODE, unlessAnyIsAllowed(s, not(delivers(s)))),
      ),
    "An error code must not be delivered with the exceptions 0 to 7, 9, 15, 16 and 18 to 31 on a processor with IA32_VMX_BASIC[56] = 0.",
    "#UD, #NM, #DB and #BP have none: clear bit 11.",
  );
  rules.add(
    "control.injection.error-code.reserved",
    ERROR_CODE,
    (s: Subject): Tri =>
      implies(both(injectsAnEvent(s), delivers(s)), s.mustBeZero(VM_ENTRY_EXCEPTION_ERROR_CODE, ERROR_CODE_RESERVED)),
    "Bits 31:16 of the VM-entry exception error code must be 0 where it is delivered.",
  );
}

function delivers(s: Subject): Tri {
  return s.isSet(VM_ENTRY_INTERRUPTION_INFORMATION, DELIVER_ERROR_CODE);
}

/** The guest will be in real-address mode: only an unrestricted guest can. */
function isRealMode(s: Subject): Tri {
  return both(s.isClear(GUEST_CR0, CR0_PE), s.secondary(SECONDARY_UNRESTRICTED_GUEST));
}

/** A hardware exception, of a vector that one can have, outside real-address mode. */
function isCheckedException(s: Subject): Tri {
  const isException = both(injects(s, TYPE_HARDWARE_EXCEPTION), tri(injectedVector(s) <= LAST_EXCEPTION));
  return isException == NO ? NO : both(isException, not(isRealMode(s)));
}

/** The vector is one with an error code. */
function deliversByNature(s: Subject): Tri {
  if (!s.needs(VM_ENTRY_INTERRUPTION_INFORMATION)) return UNKNOWN;
  return tri(((WITH_ERROR_CODE >> (injectedVector(s) & LAST_EXCEPTION)) & 1) != 0);
}

/** A processor that allows any exception with or without an error code does not ask for it. */
function unlessAnyIsAllowed(s: Subject, isRight: Tri): Tri {
  return isRight == NO ? s.supports(CAP_BASIC, VMX_BASIC_ANY_EXCEPTION_ERROR_CODE) : isRight;
}
