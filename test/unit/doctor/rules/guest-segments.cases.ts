// The rules on selectors, bases and limits of the guest's segment registers.
import type { RuleCase, Values } from "../support.ts";
import { RESTRICTED, virtual8086 } from "./guests.ts";
import { testRules } from "./rule-cases.ts";

const NON_CANONICAL = 1n << 56n;
/** Canonical with 57 bits. */
const CANONICAL = NON_CANONICAL - 1n;
const ABOVE_4_GIB = 1n << 32n;

await testRules([
  {
    slug: "guest.tr.selector.ti",
    violated: { GUEST_TR_SELECTOR: 0x1cn },
    holds: { GUEST_TR_SELECTOR: 0x1bn },
  },
  {
    slug: "guest.ldtr.selector.ti",
    violated: { GUEST_LDTR_SELECTOR: 4n, GUEST_LDTR_ACCESS_RIGHTS: 0x82n },
    holds: { GUEST_LDTR_SELECTOR: 8n, GUEST_LDTR_ACCESS_RIGHTS: 0x82n },
  },
  {
    slug: "guest.ldtr.selector.ti",
    violated: { GUEST_LDTR_SELECTOR: 0xffffn, GUEST_LDTR_ACCESS_RIGHTS: 0x82n },
    holds: { GUEST_LDTR_SELECTOR: 0xffffn, GUEST_LDTR_ACCESS_RIGHTS: 0x1_0082n },
  },
  {
    slug: "guest.ss.selector.rpl",
    violated: { ...RESTRICTED, GUEST_SS_SELECTOR: 0x13n },
    holds: { ...RESTRICTED, GUEST_SS_SELECTOR: 0x13n, GUEST_CS_SELECTOR: 0xbn },
  },
  {
    slug: "guest.ss.selector.rpl",
    violated: { ...RESTRICTED, GUEST_CS_SELECTOR: 9n },
    holds: { GUEST_CS_SELECTOR: 9n },
  },
  {
    slug: "guest.ldtr.base.canonical",
    violated: { GUEST_LDTR_ACCESS_RIGHTS: 0x82n, GUEST_LDTR_BASE: NON_CANONICAL },
    holds: { GUEST_LDTR_ACCESS_RIGHTS: 0x82n, GUEST_LDTR_BASE: CANONICAL },
  },
  {
    slug: "guest.cs.base.upper",
    violated: { GUEST_CS_BASE: ABOVE_4_GIB },
    holds: { GUEST_CS_BASE: ABOVE_4_GIB - 1n },
  },
  {
    slug: "guest.cs.base.upper",
    violated: { GUEST_CS_BASE: ABOVE_4_GIB, GUEST_CS_ACCESS_RIGHTS: 0x1_0000n },
    holds: { GUEST_CS_BASE: 0n, GUEST_CS_ACCESS_RIGHTS: 0x1_0000n },
  },
  ...["TR", "FS", "GS"].map((name): RuleCase => ({
    slug: `guest.${name.toLowerCase()}.base.canonical`,
    violated: { [`GUEST_${name}_BASE`]: NON_CANONICAL, [`GUEST_${name}_ACCESS_RIGHTS`]: 0x1_0000n },
    holds: { [`GUEST_${name}_BASE`]: CANONICAL, [`GUEST_${name}_ACCESS_RIGHTS`]: 0x1_0000n },
  })),
  ...["SS", "DS", "ES"].map((name): RuleCase => ({
    slug: `guest.${name.toLowerCase()}.base.upper`,
    violated: { [`GUEST_${name}_BASE`]: ABOVE_4_GIB },
    holds: { [`GUEST_${name}_BASE`]: ABOVE_4_GIB - 1n },
  })),
  ...["ES", "CS", "SS", "DS", "FS", "GS"].flatMap((name): RuleCase[] => {
    const guest = (base: bigint, limit: bigint): Values => ({
      ...virtual8086(),
      [`GUEST_${name}_SELECTOR`]: 0xf000n,
      [`GUEST_${name}_BASE`]: base,
      [`GUEST_${name}_LIMIT`]: limit,
    });
    const slug = `guest.${name.toLowerCase()}`;
    return [
      { slug: `${slug}.base.virtual-8086`, violated: guest(0xf_0010n, 0xffffn), holds: guest(0xf_0000n, 0xffffn) },
      { slug: `${slug}.limit.virtual-8086`, violated: guest(0xf_0000n, 0xfffen), holds: guest(0xf_0000n, 0xffffn) },
    ];
  }),
]);
