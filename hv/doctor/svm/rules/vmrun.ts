// Rules of VMRUN on the processor that executes it, and on its operand (APM 2 15.5.1, 15.25.3).

import { CR0_PE, CR0_PG } from "../../../x86/control-registers";
import { EFER_SVME } from "../../../x86/msr";
import { CAP_CPUID_80000008_EAX, STATE_CPL, STATE_CR0, STATE_EFER, STATE_VMCB_POINTER } from "../../inputs";
import { Rules, STAGE_BASIC } from "../../rule";
import { Subject } from "../../subject";
import { implies, Tri } from "../../tri";
import { usesNestedPaging } from "../conditions";
import { NESTED_CONTROL } from "../fields";

const HOST_EFER: StaticArray<u32> = [STATE_EFER];
const HOST_CR0: StaticArray<u32> = [STATE_CR0];
const HOST_CPL: StaticArray<u32> = [STATE_CPL];
const POINTER: StaticArray<u32> = [STATE_VMCB_POINTER];
const POINTER_WIDTH: StaticArray<u32> = [STATE_VMCB_POINTER, CAP_CPUID_80000008_EAX];
const NESTED: StaticArray<u32> = [STATE_CR0, NESTED_CONTROL];

const PAGE_OFFSET: u64 = 0xfff;

/** Adds the rows. */
export function addVmrunRules(rules: Rules): void {
  rules.at(STAGE_BASIC, "15.5.1");
  rules.add(
    "vmrun.svme",
    HOST_EFER,
    (s: Subject): Tri => s.mustBeOne(STATE_EFER, EFER_SVME),
    "EFER.SVME of the host must be 1 at VMRUN, else it is an invalid opcode (#UD).",
    "Each logical processor has an EFER of its own; where VM_CR.SVMDIS is 1, the bit cannot be set.",
  );
  rules.add(
    "vmrun.protected-mode",
    HOST_CR0,
    (s: Subject): Tri => s.mustBeOne(STATE_CR0, CR0_PE),
    "CR0.PE of the host must be 1 at VMRUN, else it is an invalid opcode (#UD).",
  );
  rules.add(
    "vmrun.cpl",
    HOST_CPL,
    (s: Subject): Tri => s.mustEqual(STATE_CPL, 0),
    "The CPL must be 0 at VMRUN, else it is a general-protection exception (#GP).",
  );
  rules.add(
    "vmrun.pointer.alignment",
    POINTER,
    (s: Subject): Tri => s.mustBeZero(STATE_VMCB_POINTER, PAGE_OFFSET),
    "Bits 11:0 of rAX must be 0 at VMRUN, as the VMCB is a page of 4 KiB; else it is a general-protection exception (#GP).",
  );
  rules.add(
    "vmrun.pointer.maxphyaddr",
    POINTER_WIDTH,
    (s: Subject): Tri => s.mustBeWithinMaxphyaddr(STATE_VMCB_POINTER),
    "Bits 63:N of rAX must be 0 at VMRUN, where N is the width of physical addresses (CPUID.80000008H:EAX[7:0]); else it is a general-protection exception (#GP).",
    "The operand is the VMCB's physical address: translate the virtual one.",
  );
  rules.at(STAGE_BASIC, "15.25.3");
  rules.add(
    "vmrun.nested-paging",
    NESTED,
    (s: Subject): Tri => implies(usesNestedPaging(s), s.mustBeOne(STATE_CR0, CR0_PG)),
    "With nested paging (NP_ENABLE), CR0.PG of the host must be 1, else VMRUN ends with VMEXIT_INVALID.",
    "The nested page tables have the host's paging mode, and so the host must have one.",
  );
}
