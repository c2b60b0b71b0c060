// Rules of VM entry on bits of the guest's MSRs that are reserved, always or without a capability (SDM 3C 27.3.1.1).

import { VM_ENTRY_CONTROLS } from "../../x86/vmcs-fields";
import {
  allowingBits,
  allowingCapability,
  guestMsrBits,
  isOfSpeculationControl,
  msrControl,
  msrControlName,
  msrField,
  msrName,
  reservedBits,
  reservedBitsName,
  reservedBitsSlug,
} from "../guest-msr-bits";
import { inputName } from "../inputs";
import { Rules, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { implies, Tri } from "../tri";

/** Adds the rows. */
export function addGuestMsrBitRules(rules: Rules): void {
  for (let row: u32 = 0; row < guestMsrBits(); row++) {
    rules.at(STAGE_GUEST, isOfSpeculationControl(row) ? "29.3.1.1 of 326019-092US" : "27.3.1.1");
    if (allowingCapability(row) == 0) addReserved(rules, row);
    else addReservedWithoutCapability(rules, row);
  }
}

function addReserved(rules: Rules, row: u32): void {
  rules.add(
    "guest." + reservedBitsSlug(row),
    [msrField(row), VM_ENTRY_CONTROLS],
    (s: Subject): Tri => implies(s.entry(msrControl(s.row)), s.mustBeZero(msrField(s.row), reservedBits(s.row))),
    bitsWithControl(row) + " must be 0.",
    "",
    row,
  );
}

function addReservedWithoutCapability(rules: Rules, row: u32): void {
  const capability = allowingCapability(row);
  const bit = inputName(capability) + "[" + ctz(allowingBits(row)).toString() + "]";
  rules.add(
    "guest." + reservedBitsSlug(row),
    [msrField(row), VM_ENTRY_CONTROLS, capability],
    (s: Subject): Tri => implies(s.entry(msrControl(s.row)), bitsAreSupported(s, s.row)),
    bitsWithControl(row) + " must be 0 on a processor where " + bit + " is 0.",
    "",
    row,
  );
}

function bitsAreSupported(s: Subject, row: u32): Tri {
  return s.mustBeSupported(msrField(row), reservedBits(row), allowingCapability(row), allowingBits(row));
}

function bitsWithControl(row: u32): string {
  return 'With "' + msrControlName(row) + '", ' + reservedBitsName(row) + " of " + msrName(row);
}
