// Rules of VMCLEAR and VMPTRLD on their operands (SDM 3C 31.3).

import { SECONDARY_VMCS_SHADOWING } from "../../x86/vmx-controls";
import {
  CAP_BASIC,
  CAP_CPUID_80000008_EAX,
  CAP_PROCBASED_CTLS2,
  STATE_VMCLEAR_POINTER,
  STATE_VMPTRLD_POINTER,
  STATE_VMPTRLD_REVISION,
  STATE_VMXON_POINTER,
} from "../inputs";
import { revisionMatches } from "../preconditions";
import { Rules, STAGE_PREPARATION } from "../rule";
import { Subject } from "../subject";
import { implies, Tri, UNKNOWN } from "../tri";

const CLEAR: StaticArray<u32> = [STATE_VMCLEAR_POINTER];
const CLEAR_WIDTH: StaticArray<u32> = [STATE_VMCLEAR_POINTER, CAP_CPUID_80000008_EAX, CAP_BASIC];
const CLEAR_AND_VMXON: StaticArray<u32> = [STATE_VMCLEAR_POINTER, STATE_VMXON_POINTER];
const LOAD: StaticArray<u32> = [STATE_VMPTRLD_POINTER];
const LOAD_WIDTH: StaticArray<u32> = [STATE_VMPTRLD_POINTER, CAP_CPUID_80000008_EAX, CAP_BASIC];
const LOAD_AND_VMXON: StaticArray<u32> = [STATE_VMPTRLD_POINTER, STATE_VMXON_POINTER];
const REVISION: StaticArray<u32> = [STATE_VMPTRLD_REVISION, CAP_BASIC];
const SHADOW: StaticArray<u32> = [STATE_VMPTRLD_REVISION, CAP_PROCBASED_CTLS2];

const WITHIN_PAGE: u64 = 0xfff;
const SHADOW_VMCS: u64 = 0x80000000;
const SHADOWING_ALLOWED: u64 = (<u64>SECONDARY_VMCS_SHADOWING) << 32;

const HINT_POINTER: string =
  "The operand is a quadword in memory that holds the region's physical address, and not the region itself.";
const HINT_PHYSICAL: string = "The pointer is a physical address: translate the virtual one.";
const HINT_VMXON_REGION: string = "The VMXON region is the processor's own: give each VMCS a page of its own.";

/** Adds the rows. */
export function addVmcsPointerRules(rules: Rules): void {
  rules.at(STAGE_PREPARATION, "31.3");
  addVmclearRules(rules);
  addVmptrldRules(rules);
}

function addVmclearRules(rules: Rules): void {
  rules.add(
    "vmclear.pointer.alignment",
    CLEAR,
    (s: Subject): Tri => s.mustBeZero(STATE_VMCLEAR_POINTER, WITHIN_PAGE),
    "Bits 11:0 of VMCLEAR's pointer must be 0, else VM-instruction error 2 (VMfailInvalid without a current VMCS).",
    HINT_POINTER,
  );
  rules.add(
    "vmclear.pointer.maxphyaddr",
    CLEAR_WIDTH,
    (s: Subject): Tri => s.mustBePhysicalAddress(STATE_VMCLEAR_POINTER),
    "Bits 63:N of VMCLEAR's pointer must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]), or 32 where IA32_VMX_BASIC[48] = 1; else VM-instruction error 2 (VMfailInvalid without a current VMCS).",
    HINT_PHYSICAL,
  );
  rules.add(
    "vmclear.pointer.vmxon",
    CLEAR_AND_VMXON,
    (s: Subject): Tri => differs(s, STATE_VMCLEAR_POINTER, STATE_VMXON_POINTER),
    "VMCLEAR's pointer must not be the VMXON pointer, else VM-instruction error 3 (VMfailInvalid without a current VMCS).",
    HINT_VMXON_REGION,
  );
}

function addVmptrldRules(rules: Rules): void {
  rules.add(
    "vmptrld.pointer.alignment",
    LOAD,
    (s: Subject): Tri => s.mustBeZero(STATE_VMPTRLD_POINTER, WITHIN_PAGE),
    "Bits 11:0 of VMPTRLD's pointer must be 0, else VM-instruction error 9 (VMfailInvalid without a current VMCS).",
    HINT_POINTER,
  );
  rules.add(
    "vmptrld.pointer.maxphyaddr",
    LOAD_WIDTH,
    (s: Subject): Tri => s.mustBePhysicalAddress(STATE_VMPTRLD_POINTER),
    "Bits 63:N of VMPTRLD's pointer must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]), or 32 where IA32_VMX_BASIC[48] = 1; else VM-instruction error 9 (VMfailInvalid without a current VMCS).",
    HINT_PHYSICAL,
  );
  rules.add(
    "vmptrld.pointer.vmxon",
    LOAD_AND_VMXON,
    (s: Subject): Tri => differs(s, STATE_VMPTRLD_POINTER, STATE_VMXON_POINTER),
    "VMPTRLD's pointer must not be the VMXON pointer, else VM-instruction error 10 (VMfailInvalid without a current VMCS).",
    HINT_VMXON_REGION,
  );
  rules.add(
    "vmptrld.revision-identifier",
    REVISION,
    (s: Subject): Tri => revisionMatches(s, STATE_VMPTRLD_REVISION),
    "Bits 30:0 of the VMCS region must be the VMCS revision identifier, IA32_VMX_BASIC[30:0], at VMPTRLD; else VM-instruction error 11 (VMfailInvalid without a current VMCS).",
    "Write the identifier into the first four bytes of the zeroed region before VMCLEAR; VMCLEAR does not write it.",
  );
  rules.add(
    "vmptrld.shadow-vmcs",
    SHADOW,
    (s: Subject): Tri =>
      implies(
        s.isSet(STATE_VMPTRLD_REVISION, SHADOW_VMCS),
        s.blame(STATE_VMPTRLD_REVISION, SHADOW_VMCS, s.supports(CAP_PROCBASED_CTLS2, SHADOWING_ALLOWED)),
      ),
    'Bit 31 of the first four bytes of the VMCS region, the shadow-VMCS indicator, must be 0 at VMPTRLD on a processor without "VMCS shadowing" (IA32_VMX_PROCBASED_CTLS2[46] = 0); else VM-instruction error 11 (VMfailInvalid without a current VMCS).',
    "Only the VMCS that a VMCS link pointer names is a shadow VMCS.",
  );
}

/** Blames the first pointer where the two are equal. */
function differs(s: Subject, pointer: u32, other: u32): Tri {
  if (!s.needs(pointer) || !s.needs(other)) return UNKNOWN;
  return s.mustNotEqual(pointer, s.get(other));
}
