// Rules of VMRUN on the guest's EFER, and on what it makes of CR0, CR4 and CS (APM 2 15.5.1, 3.1.7).

import { CR0_PE, CR4_PAE } from "../../../x86/control-registers";
import {
  CPUID_80000008_EBX_INTWB,
  CPUID_80000008_EBX_MCOMMIT,
  CPUID_80000008_EBX_NO_LMSLE,
  CPUID_80000021_EAX_AUTOMATIC_IBRS,
  CPUID_80000021_EAX_UAI,
  CPUID_EXTENDED_ECX_TCE,
  CPUID_EXTENDED_EDX_FFXSR,
  CPUID_EXTENDED_EDX_LM,
  CPUID_EXTENDED_EDX_NX,
} from "../../../x86/cpuid";
import {
  EFER_AIBRSE,
  EFER_FFXSR,
  EFER_INTWB,
  EFER_LMA,
  EFER_LME,
  EFER_LMSLE,
  EFER_MCOMMIT,
  EFER_NXE,
  EFER_SVME,
  EFER_TCE,
  EFER_UAIE,
} from "../../../x86/msr";
import {
  CAP_CPUID_80000001_ECX,
  CAP_CPUID_80000001_EDX,
  CAP_CPUID_80000008_EBX,
  CAP_CPUID_80000021_EAX,
} from "../../inputs";
import { Rules, STAGE_GUEST } from "../../rule";
import { Subject } from "../../subject";
import { both, implies, not, Tri } from "../../tri";
import { willBeLongMode } from "../conditions";
import { ATTRIBUTE_DEFAULT, ATTRIBUTE_LONG, CR0, CR4, CS_ATTRIBUTES, EFER } from "../fields";

const EFER_ONLY: StaticArray<u32> = [EFER];
const LMSLE: StaticArray<u32> = [EFER, CAP_CPUID_80000008_EBX];
const LONG_MODE: StaticArray<u32> = [EFER, CAP_CPUID_80000001_EDX];
const PAE: StaticArray<u32> = [CR4, EFER, CR0];
const PE: StaticArray<u32> = [CR0, EFER];
const CODE_SEGMENT: StaticArray<u32> = [CS_ATTRIBUTES, EFER, CR0, CR4];

/** Bits 63:22, 19, 16 and 9; bits 7:1 read as 0, but nothing says that they must be. */
const RESERVED: u64 = 0xffffffffffc90200;

// Bits that a feature brings, with the word of CPUID that has it.
const FEATURE_BITS: StaticArray<u64> = [
  EFER_NXE,
  EFER_FFXSR,
  EFER_TCE,
  EFER_MCOMMIT,
  EFER_INTWB,
  EFER_UAIE,
  EFER_AIBRSE,
];
const FEATURE_NAMES: StaticArray<string> = ["NXE", "FFXSR", "TCE", "MCOMMIT", "INTWB", "UAIE", "AIBRSE"];
const FEATURE_WORDS: StaticArray<string> = ["nxe", "ffxsr", "tce", "mcommit", "intwb", "uaie", "aibrse"];
const FEATURE_CAPABILITIES: StaticArray<u32> = [
  CAP_CPUID_80000001_EDX,
  CAP_CPUID_80000001_EDX,
  CAP_CPUID_80000001_ECX,
  CAP_CPUID_80000008_EBX,
  CAP_CPUID_80000008_EBX,
  CAP_CPUID_80000021_EAX,
  CAP_CPUID_80000021_EAX,
];
const FEATURES: StaticArray<u32> = [
  CPUID_EXTENDED_EDX_NX,
  CPUID_EXTENDED_EDX_FFXSR,
  CPUID_EXTENDED_ECX_TCE,
  CPUID_80000008_EBX_MCOMMIT,
  CPUID_80000008_EBX_INTWB,
  CPUID_80000021_EAX_UAI,
  CPUID_80000021_EAX_AUTOMATIC_IBRS,
];
const FEATURE_PLACES: StaticArray<string> = [
  "CPUID.80000001H:EDX[20]",
  "CPUID.80000001H:EDX[25]",
  "CPUID.80000001H:ECX[17]",
  "CPUID.80000008H:EBX[8]",
  "CPUID.80000008H:EBX[13]",
  "CPUID.80000021H:EAX[7]",
  "CPUID.80000021H:EAX[8]",
];

/** Adds the rows. */
export function addEferRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "15.5.1");
  rules.add(
    "vmcb.efer.svme",
    EFER_ONLY,
    (s: Subject): Tri => s.mustBeOne(EFER, EFER_SVME),
    "EFER.SVME of the guest must be 1.",
    "It is 1 in the VMCB even if the guest sees 0: intercept RDMSR and WRMSR of EFER.",
  );
  rules.add(
    "vmcb.efer.reserved",
    EFER_ONLY,
    (s: Subject): Tri => s.mustBeZero(EFER, RESERVED),
    "Bits 63:22, 19, 16 and 9 of EFER must be 0.",
  );
  for (let row = 0; row < FEATURE_BITS.length; row++) addFeature(rules, row);
  rules.add(
    "vmcb.efer.lmsle",
    LMSLE,
    (s: Subject): Tri =>
      implies(
        s.isSet(EFER, EFER_LMSLE),
        s.blame(EFER, EFER_LMSLE, not(s.where(CAP_CPUID_80000008_EBX, CPUID_80000008_EBX_NO_LMSLE))),
      ),
    "EFER.LMSLE must be 0 on a processor without it (CPUID.80000008H:EBX[20] = 1).",
  );
  rules.add(
    "vmcb.efer.long-mode",
    LONG_MODE,
    (s: Subject): Tri => s.mustBeSupported(EFER, EFER_LME | EFER_LMA, CAP_CPUID_80000001_EDX, CPUID_EXTENDED_EDX_LM),
    "EFER.LME and EFER.LMA must be 0 on a processor without long mode (CPUID.80000001H:EDX[29] = 0).",
  );
  addModes(rules);
}

function addFeature(rules: Rules, row: i32): void {
  rules.add(
    "vmcb.efer." + FEATURE_WORDS[row],
    [EFER, FEATURE_CAPABILITIES[row]],
    (s: Subject): Tri =>
      s.mustBeSupported(EFER, FEATURE_BITS[s.row], FEATURE_CAPABILITIES[s.row], <u64>FEATURES[s.row]),
    "EFER." + FEATURE_NAMES[row] + " must be 0 on a processor without it (" + FEATURE_PLACES[row] + " = 0).",
    "",
    row,
  );
}

function addModes(rules: Rules): void {
  rules.add(
    "vmcb.efer.lme.pae",
    PAE,
    (s: Subject): Tri => implies(willBeLongMode(s), s.mustBeOne(CR4, CR4_PAE)),
    "With EFER.LME and CR0.PG, CR4.PAE must be 1.",
    "A guest that starts in real or protected mode has EFER.LME = 0, and CR0.PG = 0 until it pages.",
  );
  rules.add(
    "vmcb.efer.lme.pe",
    PE,
    (s: Subject): Tri => implies(willBeLongMode(s), s.mustBeOne(CR0, CR0_PE)),
    "With EFER.LME and CR0.PG, CR0.PE must be 1.",
    "CR0.PG without CR0.PE is paged real mode, which a VMCB may have, but not in long mode.",
  );
  rules.add(
    "vmcb.efer.lme.cs",
    CODE_SEGMENT,
    (s: Subject): Tri =>
      implies(
        both(both(willBeLongMode(s), s.isSet(CR4, CR4_PAE)), s.isSet(CS_ATTRIBUTES, ATTRIBUTE_LONG)),
        s.mustBeZero(CS_ATTRIBUTES, ATTRIBUTE_DEFAULT),
      ),
    "With EFER.LME, CR0.PG, CR4.PAE and CS.L, CS.D must be 0.",
    "The attributes are 12 bits, the descriptor's bits 55:52 behind its bits 47:40: L is bit 9, D bit 10.",
  );
}
