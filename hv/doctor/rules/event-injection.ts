// Rules of VM entry on the event that it injects: type, vector, instruction length (SDM 3C 27.2.1.3).

import { CR4_FRED } from "../../x86/control-registers";
import { GUEST_CR4, VM_ENTRY_INSTRUCTION_LENGTH, VM_ENTRY_INTERRUPTION_INFORMATION } from "../../x86/vmcs-fields";
import {
  VMX_BASIC_NESTED_EXCEPTION,
  VMX_BASIC_TRUE_CONTROLS,
  VMX_MISC_ZERO_LENGTH_INJECTION,
} from "../../x86/vmx-capabilities";
import { PRIMARY_MONITOR_TRAP_FLAG } from "../../x86/vmx-controls";
import { CAP_BASIC, CAP_MISC, CAP_PROCBASED_CTLS, CAP_TRUE_PROCBASED_CTLS } from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { REQUIRED_OTHERWISE } from "../evidence";
import { Subject } from "../subject";
import { both, either, implies, NO, not, Tri, tri, UNKNOWN, YES } from "../tri";
import {
  injectedType,
  injectedVector,
  injects,
  injectsAnEvent,
  TYPE_HARDWARE_EXCEPTION,
  TYPE_NMI,
  TYPE_OTHER_EVENT,
} from "./injected-event";

const EVENT: StaticArray<u32> = [VM_ENTRY_INTERRUPTION_INFORMATION];
const EVENT_BASIC: StaticArray<u32> = [VM_ENTRY_INTERRUPTION_INFORMATION, CAP_BASIC];
const OTHER_EVENT: StaticArray<u32> = [
  VM_ENTRY_INTERRUPTION_INFORMATION,
  CAP_PROCBASED_CTLS,
  CAP_TRUE_PROCBASED_CTLS,
  CAP_BASIC,
];
const FRED_EVENT: StaticArray<u32> = [VM_ENTRY_INTERRUPTION_INFORMATION, GUEST_CR4];
const LENGTH: StaticArray<u32> = [VM_ENTRY_INSTRUCTION_LENGTH, VM_ENTRY_INTERRUPTION_INFORMATION];
const ZERO_LENGTH: StaticArray<u32> = [VM_ENTRY_INSTRUCTION_LENGTH, VM_ENTRY_INTERRUPTION_INFORMATION, CAP_MISC];

const TYPE_RESERVED: u64 = 1;
const TYPE_SOFTWARE_INTERRUPT: u64 = 4;
const TYPE_SOFTWARE_EXCEPTION: u64 = 6;
const VECTOR: u64 = 0xff;
const NMI_VECTOR: u64 = 2;
const LAST_EXCEPTION: u64 = 31;
const LAST_FRED_EVENT: u64 = 2;
/** With FRED this bit says that the exception is nested (FRED 346446); without, it is reserved like its neighbours. */
const NESTED: u64 = 1 << 13;
const RESERVED: u64 = 0x7ffff000 & ~NESTED;
const LONGEST_INSTRUCTION: u64 = 15;
const MONITOR_TRAP_FLAG_ALLOWED: u64 = (<u64>PRIMARY_MONITOR_TRAP_FLAG) << 32;

/** Adds the rows. */
export function addEventInjectionRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.3");
  rules.add(
    "control.injection.type.reserved",
    EVENT,
    (s: Subject): Tri => s.blame(VM_ENTRY_INTERRUPTION_INFORMATION, 0, not(injects(s, TYPE_RESERVED))),
    "The type of an injected event (bits 10:8) must not be 1, which is reserved.",
    "0 is an external interrupt, 2 NMI, 3 a hardware exception, 4 a software interrupt, 6 a software exception.",
  );
  rules.add(
    "control.injection.type.other-event",
    OTHER_EVENT,
    (s: Subject): Tri =>
      implies(
        both(injects(s, TYPE_OTHER_EVENT), not(isFredEvent(s))),
        s.blame(VM_ENTRY_INTERRUPTION_INFORMATION, 0, hasMonitorTrapFlag(s)),
      ),
    'The type of an injected event must not be 7 (other event) on a processor without "monitor trap flag", but for SYSCALL and SYSENTER of FRED.',
  );
  rules.add(
    "control.injection.nmi.vector",
    EVENT,
    (s: Subject): Tri =>
      implies(injects(s, TYPE_NMI), s.mustMatch(VM_ENTRY_INTERRUPTION_INFORMATION, VECTOR, NMI_VECTOR)),
    "The vector of an injected NMI (type 2) must be 2.",
  );
  rules.add(
    "control.injection.hardware-exception.vector",
    EVENT,
    (s: Subject): Tri =>
      implies(injects(s, TYPE_HARDWARE_EXCEPTION), vectorMustBe(s, injectedVector(s) <= LAST_EXCEPTION)),
    "The vector of an injected hardware exception (type 3) must be at most 31.",
    "Interrupts of devices have type 0, INT n has type 4.",
  );
  rules.add(
    "control.injection.other-event.vector",
    FRED_EVENT,
    (s: Subject): Tri =>
      implies(both(injects(s, TYPE_OTHER_EVENT), not(isFredEvent(s))), vectorMustBe(s, injectedVector(s) == 0)),
    "The vector of an injected other event (type 7) must be 0 (pending MTF VM exit), or with CR4.FRED = 1 for the guest 1 or 2.",
  );
  rules.add(
    "control.injection.reserved",
    EVENT,
    (s: Subject): Tri => implies(injectsAnEvent(s), s.mustBeZero(VM_ENTRY_INTERRUPTION_INFORMATION, RESERVED)),
    "Bits 30:14 and 12 of the VM-entry interruption-information field must be 0 where an event is injected.",
    "A copy of the VM-exit interruption information or of the IDT-vectoring information has bit 12 undefined: clear it.",
  );
  rules.at(STAGE_CONTROLS, "27.2.1.3 and FRED 346446");
  rules.add(
    "control.injection.nested",
    EVENT_BASIC,
    (s: Subject): Tri =>
      implies(
        both(injectsAnEvent(s), s.isSet(VM_ENTRY_INTERRUPTION_INFORMATION, NESTED)),
        s.blame(VM_ENTRY_INTERRUPTION_INFORMATION, NESTED, s.supports(CAP_BASIC, VMX_BASIC_NESTED_EXCEPTION)),
      ),
    "Bit 13 of the VM-entry interruption-information field must be 0 on a processor with IA32_VMX_BASIC[58] = 0.",
  );
  rules.at(STAGE_CONTROLS, "FRED 346446");
  rules.add(
    "control.injection.nested.type",
    EVENT,
    (s: Subject): Tri =>
      implies(
        both(injectsAnEvent(s), s.isSet(VM_ENTRY_INTERRUPTION_INFORMATION, NESTED)),
        s.blame(VM_ENTRY_INTERRUPTION_INFORMATION, NESTED, injects(s, TYPE_HARDWARE_EXCEPTION)),
      ),
    "Only a hardware exception (type 3) may be injected as nested (bit 13).",
  );
  rules.at(STAGE_CONTROLS, "27.2.1.3");
  rules.add(
    "control.injection.instruction-length",
    LENGTH,
    (s: Subject): Tri =>
      implies(hasInstructionLength(s), s.mustBeAtMost(VM_ENTRY_INSTRUCTION_LENGTH, LONGEST_INSTRUCTION)),
    "The VM-entry instruction length must be at most 15 for a software interrupt, a software exception, a privileged one, or SYSCALL and SYSENTER of FRED.",
  );
  rules.add(
    "control.injection.zero-length",
    ZERO_LENGTH,
    (s: Subject): Tri =>
      implies(
        both(hasInstructionLength(s), s.is(VM_ENTRY_INSTRUCTION_LENGTH, 0)),
        s.blame(VM_ENTRY_INSTRUCTION_LENGTH, 0, s.supports(CAP_MISC, VMX_MISC_ZERO_LENGTH_INJECTION)),
      ),
    "The VM-entry instruction length must not be 0 for such an event on a processor with IA32_VMX_MISC[30] = 0.",
    "Copy the VM-exit instruction length; #BP and #OF of the guest's INT3 and INTO are software exceptions.",
  );
}

function vectorMustBe(s: Subject, isRight: bool): Tri {
  return s.needs(VM_ENTRY_INTERRUPTION_INFORMATION)
    ? isRight
      ? YES
      : s.fails(VM_ENTRY_INTERRUPTION_INFORMATION, REQUIRED_OTHERWISE, 0, 0)
    : UNKNOWN;
}

/** Type 7 with vector 1 (SYSCALL) or 2 (SYSENTER) for a guest with CR4.FRED = 1 (FRED 346446). */
function isFredEvent(s: Subject): Tri {
  const isOther = injects(s, TYPE_OTHER_EVENT);
  if (isOther != YES) return isOther;
  const vector = injectedVector(s);
  return vector == 0 || vector > LAST_FRED_EVENT ? NO : s.isSet(GUEST_CR4, CR4_FRED);
}

/** Of types 4 to 6, and FRED's events. */
function hasInstructionLength(s: Subject): Tri {
  const isInjected = injectsAnEvent(s);
  if (isInjected != YES) return isInjected;
  const type = injectedType(s);
  return either(tri(type >= TYPE_SOFTWARE_INTERRUPT && type <= TYPE_SOFTWARE_EXCEPTION), isFredEvent(s));
}

/** The 1-setting of "monitor trap flag" is supported. */
function hasMonitorTrapFlag(s: Subject): Tri {
  const isTrue = !s.has(CAP_BASIC) || (s.get(CAP_BASIC) & VMX_BASIC_TRUE_CONTROLS) != 0;
  return s.supports(isTrue ? CAP_TRUE_PROCBASED_CTLS : CAP_PROCBASED_CTLS, MONITOR_TRAP_FLAG_ALLOWED);
}
