// Rules of VM entry on the host's control registers (SDM 3C 27.2.2).

import { CR0_CD, CR0_NW, CR0_WP, CR3_LAM_U48, CR3_LAM_U57, CR4_CET } from "../../x86/control-registers";
import { CPUID_7_1_EAX_LAM } from "../../x86/cpuid";
import { HOST_CR0, HOST_CR3, HOST_CR4 } from "../../x86/vmcs-fields";
import { CR0_FIXED, CR4_FIXED, mustSetFixed, mustSetNoUnsupported } from "../fixed-bits";
import {
  CAP_CPUID_7_1_EAX,
  CAP_CPUID_80000008_EAX,
  CAP_CR0_FIXED0,
  CAP_CR0_FIXED1,
  CAP_CR4_FIXED0,
  CAP_CR4_FIXED1,
} from "../inputs";
import { Rules, STAGE_HOST } from "../rule";
import { Subject } from "../subject";
import { implies, Tri } from "../tri";

const CR0_ONES: StaticArray<u32> = [HOST_CR0, CAP_CR0_FIXED0];
const CR0_ZEROS: StaticArray<u32> = [HOST_CR0, CAP_CR0_FIXED1];
const CR4_ONES: StaticArray<u32> = [HOST_CR4, CAP_CR4_FIXED0];
const CR4_ZEROS: StaticArray<u32> = [HOST_CR4, CAP_CR4_FIXED1];
const CR4_AND_CR0: StaticArray<u32> = [HOST_CR4, HOST_CR0];
const CR3_WIDTH: StaticArray<u32> = [HOST_CR3, CAP_CPUID_80000008_EAX];
const CR3_LAM: StaticArray<u32> = [HOST_CR3, CAP_CPUID_7_1_EAX];

/** VM exits do not change NW and CD, so that VM entry does not look at them. */
const CR0_CHECKED: u64 = ~(CR0_NW | CR0_CD);
const ALL_BITS: u64 = u64.MAX_VALUE;
const LAM: u64 = CR3_LAM_U48 | CR3_LAM_U57;

/** Adds the rows. */
export function addHostControlRegisterRules(rules: Rules): void {
  rules.at(STAGE_HOST, "27.2.2");
  rules.add(
    "host.cr0.fixed0",
    CR0_ONES,
    (s: Subject): Tri => mustSetFixed(s, HOST_CR0, CAP_CR0_FIXED0, CR0_CHECKED, CR0_FIXED),
    "Each bit of the host's CR0 must be 1 that IA32_VMX_CR0_FIXED0 has as 1, but for NW and CD.",
    "PE, NE and PG are fixed to 1: NE is the one that is forgotten.",
  );
  rules.add(
    "host.cr0.fixed1",
    CR0_ZEROS,
    (s: Subject): Tri => mustSetNoUnsupported(s, HOST_CR0, CAP_CR0_FIXED1, CR0_CHECKED),
    "Each bit of the host's CR0 must be 0 that IA32_VMX_CR0_FIXED1 has as 0, but for NW and CD.",
  );
  rules.add(
    "host.cr4.fixed0",
    CR4_ONES,
    (s: Subject): Tri => mustSetFixed(s, HOST_CR4, CAP_CR4_FIXED0, ALL_BITS, CR4_FIXED),
    "Each bit of the host's CR4 must be 1 that IA32_VMX_CR4_FIXED0 has as 1.",
    "VMXE is fixed to 1: read CR4 after it was set, not before.",
  );
  rules.add(
    "host.cr4.fixed1",
    CR4_ZEROS,
    (s: Subject): Tri => mustSetNoUnsupported(s, HOST_CR4, CAP_CR4_FIXED1, ALL_BITS),
    "Each bit of the host's CR4 must be 0 that IA32_VMX_CR4_FIXED1 has as 0.",
  );
  rules.add(
    "host.cr4.cet",
    CR4_AND_CR0,
    (s: Subject): Tri => implies(s.isSet(HOST_CR4, CR4_CET), s.mustBeOne(HOST_CR0, CR0_WP)),
    "With CR4.CET = 1 for the host, its CR0.WP must be 1.",
  );
  rules.add(
    "host.cr3.maxphyaddr",
    CR3_WIDTH,
    (s: Subject): Tri => s.mustBeWithinMaxphyaddr(HOST_CR3, ~LAM),
    "Bits 63, 60:52 and 51:N of the host's CR3 must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]).",
    "Bit 63 of MOV to CR3 (keep the TLB) is not part of the register: do not store it.",
  );
  rules.add(
    "host.cr3.lam",
    CR3_LAM,
    (s: Subject): Tri => s.mustBeSupported(HOST_CR3, LAM, CAP_CPUID_7_1_EAX, CPUID_7_1_EAX_LAM),
    "Bits 62:61 (LAM_U48, LAM_U57) of the host's CR3 must be 0 on a processor without linear-address masking.",
  );
}
