// Rules of VMXON on the processor and on the VMXON region (SDM 3C 31.3; the restrictions are those of 24.7 and 24.8).

import { CR0_PE, CR4_VMXE, RFLAGS_VM } from "../../x86/control-registers";
import { FEATURE_CONTROL_LOCKED, FEATURE_CONTROL_VMX_INSIDE_SMX, FEATURE_CONTROL_VMX_OUTSIDE_SMX } from "../../x86/msr";
import {
  CAP_BASIC,
  CAP_CPUID_80000008_EAX,
  CAP_CR0_FIXED0,
  CAP_CR0_FIXED1,
  CAP_CR4_FIXED0,
  CAP_CR4_FIXED1,
  STATE_A20M,
  STATE_CPL,
  STATE_CR0,
  STATE_CR4,
  STATE_CS_L,
  STATE_EFER,
  STATE_FEATURE_CONTROL,
  STATE_IN_SMX_OPERATION,
  STATE_RFLAGS,
  STATE_VMXON_POINTER,
  STATE_VMXON_REVISION,
} from "../inputs";
import { fixedOnesAreOne, fixedZerosAreZero, isNotCompatibilityMode, revisionMatches } from "../preconditions";
import { Rules, STAGE_PREPARATION } from "../rule";
import { Subject } from "../subject";
import { implies, Tri } from "../tri";

const CR0: StaticArray<u32> = [STATE_CR0];
const CR4: StaticArray<u32> = [STATE_CR4];
const RFLAGS: StaticArray<u32> = [STATE_RFLAGS];
const CODE_SEGMENT: StaticArray<u32> = [STATE_CS_L, STATE_EFER];
const CPL: StaticArray<u32> = [STATE_CPL];
const A20M: StaticArray<u32> = [STATE_A20M];
const CR0_FIXED0: StaticArray<u32> = [STATE_CR0, CAP_CR0_FIXED0];
const CR0_FIXED1: StaticArray<u32> = [STATE_CR0, CAP_CR0_FIXED1];
const CR4_FIXED0: StaticArray<u32> = [STATE_CR4, CAP_CR4_FIXED0];
const CR4_FIXED1: StaticArray<u32> = [STATE_CR4, CAP_CR4_FIXED1];
const LOCK: StaticArray<u32> = [STATE_FEATURE_CONTROL];
const ENABLE: StaticArray<u32> = [STATE_FEATURE_CONTROL, STATE_IN_SMX_OPERATION];
const POINTER: StaticArray<u32> = [STATE_VMXON_POINTER];
const POINTER_WIDTH: StaticArray<u32> = [STATE_VMXON_POINTER, CAP_CPUID_80000008_EAX, CAP_BASIC];
const REVISION: StaticArray<u32> = [STATE_VMXON_REVISION, CAP_BASIC];
const SHADOW: StaticArray<u32> = [STATE_VMXON_REVISION];

const WITHIN_PAGE: u64 = 0xfff;
const SHADOW_VMCS: u64 = 0x80000000;

/** Adds the rows. */
export function addVmxonRules(rules: Rules): void {
  rules.at(STAGE_PREPARATION, "31.3");
  addModeRules(rules);
  addFixedBitRules(rules);
  addFeatureControlRules(rules);
  addRegionRules(rules);
}

function addModeRules(rules: Rules): void {
  rules.add(
    "vmxon.cr4.vmxe",
    CR4,
    (s: Subject): Tri => s.mustBeOne(STATE_CR4, CR4_VMXE),
    "CR4.VMXE must be 1 at VMXON, else it is an invalid opcode (#UD).",
    "Set CR4 bit 13 on each logical processor before its VMXON; a later write of CR4 must not drop it.",
  );
  rules.add(
    "vmxon.protected-mode",
    CR0,
    (s: Subject): Tri => s.mustBeOne(STATE_CR0, CR0_PE),
    "CR0.PE must be 1 at VMXON, else it is an invalid opcode (#UD).",
    "VMX operation begins in protected mode with paging, whatever the guest will run in.",
  );
  rules.add(
    "vmxon.virtual-8086-mode",
    RFLAGS,
    (s: Subject): Tri => s.mustBeZero(STATE_RFLAGS, RFLAGS_VM),
    "RFLAGS.VM must be 0 at VMXON, else it is an invalid opcode (#UD).",
  );
  rules.add(
    "vmxon.compatibility-mode",
    CODE_SEGMENT,
    (s: Subject): Tri => isNotCompatibilityMode(s),
    "CS.L must be 1 at VMXON in IA-32e mode, else it is an invalid opcode (#UD).",
    "Enter a 64-bit code segment after setting IA32_EFER.LME and CR0.PG: until then the processor is in compatibility mode.",
  );
  rules.add(
    "vmxon.cpl",
    CPL,
    (s: Subject): Tri => s.mustEqual(STATE_CPL, 0),
    "The CPL must be 0 at VMXON, else it is a general-protection exception (#GP).",
    "VMXON belongs into the kernel, or into a driver of it.",
  );
  rules.add(
    "vmxon.a20m",
    A20M,
    (s: Subject): Tri => s.mustEqual(STATE_A20M, 0),
    "The processor must not be in A20M mode at VMXON, else it is a general-protection exception (#GP).",
    "Enable the A20 line, by port 92H bit 1 or through the firmware, before VMXON.",
  );
}

function addFixedBitRules(rules: Rules): void {
  rules.add(
    "vmxon.cr0.fixed-0",
    CR0_FIXED0,
    (s: Subject): Tri => fixedOnesAreOne(s, STATE_CR0, CAP_CR0_FIXED0, CR0_PE),
    "Each bit of CR0 must be 1 at VMXON that IA32_VMX_CR0_FIXED0 has as 1 (NE and PG so far, beside PE), else it is a general-protection exception (#GP).",
    "CR0.NE is the one that is forgotten; PE and PG are fixed for the host even where the guest may be unrestricted.",
  );
  rules.add(
    "vmxon.cr0.fixed-1",
    CR0_FIXED1,
    (s: Subject): Tri => fixedZerosAreZero(s, STATE_CR0, CAP_CR0_FIXED1),
    "Each bit of CR0 must be 0 at VMXON that IA32_VMX_CR0_FIXED1 has as 0, else it is a general-protection exception (#GP).",
  );
  rules.add(
    "vmxon.cr4.fixed-0",
    CR4_FIXED0,
    (s: Subject): Tri => fixedOnesAreOne(s, STATE_CR4, CAP_CR4_FIXED0, CR4_VMXE),
    "Each bit of CR4 beside VMXE must be 1 at VMXON that IA32_VMX_CR4_FIXED0 has as 1, else it is a general-protection exception (#GP).",
    "OR IA32_VMX_CR4_FIXED0 into CR4, and AND CR4 with IA32_VMX_CR4_FIXED1.",
  );
  rules.add(
    "vmxon.cr4.fixed-1",
    CR4_FIXED1,
    (s: Subject): Tri => fixedZerosAreZero(s, STATE_CR4, CAP_CR4_FIXED1),
    "Each bit of CR4 must be 0 at VMXON that IA32_VMX_CR4_FIXED1 has as 0, else it is a general-protection exception (#GP).",
    "OR IA32_VMX_CR4_FIXED0 into CR4, and AND CR4 with IA32_VMX_CR4_FIXED1.",
  );
}

function addFeatureControlRules(rules: Rules): void {
  rules.add(
    "vmxon.feature-control.lock",
    LOCK,
    (s: Subject): Tri => s.mustBeOne(STATE_FEATURE_CONTROL, FEATURE_CONTROL_LOCKED),
    "IA32_FEATURE_CONTROL[0], the lock bit, must be 1 at VMXON, else it is a general-protection exception (#GP).",
    "Where firmware left the MSR unlocked, write it on each logical processor: bit 2 and the lock bit together (5).",
  );
  rules.add(
    "vmxon.feature-control.outside-smx",
    ENABLE,
    (s: Subject): Tri =>
      implies(s.is(STATE_IN_SMX_OPERATION, 0), s.mustBeOne(STATE_FEATURE_CONTROL, FEATURE_CONTROL_VMX_OUTSIDE_SMX)),
    "Outside SMX operation IA32_FEATURE_CONTROL[2] must be 1 at VMXON, else it is a general-protection exception (#GP).",
    "With the lock bit set, only firmware can change it: enable VMX (Intel Virtualization Technology) in its setup.",
  );
  rules.add(
    "vmxon.feature-control.inside-smx",
    ENABLE,
    (s: Subject): Tri =>
      implies(s.is(STATE_IN_SMX_OPERATION, 1), s.mustBeOne(STATE_FEATURE_CONTROL, FEATURE_CONTROL_VMX_INSIDE_SMX)),
    "In SMX operation IA32_FEATURE_CONTROL[1] must be 1 at VMXON, else it is a general-protection exception (#GP).",
    "After GETSEC[SENTER] bit 1 counts instead of bit 2: enable Intel TXT in the firmware's setup.",
  );
}

function addRegionRules(rules: Rules): void {
  rules.add(
    "vmxon.pointer.alignment",
    POINTER,
    (s: Subject): Tri => s.mustBeZero(STATE_VMXON_POINTER, WITHIN_PAGE),
    "Bits 11:0 of the VMXON pointer must be 0, else VMXON fails (VMfailInvalid).",
    "The operand is a quadword in memory that holds the region's physical address, and not the region itself.",
  );
  rules.add(
    "vmxon.pointer.maxphyaddr",
    POINTER_WIDTH,
    (s: Subject): Tri => s.mustBePhysicalAddress(STATE_VMXON_POINTER),
    "Bits 63:N of the VMXON pointer must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]), or 32 where IA32_VMX_BASIC[48] = 1; else VMXON fails (VMfailInvalid).",
    "The pointer is a physical address: translate the virtual one.",
  );
  rules.add(
    "vmxon.revision-identifier",
    REVISION,
    (s: Subject): Tri => revisionMatches(s, STATE_VMXON_REVISION),
    "Bits 30:0 of the VMXON region must be the VMCS revision identifier, IA32_VMX_BASIC[30:0], else VMXON fails (VMfailInvalid).",
    "Write the identifier into the first four bytes of the zeroed region before VMXON.",
  );
  rules.add(
    "vmxon.shadow-vmcs",
    SHADOW,
    (s: Subject): Tri => s.mustBeZero(STATE_VMXON_REVISION, SHADOW_VMCS),
    "Bit 31 of the first four bytes of the VMXON region must be 0, else VMXON fails (VMfailInvalid).",
    "IA32_VMX_BASIC[31] is 0, and so the low half of the MSR can be written as it is.",
  );
}
