// Advice on a VMCB: what VMRUN takes, or what the manual only reserves, and what is rarely meant.

import { CR0_PG } from "../../../x86/control-registers";
import { CPUID_SVM_EDX_FLUSH_BY_ASID, CPUID_SVM_EDX_NESTED_PAGING } from "../../../x86/cpuid";
import { EFER_LMA, EFER_LME } from "../../../x86/msr";
import { INTERCEPT_SHUTDOWN, NESTED_PAGING_ENABLE, TLB_CONTROL_FLUSH_ALL } from "../../../x86/vmcb";
import { CAP_CPUID_8000000A_EBX, CAP_CPUID_8000000A_EDX } from "../../inputs";
import { Rules, STAGE_ADVICE } from "../../rule";
import { isCanonical, Subject } from "../../subject";
import { both, implies, Tri, tri, YES } from "../../tri";
import { willBe64BitMode } from "../conditions";
import {
  CLEAN,
  CR0,
  CS_ATTRIBUTES,
  EFER,
  GUEST_ASID,
  INTERCEPTS_1,
  IOPM_BASE_PA,
  MSRPM_BASE_PA,
  NESTED_CONTROL,
  RIP,
  TLB_CONTROL,
} from "../fields";

const ASIDS: StaticArray<u32> = [GUEST_ASID, CAP_CPUID_8000000A_EBX];
const NESTED: StaticArray<u32> = [NESTED_CONTROL, CAP_CPUID_8000000A_EDX];
const FLUSH: StaticArray<u32> = [TLB_CONTROL, CAP_CPUID_8000000A_EDX];
const MAPS: StaticArray<u32> = [IOPM_BASE_PA, MSRPM_BASE_PA];
const MODE: StaticArray<u32> = [EFER, CR0];
const SHUTDOWN: StaticArray<u32> = [INTERCEPTS_1];
const ENTRY_POINT: StaticArray<u32> = [RIP, EFER, CR0, CS_ATTRIBUTES];
const CLEAN_BITS: StaticArray<u32> = [CLEAN];

const PAGE_OFFSET: u64 = 0xfff;
/** 0, 1, 3 and 7. */
const KNOWN_FLUSHES: u32 = 0x8b;
const LAST_FLUSH: u64 = 7;
const LARGEST_LINEAR: u64 = 57;

/** Adds the rows. */
export function addSvmAdvice(rules: Rules): void {
  rules.at(STAGE_ADVICE, "");
  rules.add(
    "advice.vmcb.asid",
    ASIDS,
    (s: Subject): Tri => asidIsThere(s),
    "The guest's ASID should be below the number of ASIDs (CPUID.8000000AH:EBX): what VMRUN makes of another one the manual leaves open.",
    "EBX counts the host's ASID 0: with 16 the last one is 15.",
  );
  rules.add(
    "advice.vmcb.nested-paging",
    NESTED,
    (s: Subject): Tri =>
      presumed(
        s,
        CAP_CPUID_8000000A_EDX,
        s.mustBeSupported(NESTED_CONTROL, NESTED_PAGING_ENABLE, CAP_CPUID_8000000A_EDX, CPUID_SVM_EDX_NESTED_PAGING),
      ),
    "Nested paging should be enabled only where the processor has it (CPUID.8000000AH:EDX[0] = 1).",
    "The guest runs on its own CR3 alone, which then must be a physical address of the host.",
  );
  rules.add(
    "advice.vmcb.tlb-control",
    FLUSH,
    (s: Subject): Tri => flushExists(s),
    "TLB_CONTROL should be 0 or 1, or 3 or 7 on a processor with FlushByAsid (CPUID.8000000AH:EDX[6] = 1); the others are reserved.",
  );
  rules.add(
    "advice.vmcb.permission-maps",
    MAPS,
    (s: Subject): Tri => both(s.mustBeZero(IOPM_BASE_PA, PAGE_OFFSET), s.mustBeZero(MSRPM_BASE_PA, PAGE_OFFSET)),
    "The permission maps should begin at a page: bits 11:0 of their addresses are ignored.",
  );
  addGuestAdvice(rules);
}

function addGuestAdvice(rules: Rules): void {
  rules.add(
    "advice.vmcb.lma",
    MODE,
    (s: Subject): Tri => implies(tri(s.has(CR0)), s.mustAgree(EFER, EFER_LMA, longModeIsOn(s))),
    "EFER.LMA should be 1 with EFER.LME and CR0.PG, and 0 otherwise: VMRUN does not compare them.",
  );
  rules.add(
    "advice.vmcb.shutdown",
    SHUTDOWN,
    (s: Subject): Tri => s.mustBeOne(INTERCEPTS_1, INTERCEPT_SHUTDOWN),
    "SHUTDOWN should be intercepted (bit 31 of the intercepts at offset 00CH): else a guest's triple fault is the host's.",
  );
  rules.add(
    "advice.vmcb.rip",
    ENTRY_POINT,
    (s: Subject): Tri => implies(willBe64BitMode(s), s.must(RIP, isCanonical(s.get(RIP), LARGEST_LINEAR))),
    "In 64-bit mode RIP should be canonical: VMRUN takes another one, and the guest begins with a #GP.",
  );
  rules.add(
    "advice.vmcb.clean",
    CLEAN_BITS,
    (s: Subject): Tri => s.mustEqual(CLEAN, 0),
    "Where a VMCB is refused, the clean bits should be 0: the processor may judge what it kept from before, not what is in memory.",
    "Clear the bit of each group of fields that was changed; all of them at a VMCB's first VMRUN, and on another processor.",
  );
}

/** Advice takes what is not known for right. */
function presumed(s: Subject, capability: u32, advice: Tri): Tri {
  return s.has(capability) ? advice : YES;
}

function asidIsThere(s: Subject): Tri {
  if (!s.has(CAP_CPUID_8000000A_EBX) || !s.has(GUEST_ASID)) return YES;
  return s.must(GUEST_ASID, s.get(GUEST_ASID) < s.get(CAP_CPUID_8000000A_EBX));
}

function flushExists(s: Subject): Tri {
  if (!s.has(TLB_CONTROL)) return YES;
  const flush = s.get(TLB_CONTROL);
  const isKnown = flush <= LAST_FLUSH && ((KNOWN_FLUSHES >> (<u32>flush)) & 1) != 0;
  if (!isKnown) return s.must(TLB_CONTROL, false);
  if (flush <= <u64>TLB_CONTROL_FLUSH_ALL) return YES;
  return presumed(
    s,
    CAP_CPUID_8000000A_EDX,
    s.blame(TLB_CONTROL, 0, s.supports(CAP_CPUID_8000000A_EDX, CPUID_SVM_EDX_FLUSH_BY_ASID)),
  );
}

function longModeIsOn(s: Subject): Tri {
  return both(s.isSet(EFER, EFER_LME), s.isSet(CR0, CR0_PG));
}
