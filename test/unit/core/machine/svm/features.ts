// What CPUID tells of SVM: leaf 0x80000001, ECX bit 2, and leaf 0x8000000A (APM 3, appendix E).
import type { CpuModel } from "../cpu-model.ts";

const EXTENDED_FEATURES = 0x80000001;
const SVM_LEAF = 0x8000000a;
const ECX_SVM = 1 << 2;

/** Bits of leaf 0x8000000A's EDX. */
export const SVM_FEATURES = {
  nestedPaging: 0,
  branchRecords: 1,
  lock: 2,
  nextRip: 3,
  cleanBits: 5,
  flushByAsid: 6,
  decodeAssists: 7,
} as const;
export type SvmFeature = keyof typeof SVM_FEATURES;

export function hasSvm(model: CpuModel): boolean {
  return (model.leaf(EXTENDED_FEATURES)[2] & ECX_SVM) !== 0;
}

export function hasSvmFeature(model: CpuModel, feature: SvmFeature): boolean {
  return hasSvm(model) && ((model.leaf(SVM_LEAF)[3] >>> SVM_FEATURES[feature]) & 1) !== 0;
}

/** How many ASIDs there are, ASID 0, which is the host's, among them. */
export function asidCount(model: CpuModel): number {
  return model.leaf(SVM_LEAF)[1] >>> 0;
}

export function withoutSvm(model: CpuModel): CpuModel {
  const [eax, ebx, ecx, edx] = model.leaf(EXTENDED_FEATURES);
  return model.withLeaf(EXTENDED_FEATURES, [eax, ebx, ecx & ~ECX_SVM, edx]);
}

export function withSvmFeature(model: CpuModel, feature: SvmFeature, isThere = true): CpuModel {
  const [eax, ebx, ecx, edx] = model.leaf(SVM_LEAF);
  const bit = 1 << SVM_FEATURES[feature];
  return model.withLeaf(SVM_LEAF, [eax, ebx, ecx, (isThere ? edx | bit : edx & ~bit) >>> 0]);
}

export function withAsids(model: CpuModel, count: number): CpuModel {
  const [eax, , ecx, edx] = model.leaf(SVM_LEAF);
  return model.withLeaf(SVM_LEAF, [eax, count, ecx, edx]);
}
