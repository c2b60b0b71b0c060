// The words of CPUID that the rules of VM entry read.

import { CPUID_LEAF_ADDRESS_SIZES, CPUID_LEAF_EXTENDED_MAXIMUM, CPUID_LEAF_VENDOR } from "../../x86/cpuid";
import {
  CAP_CPUID_14_EBX,
  CAP_CPUID_14_ECX,
  CAP_CPUID_1C_EAX,
  CAP_CPUID_1C_EBX,
  CAP_CPUID_1_ECX,
  CAP_CPUID_1_EDX,
  CAP_CPUID_7_1_EAX,
  CAP_CPUID_7_1_EDX,
  CAP_CPUID_7_2_EDX,
  CAP_CPUID_7_EBX,
  CAP_CPUID_7_ECX,
  CAP_CPUID_7_EDX,
  CAP_CPUID_80000001_ECX,
  CAP_CPUID_80000001_EDX,
  CAP_CPUID_80000008_EAX,
  CAP_CPUID_80000008_EBX,
  CAP_CPUID_8000000A_EBX,
  CAP_CPUID_8000000A_ECX,
  CAP_CPUID_8000000A_EDX,
  CAP_CPUID_80000021_EAX,
  CAP_CPUID_A_EAX,
  CAP_CPUID_A_ECX,
  CAP_CPUID_A_EDX,
  CAP_CPUID_D_1_EAX,
} from "../../doctor/inputs";
import { Subject } from "../../doctor/subject";
import { Cpuid } from "./cpuid";

// Leaf, sub-leaf, and the place of the register (EAX, EBX, ECX, EDX).
const CPUID_INPUTS: StaticArray<u32> = [
  CAP_CPUID_1_ECX,
  CAP_CPUID_1_EDX,
  CAP_CPUID_7_EBX,
  CAP_CPUID_7_ECX,
  CAP_CPUID_7_EDX,
  CAP_CPUID_7_1_EAX,
  CAP_CPUID_7_1_EDX,
  CAP_CPUID_A_EAX,
  CAP_CPUID_A_ECX,
  CAP_CPUID_A_EDX,
  CAP_CPUID_D_1_EAX,
  CAP_CPUID_14_EBX,
  CAP_CPUID_1C_EAX,
  CAP_CPUID_80000001_ECX,
  CAP_CPUID_80000001_EDX,
  CAP_CPUID_80000008_EAX,
  CAP_CPUID_7_2_EDX,
  CAP_CPUID_14_ECX,
  CAP_CPUID_1C_EBX,
  CAP_CPUID_80000008_EBX,
  CAP_CPUID_8000000A_EBX,
  CAP_CPUID_8000000A_ECX,
  CAP_CPUID_8000000A_EDX,
  CAP_CPUID_80000021_EAX,
];
const EXTENDED: u32 = CPUID_LEAF_EXTENDED_MAXIMUM;
const LEAVES: StaticArray<u32> = [
  1,
  1,
  7,
  7,
  7,
  7,
  7,
  0xa,
  0xa,
  0xa,
  0xd,
  0x14,
  0x1c,
  EXTENDED + 1,
  EXTENDED + 1,
  CPUID_LEAF_ADDRESS_SIZES,
  7,
  0x14,
  0x1c,
  CPUID_LEAF_ADDRESS_SIZES,
  EXTENDED + 0xa,
  EXTENDED + 0xa,
  EXTENDED + 0xa,
  EXTENDED + 0x21,
];
// prettier-ignore
const SUBLEAVES: StaticArray<u32> = [
  0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
];
const EAX: u32 = 0;
const EBX: u32 = 1;
const ECX: u32 = 2;
const EDX: u32 = 3;
const WORDS: StaticArray<u32> = [
  ECX,
  EDX,
  EBX,
  ECX,
  EDX,
  EAX,
  EDX,
  EAX,
  ECX,
  EDX,
  EAX,
  EBX,
  EAX,
  ECX,
  EDX,
  EAX,
  EDX,
  ECX,
  EBX,
  EBX,
  EBX,
  ECX,
  EDX,
  EAX,
];

/** Reads them all. What the processor does not have reads as 0. */
export function readCpuidInputs(subject: Subject): void {
  const cpuid = new Cpuid();
  for (let i = 0; i < CPUID_INPUTS.length; i++) {
    cpuid.read(LEAVES[i] >= EXTENDED ? EXTENDED : CPUID_LEAF_VENDOR, 0);
    let exists = LEAVES[i] <= cpuid.eax;
    if (exists && SUBLEAVES[i] != 0) {
      cpuid.read(LEAVES[i], 0);
      // Leaf 7 says in EAX how many sub-leaves it has; leaf DH has sub-leaf 1 wherever it exists (SDM 2A, "CPUID").
      exists = LEAVES[i] != 7 || cpuid.eax >= SUBLEAVES[i];
    }
    if (exists) cpuid.read(LEAVES[i], SUBLEAVES[i]);
    subject.set(CPUID_INPUTS[i], exists ? wordOf(cpuid, WORDS[i]) : 0);
  }
}

function wordOf(cpuid: Cpuid, word: u32): u32 {
  if (word == EAX) return cpuid.eax;
  if (word == EBX) return cpuid.ebx;
  return word == ECX ? cpuid.ecx : cpuid.edx;
}
