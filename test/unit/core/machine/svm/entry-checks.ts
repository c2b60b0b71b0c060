// The consistency checks of VMRUN (APM 2 15.5.1, 15.20 and 15.25.4): a broken one is #VMEXIT with VMEXIT_INVALID.
import { has, isPat } from "../bits.ts";
import type { CpuModel } from "../cpu-model.ts";
import { hasSvm } from "./features.ts";
import { injected } from "./injection.ts";
import type { VmcbImage } from "./vmcb-image.ts";

/** One rule: its section and sentence, and whether the VMCB keeps it. */
export type VmcbRule = readonly [string, (image: VmcbImage, model: CpuModel) => boolean];

const CR0 = { PE: 1n, NW: 1n << 29n, CD: 1n << 30n, PG: 1n << 31n };
const CR4_PAE = 1n << 5n;
const EFER = { SCE: 1n, LME: 1n << 8n, LMA: 1n << 10n, NXE: 1n << 11n, SVME: 1n << 12n, LMSLE: 1n << 13n };
const EFER_FFXSR = 1n << 14n;
const ATTRIBUTES_L = 1n << 9n;
const ATTRIBUTES_D = 1n << 10n;
const UPPER_HALF = 0xffffffff00000000n;
const PAGE_OFFSET = 0xfffn;
const IOPM_BYTES = 3n * 0x1000n;
const MSRPM_BYTES = 2n * 0x1000n;

/** A bit of CR4, and where CPUID tells that it is there: leaf, register, bit. Those without a row are in every model. */
const CR4_BITS: readonly (readonly [bit: number, leaf: number, register: 0 | 1 | 2 | 3, feature: number])[] = [
  [11, 7, 2, 2], // UMIP
  [12, 7, 2, 16], // LA57
  [16, 7, 1, 0], // FSGSBASE
  [17, 1, 2, 17], // PCIDE
  [18, 1, 2, 26], // OSXSAVE
  [20, 7, 1, 7], // SMEP
  [21, 7, 1, 20], // SMAP
  [22, 7, 2, 3], // PKE
  [23, 7, 2, 7], // CET
];
const CR4_ALWAYS = 0x7ffn;

function cr4Bits(model: CpuModel): bigint {
  let bits = CR4_ALWAYS;
  for (const [bit, leaf, register, feature] of CR4_BITS) {
    if ((model.leaf(leaf)[register] >>> feature) & 1) bits |= 1n << BigInt(bit);
  }
  return bits;
}

function eferBits(model: CpuModel): bigint {
  const features = model.leaf(0x80000001)[3];
  const optional: readonly (readonly [number, bigint])[] = [
    [11, EFER.SCE],
    [20, EFER.NXE],
    [25, EFER_FFXSR],
    [29, EFER.LME | EFER.LMA],
  ];
  const bits = optional.filter(([bit]) => (features >>> bit) & 1).reduce((sum, [, value]) => sum | value, 0n);
  return hasSvm(model) ? bits | EFER.SVME | EFER.LMSLE : bits;
}

const isPaging = (image: VmcbImage): boolean => has(image.get("VMCB_CR0"), CR0.PG);
const isLong = (image: VmcbImage): boolean => has(image.get("VMCB_EFER"), EFER.LME) && isPaging(image);
const attributesOf = (image: VmcbImage): bigint => (image.get("VMCB_CS") >> 16n) & 0xffffn;
const hasNestedPaging = (image: VmcbImage): boolean => image.isSet("VMCB_NESTED_CONTROL", "NESTED_PAGING_ENABLE");

/** [address, address + bytes) begins at a page's start and lies below MAXPHYADDR. */
function isMapGood(address: bigint, bytes: bigint, model: CpuModel): boolean {
  // The low 12 bits are ignored (APM 2 15.10.1 and 15.11).
  const start = address & ~PAGE_OFFSET;
  return start + bytes <= 1n << BigInt(model.maximumPhysicalAddress);
}

/** Bits of CR3 that must be 0: those above MAXPHYADDR, in long mode. */
function isCr3Good(image: VmcbImage, model: CpuModel): boolean {
  if (!isLong(image)) return true;
  return image.get("VMCB_CR3") >> BigInt(model.maximumPhysicalAddress) === 0n;
}

function areCodeAttributesGood(image: VmcbImage): boolean {
  const both = ATTRIBUTES_L | ATTRIBUTES_D;
  const isPae = has(image.get("VMCB_CR4"), CR4_PAE);
  return !isLong(image) || !isPae || (attributesOf(image) & both) !== both;
}

export const ENTRY_RULES: readonly VmcbRule[] = [
  ["15.5.1 EFER.SVME is 1", (v) => has(v.get("VMCB_EFER"), EFER.SVME)],
  ["15.5.1 CR0.NW without CR0.CD", (v) => !has(v.get("VMCB_CR0"), CR0.NW) || has(v.get("VMCB_CR0"), CR0.CD)],
  ["15.5.1 CR0[63:32]", (v) => !has(v.get("VMCB_CR0"), UPPER_HALF)],
  ["15.5.1 bits of CR3 that must be 0", isCr3Good],
  ["15.5.1 bits of CR4 that must be 0", (v, model) => !has(v.get("VMCB_CR4"), ~cr4Bits(model))],
  ["15.5.1 DR6[63:32]", (v) => !has(v.get("VMCB_DR6"), UPPER_HALF)],
  ["15.5.1 DR7[63:32]", (v) => !has(v.get("VMCB_DR7"), UPPER_HALF)],
  ["15.5.1 bits of EFER that must be 0", (v, model) => !has(v.get("VMCB_EFER"), ~eferBits(model))],
  ["15.5.1 long mode with paging needs CR4.PAE", (v) => !isLong(v) || has(v.get("VMCB_CR4"), CR4_PAE)],
  ["15.5.1 long mode with paging needs CR0.PE", (v) => !isLong(v) || has(v.get("VMCB_CR0"), CR0.PE)],
  ["15.5.1 CS.L and CS.D are both 1 in long mode", areCodeAttributesGood],
  ["15.5.1 VMRUN is intercepted", (v) => v.isSet("VMCB_INTERCEPT_MISC2", "INTERCEPT_VMRUN")],
  [
    "15.5.1 the MSR permission map lies below MAXPHYADDR",
    (v, model) => isMapGood(v.get("VMCB_MSRPM_BASE_PA"), MSRPM_BYTES, model),
  ],
  [
    "15.5.1 the I/O permission map lies below MAXPHYADDR",
    (v, model) => isMapGood(v.get("VMCB_IOPM_BASE_PA"), IOPM_BYTES, model),
  ],
  ["15.20 the injected event is one that there is", (v) => injected(v)?.isLegal ?? true],
  ["15.5.1 ASID is not 0", (v) => v.get("VMCB_GUEST_ASID") !== 0n],
  [
    "15.25.4 bits of nCR3 that must be 0",
    (v, model) => !hasNestedPaging(v) || v.get("VMCB_N_CR3") >> BigInt(model.maximumPhysicalAddress) === 0n,
  ],
  ["15.25.4 the types in G_PAT", (v) => !hasNestedPaging(v) || isPat(v.get("VMCB_G_PAT"))],
];

/** The first rule that the VMCB breaks, or null. */
export function brokenRule(image: VmcbImage, model: CpuModel): string | null {
  return ENTRY_RULES.find(([, isKept]) => !isKept(image, model))?.[0] ?? null;
}
