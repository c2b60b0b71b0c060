// For each rule of VMRUN a VMCB that breaks it and one, close by, that does not.
import type { RuleCase, Values } from "./support.ts";

const bit = (place: number): bigint => 1n << BigInt(place);
const VALID = bit(31);
const EXCEPTION = VALID | (3n << 8n);
const EFER = 0x1d01n;
const CR0 = 0x8001_0031n;
/** A guest of 32 bits with PAE paging of its own. */
const pae: Values = { NESTED_CONTROL: 0n, EFER: 0x1000n, CR4: 0x20n, "CS.ATTRIB": 0xc9bn };
const AVIC = bit(31);
const X2AVIC = bit(30);

/** A bit of CR4 or EFER, and the bit of the word of CPUID that has its feature. */
function feature(slug: string, field: string, base: bigint, place: number, word: string, featureBit: number): RuleCase {
  const value = base | bit(place);
  return {
    slug,
    violated: { [field]: value, [word]: 0xffff_ffffn & ~bit(featureBit) },
    holds: { [field]: value, [word]: bit(featureBit) | bit(29) | bit(20) },
  };
}

export const cases: readonly RuleCase[] = [
  { slug: "vmrun.svme", violated: { "host IA32_EFER": 0xd01n }, holds: { "host IA32_EFER": 0x1000n } },
  { slug: "vmrun.protected-mode", violated: { "host CR0": 0x8000_0030n }, holds: { "host CR0": 0x31n } },
  { slug: "vmrun.cpl", violated: { "host CPL": 3n }, holds: { "host CPL": 0n } },
  {
    slug: "vmrun.pointer.alignment",
    violated: { "host VMCB_POINTER": 0x1800n },
    holds: { "host VMCB_POINTER": 0x1000n },
  },
  {
    slug: "vmrun.pointer.maxphyaddr",
    violated: { "host VMCB_POINTER": bit(48) },
    holds: { "host VMCB_POINTER": bit(47) },
  },
  { slug: "vmrun.nested-paging", violated: { "host CR0": 0x31n }, holds: { "host CR0": 0x31n, NESTED_CONTROL: 0n } },

  { slug: "vmcb.intercept.vmrun", violated: { INTERCEPTS_2: 0xfffen }, holds: { INTERCEPTS_2: 1n } },
  {
    slug: "vmcb.iopm.maxphyaddr",
    violated: { IOPM_BASE_PA: bit(48) - 0x2000n },
    holds: { IOPM_BASE_PA: bit(48) - 0x3000n },
  },
  {
    slug: "vmcb.iopm.maxphyaddr",
    violated: { IOPM_BASE_PA: bit(64) - 0x1000n },
    holds: { IOPM_BASE_PA: bit(48) - 0x2001n },
  },
  {
    slug: "vmcb.msrpm.maxphyaddr",
    violated: { MSRPM_BASE_PA: bit(48) - 0x1000n },
    holds: { MSRPM_BASE_PA: bit(48) - 0x2000n },
  },
  { slug: "vmcb.asid.zero", violated: { GUEST_ASID: 0n }, holds: { GUEST_ASID: 0xffff_ffffn } },
  {
    slug: "vmcb.virtual-nmi.intercept",
    violated: { VINTR: bit(26) },
    holds: { VINTR: bit(26), INTERCEPTS_1: 2n },
  },
  {
    slug: "vmcb.virtual-nmi.intercept",
    violated: { VINTR: bit(26) },
    holds: { VINTR: bit(26), "CPUID.8000000A.EDX": 1n },
  },

  ...[1n, 5n, 6n, 7n].map((type) => ({
    slug: "vmcb.eventinj.type",
    violated: { EVENTINJ: VALID | (type << 8n) },
    holds: { EVENTINJ: type << 8n },
  })),
  ...[0n, 2n, 3n, 4n].map((type) => ({
    slug: "vmcb.eventinj.type",
    violated: { EVENTINJ: VALID | 0x100n },
    holds: { EVENTINJ: VALID | (type << 8n) },
  })),
  { slug: "vmcb.eventinj.vector", violated: { EVENTINJ: EXCEPTION | 2n }, holds: { EVENTINJ: VALID | 0x202n } },
  { slug: "vmcb.eventinj.vector", violated: { EVENTINJ: EXCEPTION | 32n }, holds: { EVENTINJ: EXCEPTION | 31n } },
  ...[9n, 15n, 20n, 22n, 27n, 31n].map((vector) => ({
    slug: "vmcb.eventinj.vector.reserved",
    violated: { EVENTINJ: EXCEPTION | vector },
    holds: { EVENTINJ: VALID | vector },
  })),
  ...[0n, 1n, 3n, 14n, 19n, 21n, 28n, 30n].map((vector) => ({
    slug: "vmcb.eventinj.vector.reserved",
    violated: { EVENTINJ: EXCEPTION | 15n },
    holds: { EVENTINJ: EXCEPTION | vector },
  })),
  ...[4n, 5n].map((vector) => ({
    slug: "vmcb.eventinj.vector.64-bit",
    violated: { EVENTINJ: EXCEPTION | vector },
    holds: { EVENTINJ: EXCEPTION | vector, "CS.ATTRIB": 0xc9bn },
  })),
  {
    slug: "vmcb.eventinj.vector.64-bit",
    violated: { EVENTINJ: EXCEPTION | 5n },
    holds: { EVENTINJ: EXCEPTION | 3n },
  },

  { slug: "vmcb.n-cr3.maxphyaddr", violated: { N_CR3: bit(48) }, holds: { N_CR3: bit(48), NESTED_CONTROL: 0n } },
  { slug: "vmcb.n-cr3.maxphyaddr", violated: { N_CR3: bit(63) }, holds: { N_CR3: bit(48) - 1n } },
  { slug: "vmcb.g-pat.reserved", violated: { G_PAT: 8n }, holds: { G_PAT: 8n, NESTED_CONTROL: 0n } },
  { slug: "vmcb.g-pat.type", violated: { G_PAT: 3n << 56n }, holds: { G_PAT: 0x0706_0504_0100_0706n } },
  { slug: "vmcb.g-pat.type", violated: { G_PAT: 2n }, holds: { G_PAT: 2n, NESTED_CONTROL: 0n } },

  { slug: "vmcb.x2avic.avic", violated: { VINTR: X2AVIC }, holds: { VINTR: X2AVIC | AVIC } },
  {
    slug: "vmcb.avic.physical-index",
    violated: { VINTR: AVIC, AVIC_PHYSICAL_TABLE: 256n },
    holds: { VINTR: AVIC, AVIC_PHYSICAL_TABLE: 255n },
  },
  {
    slug: "vmcb.x2avic.physical-index",
    violated: { VINTR: AVIC | X2AVIC, AVIC_PHYSICAL_TABLE: 512n, "CPUID.8000000A.ECX": 0n },
    holds: { VINTR: AVIC | X2AVIC, AVIC_PHYSICAL_TABLE: 511n, "CPUID.8000000A.ECX": 0n },
  },
  ...["APIC_BAR", "BACKING_PAGE", "LOGICAL_TABLE", "PHYSICAL_TABLE"].map((name) => ({
    slug: `vmcb.avic.${name.toLowerCase().replace("_", "-")}.maxphyaddr`,
    violated: { VINTR: AVIC, [`AVIC_${name}`]: bit(50) },
    holds: { VINTR: AVIC, [`AVIC_${name}`]: bit(40) },
  })),
  {
    slug: "vmcb.avic.apic-bar.maxphyaddr",
    violated: { VINTR: AVIC, AVIC_APIC_BAR: bit(48) },
    holds: { VINTR: AVIC | X2AVIC, AVIC_APIC_BAR: bit(48) },
  },

  { slug: "vmcb.efer.svme", violated: { EFER: 0xd01n }, holds: { EFER } },
  ...[9, 16, 19, 22, 63].map((place) => ({
    slug: "vmcb.efer.reserved",
    violated: { EFER: EFER | bit(place) },
    holds: { EFER: EFER | bit(1) },
  })),
  feature("vmcb.efer.nxe", "EFER", EFER, 11, "CPUID.80000001.EDX", 20),
  feature("vmcb.efer.ffxsr", "EFER", EFER, 14, "CPUID.80000001.EDX", 25),
  feature("vmcb.efer.tce", "EFER", EFER, 15, "CPUID.80000001.ECX", 17),
  feature("vmcb.efer.mcommit", "EFER", EFER, 17, "CPUID.80000008.EBX", 8),
  feature("vmcb.efer.intwb", "EFER", EFER, 18, "CPUID.80000008.EBX", 13),
  feature("vmcb.efer.uaie", "EFER", EFER, 20, "CPUID.80000021.EAX", 7),
  feature("vmcb.efer.aibrse", "EFER", EFER, 21, "CPUID.80000021.EAX", 8),
  {
    slug: "vmcb.efer.lmsle",
    violated: { EFER: EFER | bit(13), "CPUID.80000008.EBX": bit(20) },
    holds: { EFER: EFER | bit(13) },
  },
  feature("vmcb.efer.long-mode", "EFER", EFER, 8, "CPUID.80000001.EDX", 29),
  feature("vmcb.efer.long-mode", "EFER", 0x1000n, 10, "CPUID.80000001.EDX", 29),
  { slug: "vmcb.efer.lme.pae", violated: { CR4: 0n }, holds: { CR4: 0n, CR0: 0x31n } },
  { slug: "vmcb.efer.lme.pe", violated: { CR0: CR0 & ~1n }, holds: { CR0: CR0 & ~1n, EFER: 0x1000n } },
  { slug: "vmcb.efer.lme.cs", violated: { "CS.ATTRIB": 0x69bn }, holds: { "CS.ATTRIB": 0x49bn } },

  { slug: "vmcb.cr0.nw", violated: { CR0: CR0 | bit(29) }, holds: { CR0: CR0 | bit(29) | bit(30) } },
  { slug: "vmcb.cr0.upper", violated: { CR0: CR0 | bit(32) }, holds: { CR0 } },
  { slug: "vmcb.cr3.maxphyaddr", violated: { CR3: bit(48) }, holds: { CR3: bit(48), EFER: 0x1000n } },
  { slug: "vmcb.cr3.maxphyaddr", violated: { CR3: bit(63) }, holds: { CR3: bit(48) - 1n } },
  ...[13, 14, 15, 19, 24, 32, 63].map((place) => ({
    slug: "vmcb.cr4.reserved",
    violated: { CR4: 0x20n | bit(place) },
    holds: { CR4: 0x20n | bit(0) | bit(8) },
  })),
  { slug: "vmcb.dr6.upper", violated: { DR6: bit(63) }, holds: { DR6: 0xffff_ffffn } },
  { slug: "vmcb.dr7.upper", violated: { DR7: bit(32) }, holds: { DR7: 0xffff_ffffn } },
  feature("vmcb.cr4.umip", "CR4", 0x20n, 11, "CPUID.7.0.ECX", 2),
  feature("vmcb.cr4.la57", "CR4", 0x20n, 12, "CPUID.7.0.ECX", 16),
  feature("vmcb.cr4.fsgsbase", "CR4", 0x20n, 16, "CPUID.7.0.EBX", 0),
  feature("vmcb.cr4.pcide", "CR4", 0x20n, 17, "CPUID.1.ECX", 17),
  feature("vmcb.cr4.osxsave", "CR4", 0x20n, 18, "CPUID.1.ECX", 26),
  feature("vmcb.cr4.smep", "CR4", 0x20n, 20, "CPUID.7.0.EBX", 7),
  feature("vmcb.cr4.smap", "CR4", 0x20n, 21, "CPUID.7.0.EBX", 20),
  feature("vmcb.cr4.pke", "CR4", 0x20n, 22, "CPUID.7.0.ECX", 3),
  feature("vmcb.cr4.cet", "CR4", 0x20n, 23, "CPUID.7.0.ECX", 7),

  { slug: "vmcb.s-cet.reserved", violated: { S_CET: 4n }, holds: { S_CET: 3n } },
  { slug: "vmcb.s-cet.reserved", violated: { S_CET: bit(63) }, holds: { S_CET: bit(63), "CPUID.7.0.ECX": 0n } },
  {
    slug: "vmcb.cr4.cet.wp",
    violated: { CR4: bit(23), CR0: CR0 & ~bit(16) },
    holds: { CR4: 0n, CR0: CR0 & ~bit(16) },
  },
  {
    slug: "vmcb.cr4.cet.virtual-8086",
    violated: { CR4: bit(23), RFLAGS: bit(17), "host IA32_U_CET": 1n },
    holds: { CR4: bit(23), RFLAGS: bit(17), "host IA32_U_CET": 2n },
  },
  ...[0, 1, 2, 3].flatMap((row) => [
    {
      slug: `vmcb.pdpe-${row}`,
      violated: { ...pae, [`host MEMORY_PDPTE${row}`]: 0x1003n },
      holds: { ...pae, [`host MEMORY_PDPTE${row}`]: 0x1002n },
    },
    {
      slug: `vmcb.pdpe-${row}`,
      violated: { ...pae, [`host MEMORY_PDPTE${row}`]: bit(48) | 1n },
      holds: { [`host MEMORY_PDPTE${row}`]: bit(48) | 1n },
    },
  ]),

  { slug: "advice.vmcb.asid", violated: { GUEST_ASID: 0x8000n }, holds: { GUEST_ASID: 0x7fffn } },
  { slug: "advice.vmcb.nested-paging", violated: { "CPUID.8000000A.EDX": 0n }, holds: { "CPUID.8000000A.EDX": 1n } },
  { slug: "advice.vmcb.tlb-control", violated: { TLB_CONTROL: 2n }, holds: { TLB_CONTROL: 7n } },
  {
    slug: "advice.vmcb.tlb-control",
    violated: { TLB_CONTROL: 3n, "CPUID.8000000A.EDX": 1n },
    holds: { TLB_CONTROL: 1n, "CPUID.8000000A.EDX": 1n },
  },
  { slug: "advice.vmcb.permission-maps", violated: { MSRPM_BASE_PA: 1n }, holds: { MSRPM_BASE_PA: 0x1000n } },
  { slug: "advice.vmcb.lma", violated: { EFER: 0x1901n }, holds: { EFER: 0x1d01n } },
  { slug: "advice.vmcb.shutdown", violated: { INTERCEPTS_1: 0n }, holds: { INTERCEPTS_1: bit(31) } },
  { slug: "advice.vmcb.rip", violated: { RIP: bit(62) }, holds: { RIP: bit(62), "CS.ATTRIB": 0xc9bn } },
  { slug: "advice.vmcb.clean", violated: { CLEAN_BITS: 1n }, holds: { CLEAN_BITS: 0n } },
  { slug: "advice.vmcb.eventinj.reserved", violated: { EVENTINJ: VALID | 0x1000n }, holds: { EVENTINJ: 0x1000n } },
  {
    slug: "advice.vmcb.eventinj.software-interrupt",
    violated: { EVENTINJ: VALID | 0x480n, "CPUID.8000000A.EDX": 1n },
    holds: { EVENTINJ: VALID | 0x480n },
  },
];
