// Writes of CR0, CR3 and CR4 that exit: the rules by which the processor takes them (SDM 3A 2.5, 4.1 and 10.8.5).

import {
  CR0_AM,
  CR0_CD,
  CR0_EM,
  CR0_ET,
  CR0_MP,
  CR0_NE,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR0_WP,
  CR3_PCID_MASK,
  CR4_DE,
  CR4_FSGSBASE,
  CR4_MCE,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  CR4_OSXSAVE,
  CR4_PAE,
  CR4_PCE,
  CR4_PCIDE,
  CR4_PGE,
  CR4_PKE,
  CR4_PSE,
  CR4_PVI,
  CR4_SMAP,
  CR4_SMEP,
  CR4_TSD,
  CR4_UMIP,
  CR4_VME,
} from "../../x86/control-registers";
import {
  CPUID_1_ECX_PCID,
  CPUID_1_ECX_XSAVE,
  CPUID_1_EDX_DE,
  CPUID_1_EDX_FXSR,
  CPUID_1_EDX_MCE,
  CPUID_1_EDX_PAE,
  CPUID_1_EDX_PGE,
  CPUID_1_EDX_PSE,
  CPUID_1_EDX_SSE,
  CPUID_1_EDX_TSC,
  CPUID_1_EDX_VME,
  CPUID_7_EBX_FSGSBASE,
  CPUID_7_EBX_SMAP,
  CPUID_7_EBX_SMEP,
  CPUID_7_ECX_PKU,
  CPUID_7_ECX_UMIP,
  CPUID_LEAF_EXTENDED_FEATURES,
  CPUID_LEAF_FEATURES,
} from "../../x86/cpuid";
import { EFER_LMA, EFER_LME } from "../../x86/msr";
import { ACCESS_RIGHTS_64_BIT, SEGMENT_TYPE_32_BIT_TSS } from "../../x86/segments";
import { SEGMENT_CS, SEGMENT_TR, STATE_ACCESS_RIGHTS, STATE_CR0, STATE_CR3, STATE_CR4 } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";
import { ANSWER_EBX, ANSWER_ECX, ANSWER_EDX } from "./cpuid-policy";
import { GuestCpuid } from "./guest-cpuid";
import { loadPdptes } from "./pdptes";

/** Bits of CR0 that there are; of the low half the others read 0, whatever is written to them. */
const CR0_BITS: u64 = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
/** Where one of these changes while PAE paging is, or comes to be, in use, the PDPTEs are loaded (SDM 3A 4.4.1). */
const CR0_LOADS_PDPTES: u64 = CR0_CD | CR0_NW | CR0_PG;
const CR4_LOADS_PDPTES: u64 = CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP;
/** A change of these makes translations that the processor holds wrong, or may (SDM 3A 4.10.4.1). */
const CR4_OF_PAGING: u64 = CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE;
/** With CR4.PCIDE: MOV to CR3 keeps the translations of the new PCID. */
const CR3_KEEPS_TRANSLATIONS: u64 = 0x8000000000000000;
const LOW_32_BITS: u64 = 0xffffffff;

// What a bit of CR4 needs of CPUID, a row each: the bit, the leaf, the register, the feature (SDM 3A 2.5).
const CR4_COLUMNS: i32 = 4;
// prettier-ignore
const CR4_FEATURES: StaticArray<u64> = [
  CR4_VME | CR4_PVI, CPUID_LEAF_FEATURES, ANSWER_EDX, CPUID_1_EDX_VME,
  CR4_TSD, CPUID_LEAF_FEATURES, ANSWER_EDX, CPUID_1_EDX_TSC,
  CR4_DE, CPUID_LEAF_FEATURES, ANSWER_EDX, CPUID_1_EDX_DE,
  CR4_PSE, CPUID_LEAF_FEATURES, ANSWER_EDX, CPUID_1_EDX_PSE,
  CR4_PAE, CPUID_LEAF_FEATURES, ANSWER_EDX, CPUID_1_EDX_PAE,
  CR4_MCE, CPUID_LEAF_FEATURES, ANSWER_EDX, CPUID_1_EDX_MCE,
  CR4_PGE, CPUID_LEAF_FEATURES, ANSWER_EDX, CPUID_1_EDX_PGE,
  CR4_OSFXSR, CPUID_LEAF_FEATURES, ANSWER_EDX, CPUID_1_EDX_FXSR,
  CR4_OSXMMEXCPT, CPUID_LEAF_FEATURES, ANSWER_EDX, CPUID_1_EDX_SSE,
  CR4_PCIDE, CPUID_LEAF_FEATURES, ANSWER_ECX, CPUID_1_ECX_PCID,
  CR4_OSXSAVE, CPUID_LEAF_FEATURES, ANSWER_ECX, CPUID_1_ECX_XSAVE,
  CR4_FSGSBASE, CPUID_LEAF_EXTENDED_FEATURES, ANSWER_EBX, CPUID_7_EBX_FSGSBASE,
  CR4_SMEP, CPUID_LEAF_EXTENDED_FEATURES, ANSWER_EBX, CPUID_7_EBX_SMEP,
  CR4_SMAP, CPUID_LEAF_EXTENDED_FEATURES, ANSWER_EBX, CPUID_7_EBX_SMAP,
  CR4_UMIP, CPUID_LEAF_EXTENDED_FEATURES, ANSWER_ECX, CPUID_7_ECX_UMIP,
  CR4_PKE, CPUID_LEAF_EXTENDED_FEATURES, ANSWER_ECX, CPUID_7_ECX_PKU,
];

/** The bits of CR4 that a guest with this CPUID may set. PCE is always there; RDPMC is #GP all the same. */
export function supportedCr4(cpuid: GuestCpuid): u64 {
  let bits = CR4_PCE;
  for (let i = 0; i < CR4_FEATURES.length; i += CR4_COLUMNS) {
    const answer = cpuid.of(<u32>CR4_FEATURES[i + 1], <u32>CR4_FEATURES[i + 2]);
    if ((<u64>answer) & CR4_FEATURES[i + 3]) bits |= CR4_FEATURES[i];
  }
  return bits;
}

/** MOV to CR0, and LMSW: false for #GP(0). */
export function writeCr0(vcpu: Vcpu, value: u64): bool {
  if (value > LOW_32_BITS) return false;
  if (value & CR0_NW && !(value & CR0_CD)) return false;
  if (value & CR0_PG && !(value & CR0_PE)) return false;
  const next = (value & CR0_BITS) | CR0_ET;
  const changed = next ^ vcpu.readSeen(STATE_CR0);
  const cr4 = vcpu.readSeen(STATE_CR4);
  const efer = vcpu.readEfer();
  let nextEfer = efer;
  if (changed & CR0_PG) {
    if (!mayTogglePaging(vcpu, (next & CR0_PG) != 0, cr4, efer)) return false;
    nextEfer = efer & ~EFER_LMA;
    if (next & CR0_PG && efer & EFER_LME) nextEfer |= EFER_LMA;
  }
  const isPae = (next & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0 && !(nextEfer & EFER_LMA);
  if (isPae && changed & CR0_LOADS_PDPTES && !loadPdptes(vcpu, vcpu.read(STATE_CR3))) return false;
  if (nextEfer != efer) vcpu.writeEfer(nextEfer);
  vcpu.writeSeen(STATE_CR0, next);
  if (changed & CR0_PG) vcpu.dropLinearTranslations();
  return true;
}

/** Whether CR0.PG may change: into and out of IA-32e mode too. */
function mayTogglePaging(vcpu: Vcpu, isOn: bool, cr4: u64, efer: u64): bool {
  const is64BitCode = (vcpu.read(STATE_ACCESS_RIGHTS + SEGMENT_CS) & ACCESS_RIGHTS_64_BIT) != 0;
  if (!isOn) return !(cr4 & CR4_PCIDE) && !(efer & EFER_LMA && is64BitCode);
  if (!(efer & EFER_LME)) return true;
  // Not all processors have the busy flag in TR itself.
  const is16BitTask = ((<u32>vcpu.read(STATE_ACCESS_RIGHTS + SEGMENT_TR)) & SEGMENT_TYPE_32_BIT_TSS) == 0;
  return (cr4 & CR4_PAE) != 0 && !is64BitCode && !is16BitTask;
}

/** CLTS. */
export function clearTaskSwitched(vcpu: Vcpu): void {
  vcpu.writeSeen(STATE_CR0, vcpu.readSeen(STATE_CR0) & ~CR0_TS);
}

/** LMSW: PE, MP, EM and TS, of which PE is never cleared. */
export function loadMachineStatusWord(vcpu: Vcpu, source: u32): bool {
  const kept = vcpu.readSeen(STATE_CR0) & ~(CR0_MP | CR0_EM | CR0_TS);
  return writeCr0(vcpu, kept | (source & (CR0_PE | CR0_MP | CR0_EM | CR0_TS)));
}

/** MOV to CR4: false for #GP(0). */
export function writeCr4(vcpu: Vcpu, value: u64): bool {
  if (value & ~vcpu.supportedCr4) return false;
  const changed = value ^ vcpu.readSeen(STATE_CR4);
  const isLongMode = (vcpu.readEfer() & EFER_LMA) != 0;
  if (isLongMode && !(value & CR4_PAE)) return false;
  if (changed & value & CR4_PCIDE && (!isLongMode || vcpu.read(STATE_CR3) & CR3_PCID_MASK)) return false;
  const isPae = (value & CR4_PAE) != 0 && !isLongMode && (vcpu.readSeen(STATE_CR0) & CR0_PG) != 0;
  if (isPae && changed & CR4_LOADS_PDPTES && !loadPdptes(vcpu, vcpu.read(STATE_CR3))) return false;
  vcpu.writeSeen(STATE_CR4, value);
  vcpu.cpuid.setCr4(value);
  if (changed & CR4_OF_PAGING) vcpu.dropLinearTranslations();
  return true;
}

/** MOV to CR3, where it exits: false for #GP(0). */
export function writeCr3(vcpu: Vcpu, value: u64): bool {
  const cr4 = vcpu.readSeen(STATE_CR4);
  const isLongMode = (vcpu.readEfer() & EFER_LMA) != 0;
  const keeps = (cr4 & CR4_PCIDE) != 0 && (value & CR3_KEEPS_TRANSLATIONS) != 0;
  const next = keeps ? value & ~CR3_KEEPS_TRANSLATIONS : value;
  if (isLongMode && next & ~vcpu.physicalAddresses) return false;
  const isPae = (cr4 & CR4_PAE) != 0 && !isLongMode && (vcpu.readSeen(STATE_CR0) & CR0_PG) != 0;
  if (isPae && !loadPdptes(vcpu, next)) return false;
  vcpu.write(STATE_CR3, next);
  if (!keeps) vcpu.dropLinearTranslations();
  return true;
}
