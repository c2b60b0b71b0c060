// The rules on the access rights of the guest's ES, CS, SS, DS, FS and GS.
import type { RuleCase } from "../support.ts";
import { RESTRICTED, virtual8086 } from "./guests.ts";
import { testRules } from "./rule-cases.ts";

const FLAT = 0xffff_ffffn;

await testRules([
  {
    slug: "guest.cs.type",
    violated: { GUEST_CS_ACCESS_RIGHTS: 0xa09an },
    holds: { GUEST_CS_ACCESS_RIGHTS: 0xa09fn },
  },
  {
    slug: "guest.cs.type",
    violated: { ...RESTRICTED, GUEST_CS_ACCESS_RIGHTS: 0xa093n },
    holds: { GUEST_CS_ACCESS_RIGHTS: 0xa093n },
  },
  {
    slug: "guest.cs.type",
    violated: { GUEST_CS_ACCESS_RIGHTS: 0xa097n },
    holds: { ...RESTRICTED, GUEST_CS_ACCESS_RIGHTS: 0xa099n },
  },
  {
    slug: "guest.ss.type",
    violated: { GUEST_SS_ACCESS_RIGHTS: 0xc091n },
    holds: { GUEST_SS_ACCESS_RIGHTS: 0xc097n },
  },
  {
    slug: "guest.ss.type",
    violated: { GUEST_SS_ACCESS_RIGHTS: 0xc09bn },
    holds: { GUEST_SS_ACCESS_RIGHTS: 0x1_c09bn },
  },
  {
    slug: "guest.cs.dpl.data",
    violated: { GUEST_CS_ACCESS_RIGHTS: 0xa0b3n },
    holds: { GUEST_CS_ACCESS_RIGHTS: 0xa093n },
  },
  {
    slug: "guest.cs.dpl.non-conforming",
    violated: { GUEST_CS_ACCESS_RIGHTS: 0xa0fbn },
    holds: { GUEST_CS_ACCESS_RIGHTS: 0xa0fbn, GUEST_SS_ACCESS_RIGHTS: 0x1_0060n },
  },
  {
    slug: "guest.cs.dpl.conforming",
    violated: { GUEST_CS_ACCESS_RIGHTS: 0xa0bfn },
    holds: { GUEST_CS_ACCESS_RIGHTS: 0xa0bfn, GUEST_SS_ACCESS_RIGHTS: 0xc0f3n },
  },
  {
    slug: "guest.ss.dpl.rpl",
    violated: { ...RESTRICTED, GUEST_SS_ACCESS_RIGHTS: 0xc0f3n },
    holds: { ...RESTRICTED, GUEST_SS_ACCESS_RIGHTS: 0xc0f3n, GUEST_SS_SELECTOR: 0x13n },
  },
  {
    slug: "guest.ss.dpl.rpl",
    violated: { ...RESTRICTED, GUEST_SS_ACCESS_RIGHTS: 0x1_0060n },
    holds: { GUEST_SS_ACCESS_RIGHTS: 0x1_0060n },
  },
  {
    slug: "guest.ss.dpl.zero",
    violated: { GUEST_CS_ACCESS_RIGHTS: 0xa093n, GUEST_SS_ACCESS_RIGHTS: 0xc0f3n },
    holds: { GUEST_CS_ACCESS_RIGHTS: 0xa093n },
  },
  {
    slug: "guest.ss.dpl.zero",
    violated: { GUEST_CR0: 0x30n, GUEST_SS_ACCESS_RIGHTS: 0x1_0020n },
    holds: { GUEST_CR0: 0x30n, GUEST_SS_ACCESS_RIGHTS: 0x1_0000n },
  },
  {
    slug: "guest.cs.d-b",
    violated: { GUEST_CS_ACCESS_RIGHTS: 0xe09bn },
    holds: { GUEST_CS_ACCESS_RIGHTS: 0xc09bn },
  },
  ...["ES", "DS", "FS", "GS"].flatMap(dataRegister),
  ...["ES", "CS", "SS", "DS", "FS", "GS"].flatMap(anyRegister),
]);

function dataRegister(name: string): RuleCase[] {
  const field = `GUEST_${name}_ACCESS_RIGHTS`;
  const selector = `GUEST_${name}_SELECTOR`;
  const prefix = `guest.${name.toLowerCase()}`;
  return [
    { slug: `${prefix}.type.accessed`, violated: { [field]: 0xc092n }, holds: { [field]: 0xc091n } },
    { slug: `${prefix}.type.accessed`, violated: { [field]: 0n }, holds: { [field]: 0x1_0000n } },
    { slug: `${prefix}.type.readable`, violated: { [field]: 0xc099n }, holds: { [field]: 0xc09bn } },
    {
      slug: `${prefix}.dpl`,
      violated: { ...RESTRICTED, [selector]: 0x13n, [field]: 0xc0d3n },
      holds: { ...RESTRICTED, [selector]: 0x13n, [field]: 0xc0f3n },
    },
    {
      slug: `${prefix}.dpl`,
      violated: { ...RESTRICTED, [selector]: 0x13n, [field]: 0xc09bn },
      holds: { ...RESTRICTED, [selector]: 0x13n, [field]: 0xc09fn },
    },
  ];
}

function anyRegister(name: string): RuleCase[] {
  const field = `GUEST_${name}_ACCESS_RIGHTS`;
  const limit = `GUEST_${name}_LIMIT`;
  const prefix = `guest.${name.toLowerCase()}`;
  const type = name === "CS" ? 0xbn : 3n;
  return [
    { slug: `${prefix}.s`, violated: { [field]: 0x80n | type }, holds: { [field]: 0x90n | type } },
    { slug: `${prefix}.p`, violated: { [field]: 0x10n | type }, holds: { [field]: 0x90n | type } },
    {
      slug: `${prefix}.access-rights.reserved`,
      violated: { [field]: 0x190n | type },
      holds: { [field]: 0x1090n | type },
    },
    {
      slug: `${prefix}.access-rights.reserved`,
      violated: { [field]: 0x8000_0090n | type },
      holds: { [field]: 0x8090n | type },
    },
    {
      slug: `${prefix}.g.byte`,
      violated: { [field]: 0x8090n | type, [limit]: 0xf_fffen },
      holds: { [field]: 0x90n | type, [limit]: 0xf_fffen },
    },
    {
      slug: `${prefix}.g.page`,
      violated: { [field]: 0x90n | type, [limit]: FLAT },
      holds: { [field]: 0x90n | type, [limit]: 0xf_ffffn },
    },
    {
      slug: `${prefix}.access-rights.virtual-8086`,
      violated: { ...virtual8086(), [field]: 0x10f3n },
      holds: virtual8086(),
    },
  ];
}
