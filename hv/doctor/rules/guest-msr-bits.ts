// Rules of VM entry on bits of the guest's MSRs that are reserved, always or without a capability (SDM 3C 27.3.1.1).

import { VM_ENTRY_CONTROLS } from "../../x86/vmcs-fields";
import {
  isOfSpeculationControl,
  msrControl,
  msrControlName,
  msrField,
  msrName,
  reservedBitsName,
  reservedBitsSlug,
} from "../guest-msr-bits";
import { inputName } from "../inputs";
import { allowingBits, allowingCapability, bitsAreAllowed, msrBits } from "../msr-bits";
import { Rules, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { implies, Tri } from "../tri";

/** Adds the rows. */
export function addGuestMsrBitRules(rules: Rules): void {
  for (let row: u32 = 0; row < msrBits(); row++) {
    rules.at(STAGE_GUEST, isOfSpeculationControl(row) ? "29.3.1.1 of 326019-092US" : "27.3.1.1");
    if (allowingCapability(row) == 0) addReserved(rules, row);
    else addReservedWithoutCapability(rules, row);
  }
}

function addReserved(rules: Rules, row: u32): void {
  rules.add(
    "guest." + reservedBitsSlug(row),
    [msrField(row), VM_ENTRY_CONTROLS],
    (s: Subject): Tri => implies(s.entry(msrControl(s.row)), bitsAreAllowed(s, msrField(s.row), s.row)),
    bitsWithControl(row) + " must be 0.",
    "",
    row,
  );
}

function addReservedWithoutCapability(rules: Rules, row: u32): void {
  const capability = allowingCapability(row);
  rules.add(
    "guest." + reservedBitsSlug(row),
    [msrField(row), VM_ENTRY_CONTROLS, capability],
    (s: Subject): Tri => implies(s.entry(msrControl(s.row)), bitsAreAllowed(s, msrField(s.row), s.row)),
    bitsWithControl(row) + " must be 0 on a processor where " + bitsAreClear(capability, allowingBits(row)) + ".",
    "",
    row,
  );
}

/** Writes "X[26] is 0", or "X[26] and X[27] are 0". */
function bitsAreClear(capability: u32, bits: u64): string {
  const first = inputName(capability) + "[" + ctz(bits).toString() + "]";
  const others = bits & (bits - 1);
  if (others == 0) return first + " is 0";
  return first + " and " + inputName(capability) + "[" + ctz(others).toString() + "] are 0";
}

function bitsWithControl(row: u32): string {
  return 'With "' + msrControlName(row) + '", ' + reservedBitsName(row) + " of " + msrName(row);
}
