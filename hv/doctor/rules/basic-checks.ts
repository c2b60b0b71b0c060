// Rules of VM entry that come before all others: the basic checks of VMLAUNCH and VMRESUME (SDM 3C 27.1).

import { CR0_PE, RFLAGS_VM } from "../../x86/control-registers";
import {
  STATE_BLOCKING_BY_MOV_SS,
  STATE_CPL,
  STATE_CR0,
  STATE_CS_L,
  STATE_CURRENT_VMCS_POINTER,
  STATE_CURRENT_VMCS_REVISION,
  STATE_EFER,
  STATE_IN_VMX_OPERATION,
  STATE_IS_LAUNCHED,
  STATE_IS_VMRESUME,
  STATE_RFLAGS,
} from "../inputs";
import { isNotCompatibilityMode } from "../preconditions";
import { Rules, STAGE_BASIC } from "../rule";
import { Subject } from "../subject";
import { implies, not, Tri } from "../tri";

const OPERATION: StaticArray<u32> = [STATE_IN_VMX_OPERATION];
const CR0: StaticArray<u32> = [STATE_CR0];
const RFLAGS: StaticArray<u32> = [STATE_RFLAGS];
const CODE_SEGMENT: StaticArray<u32> = [STATE_CS_L, STATE_EFER];
const CPL: StaticArray<u32> = [STATE_CPL];
const CURRENT: StaticArray<u32> = [STATE_CURRENT_VMCS_POINTER];
const SHADOW: StaticArray<u32> = [STATE_CURRENT_VMCS_REVISION, STATE_CURRENT_VMCS_POINTER];
const MOV_SS: StaticArray<u32> = [STATE_BLOCKING_BY_MOV_SS];
const LAUNCH_STATE: StaticArray<u32> = [STATE_IS_LAUNCHED, STATE_IS_VMRESUME];

const NO_CURRENT_VMCS: u64 = u64.MAX_VALUE;
const SHADOW_VMCS: u64 = 0x80000000;

/** Adds the rows. */
export function addBasicCheckRules(rules: Rules): void {
  rules.at(STAGE_BASIC, "27.1");
  addModeRules(rules);
  addVmcsRules(rules);
}

function addModeRules(rules: Rules): void {
  rules.add(
    "vmlaunch.vmx-operation",
    OPERATION,
    (s: Subject): Tri => s.mustEqual(STATE_IN_VMX_OPERATION, 1),
    "The processor must be in VMX operation at VM entry, else it is an invalid opcode (#UD).",
    "VMXON is each logical processor's own: has this one executed it, and did it succeed (CF = 0, ZF = 0)?",
  );
  rules.add(
    "vmlaunch.protected-mode",
    CR0,
    (s: Subject): Tri => s.mustBeOne(STATE_CR0, CR0_PE),
    "CR0.PE must be 1 at VM entry, else it is an invalid opcode (#UD).",
  );
  rules.add(
    "vmlaunch.virtual-8086-mode",
    RFLAGS,
    (s: Subject): Tri => s.mustBeZero(STATE_RFLAGS, RFLAGS_VM),
    "The processor must not be in virtual-8086 mode (RFLAGS.VM = 1) at VM entry, else it is an invalid opcode (#UD).",
  );
  rules.add(
    "vmlaunch.compatibility-mode",
    CODE_SEGMENT,
    (s: Subject): Tri => isNotCompatibilityMode(s),
    "The processor must not be in compatibility mode (CS.L = 0 in IA-32e mode) at VM entry, else it is an invalid opcode (#UD).",
  );
  rules.add(
    "vmlaunch.cpl",
    CPL,
    (s: Subject): Tri => s.mustEqual(STATE_CPL, 0),
    "The CPL must be 0 at VM entry, else it is a general-protection exception (#GP).",
  );
}

function addVmcsRules(rules: Rules): void {
  rules.add(
    "vmlaunch.current-vmcs",
    CURRENT,
    (s: Subject): Tri => s.mustNotEqual(STATE_CURRENT_VMCS_POINTER, NO_CURRENT_VMCS),
    "There must be a current VMCS at VM entry, else the instruction fails with CF = 1 and without an error number (VMfailInvalid).",
    "VMCLEAR of the current VMCS leaves none: VMCLEAR comes first, then VMPTRLD, on the same logical processor.",
  );
  rules.add(
    "vmlaunch.shadow-vmcs",
    SHADOW,
    (s: Subject): Tri =>
      implies(
        not(s.is(STATE_CURRENT_VMCS_POINTER, NO_CURRENT_VMCS)),
        s.mustBeZero(STATE_CURRENT_VMCS_REVISION, SHADOW_VMCS),
      ),
    "The current VMCS must not be a shadow VMCS (bit 31 of its first four bytes) at VM entry, else the instruction fails with CF = 1 and without an error number (VMfailInvalid).",
    "A shadow VMCS serves VMREAD and VMWRITE of a guest only: let the VMCS link pointer name it, and enter with the ordinary one.",
  );
  rules.add(
    "vmlaunch.mov-ss",
    MOV_SS,
    (s: Subject): Tri => s.mustEqual(STATE_BLOCKING_BY_MOV_SS, 0),
    "Events must not be blocked by MOV SS at VM entry, else VM-instruction error 26.",
    "The instruction just before must not be MOV or POP to SS: move the load of SS up.",
  );
  rules.add(
    "vmlaunch.launch-state",
    LAUNCH_STATE,
    (s: Subject): Tri => implies(s.is(STATE_IS_VMRESUME, 0), s.mustEqual(STATE_IS_LAUNCHED, 0)),
    'The launch state of the VMCS must be "clear" at VMLAUNCH, else VM-instruction error 4.',
    "VMLAUNCH is for the first entry after VMCLEAR; each later one, and the one after a VM exit, is VMRESUME.",
  );
  rules.add(
    "vmresume.launch-state",
    LAUNCH_STATE,
    (s: Subject): Tri => implies(s.is(STATE_IS_VMRESUME, 1), s.mustEqual(STATE_IS_LAUNCHED, 1)),
    'The launch state of the VMCS must be "launched" at VMRESUME, else VM-instruction error 5.',
    "VMCLEAR, as for a move to another logical processor, makes it clear again: the next entry is VMLAUNCH.",
  );
}
