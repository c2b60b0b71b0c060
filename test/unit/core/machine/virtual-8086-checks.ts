// Checks of VM entry on the segment registers of a guest in virtual-8086 mode (SDM 3C 27.3.1.2).
import { has } from "./bits.ts";
import type { EntryState, Rule } from "./entry-state.ts";

const RFLAGS_VM = 1n << 17n;
const LIMIT = 0xffffn;
const ACCESS_RIGHTS = 0xf3n;

export const isVirtual8086 = (s: EntryState): boolean => has(s.get("GUEST_RFLAGS"), RFLAGS_VM);

function isSegmentGood(s: EntryState, name: string): boolean {
  return (
    s.get(`GUEST_${name}_BASE`) === s.get(`GUEST_${name}_SELECTOR`) << 4n &&
    s.get(`GUEST_${name}_LIMIT`) === LIMIT &&
    s.get(`GUEST_${name}_ACCESS_RIGHTS`) === ACCESS_RIGHTS
  );
}

export const VIRTUAL_8086_RULES: readonly Rule[] = ["CS", "SS", "DS", "ES", "FS", "GS"].map((name) => [
  `27.3.1.2 ${name} in virtual-8086 mode`,
  (s) => !isVirtual8086(s) || isSegmentGood(s, name),
]);
