// The rules on the access rights of the guest's TR and LDTR, and on GDTR and IDTR.
import type { RuleCase } from "../support.ts";
import { LEGACY } from "./guests.ts";
import { testRules } from "./rule-cases.ts";

await testRules([
  { slug: "guest.tr.type", violated: { GUEST_TR_ACCESS_RIGHTS: 0x89n }, holds: { GUEST_TR_ACCESS_RIGHTS: 0x8bn } },
  {
    slug: "guest.tr.type",
    violated: { GUEST_TR_ACCESS_RIGHTS: 0x83n },
    holds: { ...LEGACY, GUEST_TR_ACCESS_RIGHTS: 0x83n },
  },
  {
    slug: "guest.tr.usable",
    violated: { GUEST_TR_ACCESS_RIGHTS: 0x1_008bn },
    holds: { GUEST_TR_ACCESS_RIGHTS: 0x8bn },
  },
  {
    slug: "guest.ldtr.type",
    violated: { GUEST_LDTR_ACCESS_RIGHTS: 0x8bn },
    holds: { GUEST_LDTR_ACCESS_RIGHTS: 0x82n },
  },
  {
    slug: "guest.ldtr.p",
    violated: { GUEST_LDTR_ACCESS_RIGHTS: 2n },
    holds: { GUEST_LDTR_ACCESS_RIGHTS: 0x1_0002n },
  },
  ...bits("TR", 0xbn),
  ...bits("LDTR", 2n),
  ...["GDTR", "IDTR"].flatMap((name): RuleCase[] => [
    {
      slug: `guest.${name.toLowerCase()}.base.canonical`,
      violated: { [`GUEST_${name}_BASE`]: 1n << 56n },
      holds: { [`GUEST_${name}_BASE`]: (1n << 56n) - 1n },
    },
    {
      slug: `guest.${name.toLowerCase()}.limit`,
      violated: { [`GUEST_${name}_LIMIT`]: 0x1_0000n },
      holds: { [`GUEST_${name}_LIMIT`]: 0xffffn },
    },
  ]),
]);

function bits(name: string, type: bigint): RuleCase[] {
  const field = `GUEST_${name}_ACCESS_RIGHTS`;
  const limit = `GUEST_${name}_LIMIT`;
  const prefix = `guest.${name.toLowerCase()}`;
  return [
    { slug: `${prefix}.s`, violated: { [field]: 0x90n | type }, holds: { [field]: 0x80n | type } },
    { slug: `${prefix}.p`, violated: { [field]: type }, holds: { [field]: 0x80n | type } },
    {
      slug: `${prefix}.access-rights.reserved`,
      violated: { [field]: 0x480n | type },
      holds: { [field]: 0x7080n | type },
    },
    {
      slug: `${prefix}.access-rights.reserved`,
      violated: { [field]: 0x2_0080n | type },
      holds: { [field]: 0x80n | type },
    },
    {
      slug: `${prefix}.g.byte`,
      violated: { [field]: 0x8080n | type, [limit]: 0x67n },
      holds: { [field]: 0x8080n | type, [limit]: 0xfffn },
    },
    {
      slug: `${prefix}.g.page`,
      violated: { [field]: 0x80n | type, [limit]: 0x10_0000n },
      holds: { [field]: 0x80n | type, [limit]: 0xf_ffffn },
    },
  ];
}
