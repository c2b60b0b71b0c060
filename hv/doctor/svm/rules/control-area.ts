// Rules of VMRUN on intercepts, permission maps, the ASID and virtual NMIs (APM 2 15.5.1, 15.21.10).

import { CPUID_SVM_EDX_VIRTUAL_NMI } from "../../../x86/cpuid";
import { INTERCEPT_NMI, INTERCEPT_VMRUN, VINTR_NMI_ENABLE } from "../../../x86/vmcb";
import { CAP_CPUID_80000008_EAX, CAP_CPUID_8000000A_EDX } from "../../inputs";
import { Rules, STAGE_CONTROLS } from "../../rule";
import { Subject } from "../../subject";
import { implies, Tri } from "../../tri";
import { isEnabled } from "../conditions";
import { GUEST_ASID, INTERCEPTS_1, INTERCEPTS_2, IOPM_BASE_PA, MSRPM_BASE_PA, VINTR } from "../fields";
import { pagesMustLieInPhysicalAddresses } from "../physical-addresses";

const VMRUN_INTERCEPT: StaticArray<u32> = [INTERCEPTS_2];
const IOPM: StaticArray<u32> = [IOPM_BASE_PA, CAP_CPUID_80000008_EAX];
const MSRPM: StaticArray<u32> = [MSRPM_BASE_PA, CAP_CPUID_80000008_EAX];
const ASID: StaticArray<u32> = [GUEST_ASID];
const VIRTUAL_NMI: StaticArray<u32> = [INTERCEPTS_1, VINTR, CAP_CPUID_8000000A_EDX];

/** A bit a port, and one page for the ports behind 0xffff that a wide access at it touches (APM 2 15.10.1). */
const IOPM_BYTES: u64 = 0x3000;
/** Two bits for each of 24,576 MSRs, and 2 KiB that are reserved (APM 2 15.11). */
const MSRPM_BYTES: u64 = 0x2000;

/** Adds the rows. */
export function addControlAreaRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "15.5.1");
  rules.add(
    "vmcb.intercept.vmrun",
    VMRUN_INTERCEPT,
    (s: Subject): Tri => s.mustBeOne(INTERCEPTS_2, INTERCEPT_VMRUN),
    "VMRUN must be intercepted (bit 0 of the intercepts at offset 010H).",
    "A guest that may not know of SVM needs the intercept as well: there is no VMRUN without it.",
  );
  rules.add(
    "vmcb.iopm.maxphyaddr",
    IOPM,
    (s: Subject): Tri => pagesMustLieInPhysicalAddresses(s, IOPM_BASE_PA, IOPM_BYTES),
    "The I/O permission map, 12 KiB from IOPM_BASE_PA on, must end within physical addresses (CPUID.80000008H:EAX[7:0]), whether IN and OUT are intercepted or not.",
    "The field is a physical address; 0 is as good as any other where the intercept is off.",
  );
  rules.add(
    "vmcb.msrpm.maxphyaddr",
    MSRPM,
    (s: Subject): Tri => pagesMustLieInPhysicalAddresses(s, MSRPM_BASE_PA, MSRPM_BYTES),
    "The MSR permission map, 8 KiB from MSRPM_BASE_PA on, must end within physical addresses (CPUID.80000008H:EAX[7:0]), whether RDMSR and WRMSR are intercepted or not.",
    "The field is a physical address; 0 is as good as any other where the intercept is off.",
  );
  rules.add(
    "vmcb.asid.zero",
    ASID,
    (s: Subject): Tri => s.mustNotEqual(GUEST_ASID, 0),
    "The guest's ASID must not be 0, which is the host's.",
    "A single guest can have ASID 1, with TLB_CONTROL = 1 wherever its translations may be stale.",
  );
  rules.at(STAGE_CONTROLS, "15.21.10");
  rules.add(
    "vmcb.virtual-nmi.intercept",
    VIRTUAL_NMI,
    (s: Subject): Tri =>
      implies(isEnabled(s, VINTR_NMI_ENABLE, CPUID_SVM_EDX_VIRTUAL_NMI), s.mustBeOne(INTERCEPTS_1, INTERCEPT_NMI)),
    "With virtual NMIs (V_NMI_ENABLE), NMIs must be intercepted.",
  );
}
