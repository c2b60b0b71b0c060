// The rules on guests that use FRED transitions.
import type { RuleCase } from "../support.ts";
import { testRules } from "./rule-cases.ts";

const LOAD_FRED = { VM_ENTRY_CONTROLS: 0x80_c204n };
const FRED = { GUEST_CR4: 0x1_0000_2020n };
const NON_CANONICAL = 1n << 56n;
const USER = { GUEST_CS_ACCESS_RIGHTS: 0xa0fbn, GUEST_SS_ACCESS_RIGHTS: 0xc0f3n };

await testRules([
  ...[0x800n, 0x20n, 0x10n, 0x4n].map((bit): RuleCase => ({
    slug: "guest.fred-config.reserved",
    violated: { ...LOAD_FRED, GUEST_IA32_FRED_CONFIG: bit },
    holds: { ...LOAD_FRED, GUEST_IA32_FRED_CONFIG: 0x17cbn },
  })),
  {
    slug: "guest.fred-config.canonical",
    violated: { ...LOAD_FRED, GUEST_IA32_FRED_CONFIG: NON_CANONICAL },
    holds: { ...LOAD_FRED, GUEST_IA32_FRED_CONFIG: NON_CANONICAL - 0x1000n },
  },
  ...[1, 2, 3].flatMap((level) => [
    ...stack(`fred-rsp${level}`, `GUEST_IA32_FRED_RSP${level}`, 0x20n, 0x40n),
    ...stack(`fred-ssp${level}`, `GUEST_IA32_FRED_SSP${level}`, 0x4n, 0x8n),
  ]),
  {
    slug: "guest.ss.dpl.fred",
    violated: { ...FRED, GUEST_SS_ACCESS_RIGHTS: 0xc0b3n },
    holds: { ...FRED, GUEST_SS_ACCESS_RIGHTS: 0xc0f3n },
  },
  {
    slug: "guest.cs.l.fred",
    violated: { ...FRED, GUEST_CS_ACCESS_RIGHTS: 0xc09bn },
    holds: { ...FRED, GUEST_CS_ACCESS_RIGHTS: 0xa09bn },
  },
  {
    slug: "guest.cs.l.fred",
    violated: { ...FRED, GUEST_CS_ACCESS_RIGHTS: 0xc09bn },
    holds: { ...FRED, ...USER, GUEST_CS_ACCESS_RIGHTS: 0xc0fbn },
  },
  {
    slug: "guest.rflags.iopl.fred",
    violated: { ...FRED, ...USER, GUEST_RFLAGS: 0x3002n },
    holds: { ...FRED, ...USER, GUEST_RFLAGS: 2n },
  },
  {
    slug: "guest.rflags.iopl.fred",
    violated: { ...FRED, ...USER, GUEST_RFLAGS: 0x3002n },
    holds: { ...FRED, GUEST_RFLAGS: 0x3002n },
  },
]);

function stack(word: string, field: string, misaligned: bigint, aligned: bigint): RuleCase[] {
  return [
    {
      slug: `guest.${word}.alignment`,
      violated: { ...LOAD_FRED, [field]: misaligned },
      holds: { ...LOAD_FRED, [field]: aligned },
    },
    {
      slug: `guest.${word}.canonical`,
      violated: { ...LOAD_FRED, [field]: NON_CANONICAL },
      holds: { ...LOAD_FRED, [field]: -NON_CANONICAL & ((1n << 64n) - 1n) },
    },
  ];
}
