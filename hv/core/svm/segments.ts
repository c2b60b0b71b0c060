// A segment's attributes as the VMCB has them (APM 2 15.5.1): the descriptor's bits 55:52 and 47:40 in twelve bits.

import { ACCESS_RIGHTS_PRESENT, ACCESS_RIGHTS_UNUSABLE } from "../../x86/segments";

const LOW: u32 = 0xff;
/** AVL, L, D/B and G, from bits 15:12 to 11:8. */
const HIGH: u32 = 0xf000;
const HIGH_SHIFT: u32 = 4;

/** From the form of hv/x86/segments.ts. There is no bit for an unusable segment: one that is not present is. */
export function attributesOf(rights: u32): u32 {
  const attributes = (rights & LOW) | ((rights & HIGH) >> HIGH_SHIFT);
  return rights & ACCESS_RIGHTS_UNUSABLE ? attributes & ~ACCESS_RIGHTS_PRESENT : attributes;
}

/** The opposite. */
export function accessRightsOf(attributes: u32): u32 {
  const rights = (attributes & LOW) | ((attributes << HIGH_SHIFT) & HIGH);
  return rights & ACCESS_RIGHTS_PRESENT ? rights : rights | ACCESS_RIGHTS_UNUSABLE;
}
