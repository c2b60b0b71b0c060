// Advice on the guest-state area.

import { CR0_PE, CR4_VMXE, RFLAGS_VM } from "../../x86/control-registers";
import { ACCESS_RIGHTS_UNUSABLE, SEGMENT_TYPE_CONFORMING } from "../../x86/segments";
import {
  CR4_GUEST_HOST_MASK,
  CR4_READ_SHADOW,
  EXCEPTION_BITMAP,
  GUEST_CR0,
  GUEST_CR4,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_CS_SELECTOR,
  GUEST_DS_ACCESS_RIGHTS,
  GUEST_DS_SELECTOR,
  GUEST_ES_ACCESS_RIGHTS,
  GUEST_ES_SELECTOR,
  GUEST_FS_ACCESS_RIGHTS,
  GUEST_FS_SELECTOR,
  GUEST_GS_ACCESS_RIGHTS,
  GUEST_GS_SELECTOR,
  GUEST_IDTR_LIMIT,
  GUEST_LDTR_ACCESS_RIGHTS,
  GUEST_LDTR_SELECTOR,
  GUEST_RFLAGS,
  GUEST_RIP,
  GUEST_SS_ACCESS_RIGHTS,
  GUEST_SS_SELECTOR,
} from "../../x86/vmcs-fields";
import { STATE_EPT_MAPS_RIP } from "../inputs";
import { Rules, STAGE_ADVICE } from "../rule";
import { Subject } from "../subject";
import { both, either, implies, NO, Tri, UNKNOWN, YES } from "../tri";

// Registers that may be usable or not, in the same order.
const SELECTORS: StaticArray<u32> = [
  GUEST_ES_SELECTOR,
  GUEST_CS_SELECTOR,
  GUEST_SS_SELECTOR,
  GUEST_DS_SELECTOR,
  GUEST_FS_SELECTOR,
  GUEST_GS_SELECTOR,
  GUEST_LDTR_SELECTOR,
];
const ACCESS_RIGHTS: StaticArray<u32> = [
  GUEST_ES_ACCESS_RIGHTS,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_SS_ACCESS_RIGHTS,
  GUEST_DS_ACCESS_RIGHTS,
  GUEST_FS_ACCESS_RIGHTS,
  GUEST_GS_ACCESS_RIGHTS,
  GUEST_LDTR_ACCESS_RIGHTS,
];
const CS: StaticArray<u32> = [GUEST_CS_SELECTOR, GUEST_CS_ACCESS_RIGHTS];
const RIP: StaticArray<u32> = [GUEST_RIP, STATE_EPT_MAPS_RIP];
const IDTR: StaticArray<u32> = [GUEST_IDTR_LIMIT, EXCEPTION_BITMAP];
const SHOWN_CR4: StaticArray<u32> = [CR4_READ_SHADOW, CR4_GUEST_HOST_MASK, GUEST_CR4];

const RPL: u64 = 3;
const DPL_SHIFT: u64 = 5;

/** Adds the rows. */
export function addGuestAdvice(rules: Rules): void {
  rules.at(STAGE_ADVICE, "");
  rules.add(
    "advice.guest.null-selectors",
    SELECTORS,
    (s: Subject): Tri => implies(isProtected(s), usableHaveSelectors(s)),
    "In protected mode, a usable segment register should have the selector of its descriptor; these have a null selector.",
    "The segment works until the guest loads the register again: an IRET to a null CS faults.",
  );
  rules.add(
    "advice.guest.unusable-selectors",
    SELECTORS,
    unusableHaveNone,
    "A segment register that is marked unusable should have a null selector; these have another.",
    "Clear bit 16 of the access rights if the segment is to be used.",
  );
  rules.add(
    "advice.guest.cs-rpl",
    CS,
    (s: Subject): Tri => implies(isProtected(s), rplIsDpl(s)),
    "In protected mode, the RPL of CS (bits 1:0 of the selector) should be the DPL of its non-conforming segment, the CPL.",
    "An interrupt pushes the selector as it is, and the IRET returns to the privilege level in it.",
  );
  rules.add(
    "advice.guest.rip-unmapped",
    RIP,
    (s: Subject): Tri => implies(s.is(STATE_EPT_MAPS_RIP, 0), s.must(GUEST_RIP, s.get(STATE_EPT_MAPS_RIP) != 0)),
    "The EPT should map the guest-physical address of guest RIP: the first fetch exits with an EPT violation.",
  );
  rules.add(
    "advice.guest.idtr-limit-zero",
    IDTR,
    (s: Subject): Tri => either(not0(s, EXCEPTION_BITMAP), s.must(GUEST_IDTR_LIMIT, s.get(GUEST_IDTR_LIMIT) != 0)),
    "With a guest IDTR limit of 0 and an exception bitmap of 0, the guest's first exception is a triple fault.",
    "Intercept exceptions until the guest has an IDT, so that an exit tells which one it was.",
  );
  rules.add(
    "advice.guest.vmxe-shown",
    SHOWN_CR4,
    vmxeIsHidden,
    "The guest reads CR4.VMXE = 1, and may not clear it: set bit 13 of the CR4 guest/host mask, and clear it in the read shadow.",
  );
}

/** Protected mode, not virtual-8086 mode. */
function isProtected(s: Subject): Tri {
  return both(s.isSet(GUEST_CR0, CR0_PE), s.isClear(GUEST_RFLAGS, RFLAGS_VM));
}

function isUsable(s: Subject, register: i32): bool {
  return (s.get(ACCESS_RIGHTS[register]) & ACCESS_RIGHTS_UNUSABLE) == 0;
}

function isKnown(s: Subject, register: i32): bool {
  return s.has(ACCESS_RIGHTS[register]) && s.has(SELECTORS[register]);
}

/** NO names each register; one that is not known counts as right. */
function usableHaveSelectors(s: Subject): Tri {
  let outcome = YES;
  for (let i = 0; i < SELECTORS.length; i++) {
    const isNull = (s.get(SELECTORS[i]) & ~RPL) == 0;
    if (isKnown(s, i) && isUsable(s, i)) outcome = both(outcome, s.must(SELECTORS[i], !isNull));
  }
  return outcome;
}

function unusableHaveNone(s: Subject): Tri {
  let outcome = YES;
  for (let i = 0; i < SELECTORS.length; i++) {
    const isNull = (s.get(SELECTORS[i]) & ~RPL) == 0;
    if (isKnown(s, i) && !isUsable(s, i)) outcome = both(outcome, s.must(SELECTORS[i], isNull));
  }
  return outcome;
}

function rplIsDpl(s: Subject): Tri {
  if (!s.needs(GUEST_CS_SELECTOR) || !s.needs(GUEST_CS_ACCESS_RIGHTS)) return UNKNOWN;
  const rights = s.get(GUEST_CS_ACCESS_RIGHTS);
  if ((rights & SEGMENT_TYPE_CONFORMING) != 0) return YES;
  const isSame = (s.get(GUEST_CS_SELECTOR) & RPL) == ((rights >> DPL_SHIFT) & RPL);
  return both(s.must(GUEST_CS_SELECTOR, isSame), s.must(GUEST_CS_ACCESS_RIGHTS, isSame));
}

function not0(s: Subject, input: u32): Tri {
  if (!s.needs(input)) return UNKNOWN;
  return s.get(input) != 0 ? YES : NO;
}

/** A bit of the mask has the guest read the shadow's bit; else it reads the register's. */
function vmxeIsHidden(s: Subject): Tri {
  if (!s.needs(CR4_GUEST_HOST_MASK)) return UNKNOWN;
  if ((s.get(CR4_GUEST_HOST_MASK) & CR4_VMXE) == 0) return s.must(GUEST_CR4, (s.get(GUEST_CR4) & CR4_VMXE) == 0);
  return s.must(CR4_READ_SHADOW, (s.get(CR4_READ_SHADOW) & CR4_VMXE) == 0);
}
