// The fields of the guest's segment registers by the register's number: ES 0, CS 1, SS 2, DS 3, FS 4, GS 5, LDTR 6, TR 7.

import { ACCESS_RIGHTS_UNUSABLE } from "../x86/segments";
import {
  FIELD_INDEX_SHIFT,
  GUEST_ES_ACCESS_RIGHTS,
  GUEST_ES_BASE,
  GUEST_ES_LIMIT,
  GUEST_ES_SELECTOR,
} from "../x86/vmcs-fields";
import { Subject } from "./subject";
import { Tri } from "./tri";

export const ES: u32 = 0;
export const CS: u32 = 1;
export const SS: u32 = 2;
export const DS: u32 = 3;
export const FS: u32 = 4;
export const GS: u32 = 5;
export const LDTR: u32 = 6;
export const TR: u32 = 7;

/** The registers' names for sentences, and for slugs. */
export const SEGMENT_NAMES: StaticArray<string> = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"];
export const SEGMENT_WORDS: StaticArray<string> = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"];

export function selectorOf(register: u32): u32 {
  return GUEST_ES_SELECTOR + (register << FIELD_INDEX_SHIFT);
}
export function baseOf(register: u32): u32 {
  return GUEST_ES_BASE + (register << FIELD_INDEX_SHIFT);
}
export function limitOf(register: u32): u32 {
  return GUEST_ES_LIMIT + (register << FIELD_INDEX_SHIFT);
}
export function accessRightsOf(register: u32): u32 {
  return GUEST_ES_ACCESS_RIGHTS + (register << FIELD_INDEX_SHIFT);
}

/** Bit 16 of the access rights is 0. */
export function isUsable(s: Subject, register: u32): Tri {
  return s.isClear(accessRightsOf(register), ACCESS_RIGHTS_UNUSABLE);
}
