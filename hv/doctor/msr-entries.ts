// The entries of the VM-entry MSR-load area, one after the other, for rules (SDM 3C 27.4).

import { VM_ENTRY_MSR_LOAD_COUNT } from "../x86/vmcs-fields";
import { STATE_ENTRY_MSR_INDEX, STATE_ENTRY_MSR_VALUE } from "./inputs";
import { Subject } from "./subject";
import { both, Tri, UNKNOWN, YES } from "./tri";

const INDEX: u64 = 0xffffffff;

/**
 * What `judge` says of all entries: it finds each in STATE_ENTRY_MSR_INDEX and STATE_ENTRY_MSR_VALUE. The area's count is
 * the VMCS's; entries that it counts and that are not known leave what is not violated undecided.
 */
export function everyEntry(s: Subject, judge: (s: Subject) => Tri): Tri {
  if (!s.needs(VM_ENTRY_MSR_LOAD_COUNT)) return UNKNOWN;
  const count = s.get(VM_ENTRY_MSR_LOAD_COUNT);
  const known: u64 = s.msrEntries < 0 ? 0 : <u64>s.msrEntries;
  let outcome = YES;
  for (let i: u64 = 0; i < min(count, known); i++) {
    s.set(STATE_ENTRY_MSR_INDEX, s.msrIndices[<i32>i]);
    s.set(STATE_ENTRY_MSR_VALUE, s.msrValues[<i32>i]);
    s.msrEntry = <i32>i + 1;
    outcome = both(outcome, judge(s));
  }
  s.unset(STATE_ENTRY_MSR_INDEX);
  s.unset(STATE_ENTRY_MSR_VALUE);
  s.msrEntry = 0;
  if (count <= known) return outcome;
  s.needs(STATE_ENTRY_MSR_INDEX);
  return both(outcome, UNKNOWN);
}

/** The MSR that the entry names, bits 31:0; for use in `judge`. */
export function entryIndex(s: Subject): u32 {
  return <u32>(s.get(STATE_ENTRY_MSR_INDEX) & INDEX);
}
