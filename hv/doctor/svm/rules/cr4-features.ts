// Rules of VMRUN on the bits of the guest's CR4 that a feature brings (APM 2 15.5.1, 3.1.3).

import {
  CR4_CET,
  CR4_FSGSBASE,
  CR4_LA57,
  CR4_OSXSAVE,
  CR4_PCIDE,
  CR4_PKE,
  CR4_SMAP,
  CR4_SMEP,
  CR4_UMIP,
} from "../../../x86/control-registers";
import {
  CPUID_1_ECX_PCID,
  CPUID_1_ECX_XSAVE,
  CPUID_7_EBX_FSGSBASE,
  CPUID_7_EBX_SMAP,
  CPUID_7_EBX_SMEP,
  CPUID_7_ECX_CET_SS,
  CPUID_7_ECX_LA57,
  CPUID_7_ECX_PKU,
  CPUID_7_ECX_UMIP,
} from "../../../x86/cpuid";
import { CAP_CPUID_1_ECX, CAP_CPUID_7_EBX, CAP_CPUID_7_ECX } from "../../inputs";
import { Rules, STAGE_GUEST } from "../../rule";
import { Subject } from "../../subject";
import { Tri } from "../../tri";
import { CR4 } from "../fields";

const BITS: StaticArray<u64> = [
  CR4_UMIP,
  CR4_LA57,
  CR4_FSGSBASE,
  CR4_PCIDE,
  CR4_OSXSAVE,
  CR4_SMEP,
  CR4_SMAP,
  CR4_PKE,
  CR4_CET,
];
const NAMES: StaticArray<string> = ["UMIP", "LA57", "FSGSBASE", "PCIDE", "OSXSAVE", "SMEP", "SMAP", "PKE", "CET"];
const WORDS: StaticArray<string> = ["umip", "la57", "fsgsbase", "pcide", "osxsave", "smep", "smap", "pke", "cet"];
const CAPABILITIES: StaticArray<u32> = [
  CAP_CPUID_7_ECX,
  CAP_CPUID_7_ECX,
  CAP_CPUID_7_EBX,
  CAP_CPUID_1_ECX,
  CAP_CPUID_1_ECX,
  CAP_CPUID_7_EBX,
  CAP_CPUID_7_EBX,
  CAP_CPUID_7_ECX,
  CAP_CPUID_7_ECX,
];
const FEATURES: StaticArray<u32> = [
  CPUID_7_ECX_UMIP,
  CPUID_7_ECX_LA57,
  CPUID_7_EBX_FSGSBASE,
  CPUID_1_ECX_PCID,
  CPUID_1_ECX_XSAVE,
  CPUID_7_EBX_SMEP,
  CPUID_7_EBX_SMAP,
  CPUID_7_ECX_PKU,
  CPUID_7_ECX_CET_SS,
];
const PLACES: StaticArray<string> = [
  "CPUID.7.0:ECX[2]",
  "CPUID.7.0:ECX[16]",
  "CPUID.7.0:EBX[0]",
  "CPUID.1:ECX[17]",
  "CPUID.1:ECX[26]",
  "CPUID.7.0:EBX[7]",
  "CPUID.7.0:EBX[20]",
  "CPUID.7.0:ECX[3]",
  "CPUID.7.0:ECX[7]",
];

/** Adds the rows. */
export function addCr4FeatureRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "15.5.1");
  for (let row = 0; row < BITS.length; row++) {
    rules.add(
      "vmcb.cr4." + WORDS[row],
      [CR4, CAPABILITIES[row]],
      (s: Subject): Tri => s.mustBeSupported(CR4, BITS[s.row], CAPABILITIES[s.row], <u64>FEATURES[s.row]),
      "CR4." + NAMES[row] + " must be 0 on a processor without it (" + PLACES[row] + " = 0).",
      "",
      row,
    );
  }
}
