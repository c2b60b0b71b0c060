// Cases of the rules on the page-directory-pointer-table entries.
import type { RuleCase, Values } from "../support.ts";
import { testRules } from "./rule-cases.ts";

/** The guest uses PAE paging: no "IA-32e mode guest". */
const PAE: Values = { VM_ENTRY_CONTROLS: 0xc004n, GUEST_IA32_EFER: 0n, GUEST_CS_ACCESS_RIGHTS: 0xc09bn };
const PAE_WITHOUT_EPT: Values = { ...PAE, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x20n };

const cases: RuleCase[] = [0, 1, 2, 3].flatMap((i) =>
  [
    { name: `GUEST_PDPTE${i}`, base: PAE },
    { name: `MEMORY_PDPTE${i}`, base: PAE_WITHOUT_EPT },
  ].flatMap(({ name, base }) => [
    ...[1n, 2n, 5n, 8n].map((bit) => ({
      slug: `guest.pdpte${i}.reserved`,
      violated: { ...base, [name]: 0x5001n | (1n << bit) },
      holds: { ...base, [name]: 0x5e19n },
    })),
    {
      slug: `guest.pdpte${i}.reserved`,
      violated: { ...base, [name]: 0x1e7n },
      holds: { ...base, [name]: 0x1e6n },
    },
    {
      slug: `guest.pdpte${i}.maxphyaddr`,
      violated: { ...base, [name]: (1n << 46n) | 1n },
      holds: { ...base, [name]: (1n << 45n) | 1n },
    },
    {
      slug: `guest.pdpte${i}.maxphyaddr`,
      violated: { ...base, [name]: (1n << 63n) | 1n },
      holds: { ...base, [name]: 1n << 63n },
    },
  ]),
);
await testRules(cases);
