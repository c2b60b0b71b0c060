// Checks of VM entry on the PDPTEs of a guest with PAE paging (SDM 3C 27.3.1.6): exit qualification 2.
import { has } from "./bits.ts";
import type { EntryState, Rule } from "./entry-state.ts";

const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;
const PRESENT = 1n;
/** Bits 2:1 and 8:5 (SDM 3A 4.4.1). */
const RESERVED = 0x1e6n;
const CR3_ADDRESS = 0xffffffe0n;

/** The PDPTEs that the entry loads, of the VMCS with EPT and of memory without. */
function pdptes(s: EntryState): bigint[] {
  const numbers = [0, 1, 2, 3];
  if (s.secondary("ENABLE_EPT")) return numbers.map((n) => s.get(`GUEST_PDPTE${n}`));
  const table = s.get("GUEST_CR3") & CR3_ADDRESS;
  return numbers.map((n) => s.memory.read64(table + BigInt(8 * n)));
}

function usesPae(s: EntryState): boolean {
  return !s.entry("IA32E_MODE_GUEST") && has(s.get("GUEST_CR0"), CR0_PG) && has(s.get("GUEST_CR4"), CR4_PAE);
}

export const PDPTE_RULES: readonly Rule[] = [
  [
    "27.3.1.6 PDPTEs",
    (s) =>
      !usesPae(s) ||
      pdptes(s).every(
        (entry) => !has(entry, PRESENT) || (!has(entry, RESERVED) && entry >> BigInt(s.addressBits) === 0n),
      ),
  ],
];
