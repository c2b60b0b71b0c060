// Rules of VM entry on the pending debug exceptions (SDM 3C 27.3.1.5).

import { RFLAGS_TF } from "../../x86/control-registers";
import { CPUID_7_EBX_RTM, CPUID_7_ECX_BUS_LOCK_DETECT } from "../../x86/cpuid";
import { DEBUGCTL_BTF } from "../../x86/msr";
import {
  GUEST_ACTIVITY_STATE,
  GUEST_IA32_DEBUGCTL,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_PENDING_DEBUG_EXCEPTIONS,
  GUEST_RFLAGS,
} from "../../x86/vmcs-fields";
import { CAP_CPUID_7_EBX, CAP_CPUID_7_ECX } from "../inputs";
import { Rules, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { both, either, implies, not, Tri } from "../tri";

const BUS_LOCK: u64 = 1 << 11;
const ENABLED_BREAKPOINT: u64 = 1 << 12;
const SINGLE_STEP: u64 = 1 << 14;
const RTM: u64 = 1 << 16;
/** Bits 63:17, 15, 13 and 10:4. */
const RESERVED: u64 = 0xfffffffffffea7f0;
/** All but RTM: with it, they must be as ENABLED_BREAKPOINT alone. */
const WITH_RTM: u64 = 0xfffffffffffeffff;

const BLOCKING_BY_MOV_SS: u64 = 1 << 1;
const BLOCKING_BY_STI_OR_MOV_SS: u64 = 3;
const HLT: u64 = 1;

const FIELD: u32 = GUEST_PENDING_DEBUG_EXCEPTIONS;
const PENDING: StaticArray<u32> = [FIELD];
const PENDING_AND_7_ECX: StaticArray<u32> = [FIELD, CAP_CPUID_7_ECX];
const PENDING_AND_7_EBX: StaticArray<u32> = [FIELD, CAP_CPUID_7_EBX];
const PENDING_AND_BLOCKING: StaticArray<u32> = [FIELD, GUEST_INTERRUPTIBILITY_STATE];
const SINGLE_STEPPING: StaticArray<u32> = [
  FIELD,
  GUEST_RFLAGS,
  GUEST_IA32_DEBUGCTL,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_ACTIVITY_STATE,
];

/** Adds the rows. */
export function addPendingDebugExceptionRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.5");
  rules.add(
    "guest.pending-debug.reserved",
    PENDING,
    (s: Subject): Tri => s.mustBeZero(FIELD, RESERVED),
    "Bits 63:17, 15, 13 and 10:4 of the pending debug exceptions must be 0.",
    "The field is no copy of DR6, whose reserved bits 11:4 and 31:16 read 1.",
  );
  rules.add(
    "guest.pending-debug.bus-lock",
    PENDING_AND_7_ECX,
    (s: Subject): Tri =>
      implies(
        s.isSet(FIELD, BUS_LOCK),
        s.blame(FIELD, BUS_LOCK, s.supports(CAP_CPUID_7_ECX, CPUID_7_ECX_BUS_LOCK_DETECT)),
      ),
    "Bit 11 of the pending debug exceptions must be 0 on a processor without bus-lock detection (CPUID.7.0:ECX[24] = 0).",
    "The field is no copy of DR6, whose bit 11 reads 1 there.",
  );
  rules.add(
    "guest.pending-debug.single-step-set",
    SINGLE_STEPPING,
    (s: Subject): Tri => implies(both(traps(s), singleSteps(s)), s.mustBeOne(FIELD, SINGLE_STEP)),
    "With RFLAGS.TF = 1, IA32_DEBUGCTL.BTF = 0, and blocking by STI or MOV SS or the activity state HLT, BS (bit 14) must be 1.",
    "Set bit 14 when resuming a guest that single-steps over STI, MOV SS, POP SS or HLT, or clear the blocking.",
  );
  rules.add(
    "guest.pending-debug.single-step-clear",
    SINGLE_STEPPING,
    (s: Subject): Tri => implies(both(traps(s), not(singleSteps(s))), s.mustBeZero(FIELD, SINGLE_STEP)),
    "With RFLAGS.TF = 0 or IA32_DEBUGCTL.BTF = 1, and blocking by STI or MOV SS or the activity state HLT, BS (bit 14) must be 0.",
  );
  rules.add(
    "guest.pending-debug.rtm-bits",
    PENDING,
    (s: Subject): Tri => implies(s.isSet(FIELD, RTM), s.mustMatch(FIELD, WITH_RTM, ENABLED_BREAKPOINT)),
    "With RTM (bit 16), bit 12 of the pending debug exceptions must be 1 and all others 0.",
  );
  rules.add(
    "guest.pending-debug.rtm-supported",
    PENDING_AND_7_EBX,
    (s: Subject): Tri =>
      implies(s.isSet(FIELD, RTM), s.blame(FIELD, RTM, s.supports(CAP_CPUID_7_EBX, CPUID_7_EBX_RTM))),
    "RTM (bit 16) of the pending debug exceptions must be 0 on a processor without RTM (CPUID.7.0:EBX[11] = 0).",
    "The field is no copy of DR6, whose bit 16 reads 1.",
  );
  rules.add(
    "guest.pending-debug.rtm-mov-ss",
    PENDING_AND_BLOCKING,
    (s: Subject): Tri => implies(s.isSet(FIELD, RTM), s.mustBeZero(GUEST_INTERRUPTIBILITY_STATE, BLOCKING_BY_MOV_SS)),
    "With RTM (bit 16 of the pending debug exceptions), the interruptibility state must not indicate blocking by MOV SS.",
  );
}

/** A debug trap may be held pending: the guest is blocked by STI or MOV SS, or halted. */
function traps(s: Subject): Tri {
  const isBlocked = not(s.isClear(GUEST_INTERRUPTIBILITY_STATE, BLOCKING_BY_STI_OR_MOV_SS));
  return either(isBlocked, s.is(GUEST_ACTIVITY_STATE, HLT));
}

/** TF makes each instruction trap, not only branches. */
function singleSteps(s: Subject): Tri {
  return both(s.isSet(GUEST_RFLAGS, RFLAGS_TF), s.isClear(GUEST_IA32_DEBUGCTL, DEBUGCTL_BTF));
}
