// Rules of VMRUN on the guest's CR0, CR3, CR4, DR6 and DR7 (APM 2 15.5.1, 3.1).

import { CR0_CD, CR0_NW } from "../../../x86/control-registers";
import { CAP_CPUID_80000008_EAX } from "../../inputs";
import { Rules, STAGE_GUEST } from "../../rule";
import { Subject } from "../../subject";
import { implies, Tri } from "../../tri";
import { willBeLongMode } from "../conditions";
import { CR0, CR3, CR4, DR6, DR7, EFER } from "../fields";

const CR0_ONLY: StaticArray<u32> = [CR0];
const CR3_WIDTH: StaticArray<u32> = [CR3, EFER, CR0, CAP_CPUID_80000008_EAX];
const CR4_ONLY: StaticArray<u32> = [CR4];
const DR6_ONLY: StaticArray<u32> = [DR6];
const DR7_ONLY: StaticArray<u32> = [DR7];

const HIGH_HALF: u64 = 0xffffffff00000000;
/** Bits 63:24, 19 and 15:13: no processor of AMD's has them, so that CPUID says nothing of them. */
const CR4_RESERVED: u64 = 0xffffffffff08e000;

/** Adds the rows. */
export function addControlRegisterRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "15.5.1");
  rules.add(
    "vmcb.cr0.nw",
    CR0_ONLY,
    (s: Subject): Tri => implies(s.isClear(CR0, CR0_CD), s.mustBeZero(CR0, CR0_NW)),
    "With CR0.CD = 0, CR0.NW must be 0.",
  );
  rules.add(
    "vmcb.cr0.upper",
    CR0_ONLY,
    (s: Subject): Tri => s.mustBeZero(CR0, HIGH_HALF),
    "Bits 63:32 of CR0 must be 0.",
  );
  rules.add(
    "vmcb.cr3.maxphyaddr",
    CR3_WIDTH,
    (s: Subject): Tri => implies(willBeLongMode(s), s.mustBeWithinMaxphyaddr(CR3)),
    "In long mode, bits 63:N of CR3 must be 0, where N is the width of physical addresses (CPUID.80000008H:EAX[7:0]).",
    "Bit 63, which MOV to CR3 takes to keep the TLB, is no part of the register.",
  );
  rules.add(
    "vmcb.cr4.reserved",
    CR4_ONLY,
    (s: Subject): Tri => s.mustBeZero(CR4, CR4_RESERVED),
    "Bits 63:24, 19 and 15:13 of CR4 must be 0.",
    "Bit 13, VMXE, is Intel's: a guest for both kinds of processor must not carry it over.",
  );
  rules.add(
    "vmcb.dr6.upper",
    DR6_ONLY,
    (s: Subject): Tri => s.mustBeZero(DR6, HIGH_HALF),
    "Bits 63:32 of DR6 must be 0.",
  );
  rules.add(
    "vmcb.dr7.upper",
    DR7_ONLY,
    (s: Subject): Tri => s.mustBeZero(DR7, HIGH_HALF),
    "Bits 63:32 of DR7 must be 0.",
  );
}
