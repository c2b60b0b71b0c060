// Checks of VM entry on the VMCS link pointer (SDM 3C 27.3.1.5): exit qualification 4.
import type { EntryState, Rule } from "./entry-state.ts";

const NONE = 0xffffffffffffffffn;
const PAGE = 4096n;
const SHADOW = 0x80000000;

function isLinkGood(s: EntryState): boolean {
  const pointer = s.get("VMCS_LINK_POINTER");
  if (pointer === NONE) return true;
  if (!s.isPhysical(pointer, PAGE) || pointer === s.vmcs.address) return false;
  const expected = s.secondary("VMCS_SHADOWING") ? (s.capabilities.revision | SHADOW) >>> 0 : s.capabilities.revision;
  return s.memory.read32(pointer) === expected;
}

export const LINK_POINTER_RULES: readonly Rule[] = [["27.3.1.5 VMCS link pointer", isLinkGood]];
