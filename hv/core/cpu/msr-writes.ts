// WRMSR by the kind of the MSR: whether the value is one that the processor takes, and what it changes (SDM 4 chapter 2).

import { CR0_PG } from "../../x86/control-registers";
import {
  CPUID_EXTENDED_EDX_NX,
  CPUID_EXTENDED_EDX_SYSCALL,
  CPUID_LEAF_EXTENDED_PROCESSOR_FEATURES,
} from "../../x86/cpuid";
import {
  DEBUGCTL_BTF,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
  IA32_PAT,
  IA32_TSC_ADJUST,
  MTRR_DEF_TYPE_ENABLE,
  MTRR_DEF_TYPE_FIXED_ENABLE,
  MTRR_PHYSMASK_VALID,
} from "../../x86/msr";
import {
  MEMORY_TYPE_UC,
  MEMORY_TYPE_UC_MINUS,
  MEMORY_TYPE_WB,
  MEMORY_TYPE_WC,
  MEMORY_TYPE_WP,
  MEMORY_TYPE_WT,
} from "../../x86/paging";
import { rdmsr, rdtsc, wrmsr } from "../hardware";
import { ANSWER_EDX } from "./cpuid-policy";
import { STATE_CR0, STATE_DEBUGCTL, STATE_PAT } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";
import { FEATURE_OWN_EFER, FEATURE_OWN_PAT, FEATURE_TSC_OFFSET } from "./features";
import { NO_SLOT } from "./guest-msrs";
import { isCanonical } from "./linear-address";
import {
  MSR_COMMAND,
  MSR_DEBUGCTL,
  MSR_EFER,
  MSR_IGNORING,
  MSR_KEPT,
  MSR_LIVE,
  MSR_LIVE_ADDRESS,
  MSR_MISC_ENABLE,
  MSR_MTRR_DEFAULT,
  MSR_MTRR_FIXED,
  MSR_MTRR_VARIABLE,
  MSR_PAT,
  MSR_SPEC_CTRL,
  MSR_STATE_32,
  MSR_STATE_ADDRESS,
  MSR_TSC,
  MSR_TSC_ADJUST,
  MSR_WRITE_IGNORING,
} from "./msrs";

const LOW_32_BITS: u64 = 0xffffffff;

function keep(vcpu: Vcpu, _msr: u32, slot: u32, value: u64): bool {
  if (value & ~vcpu.msrs.details[slot]) return false;
  vcpu.msrs.values[slot] = value;
  return true;
}

const MISC_ENABLE_FAST_STRINGS: u64 = 0x1;
/** Performance monitoring available, BTS unavailable, PEBS unavailable. */
const MISC_ENABLE_READ_ONLY: u64 = 0x1880;

/** Fast strings are the guest's to switch; what is read-only is ignored, the rest is reserved without its feature. */
function writeMiscEnable(vcpu: Vcpu, _msr: u32, slot: u32, value: u64): bool {
  const values = vcpu.msrs.values;
  const changed = (value ^ values[slot]) & ~MISC_ENABLE_READ_ONLY;
  if (changed & ~MISC_ENABLE_FAST_STRINGS) return false;
  values[slot] ^= changed;
  return true;
}

function isMtrrType(type: u64): bool {
  return (
    type == MEMORY_TYPE_UC ||
    type == MEMORY_TYPE_WC ||
    type == MEMORY_TYPE_WT ||
    type == MEMORY_TYPE_WP ||
    type == MEMORY_TYPE_WB
  );
}

function writeMtrrFixed(vcpu: Vcpu, _msr: u32, slot: u32, value: u64): bool {
  for (let rest = value, i = 0; i < 8; i++, rest >>= 8) {
    if (!isMtrrType(rest & 0xff)) return false;
  }
  vcpu.msrs.values[slot] = value;
  return true;
}

/** A base has an address and a type, a mask an address and the valid bit (SDM 3A 12.11.2.3). */
function writeMtrrVariable(vcpu: Vcpu, msr: u32, slot: u32, value: u64): bool {
  const rest = value & ~(vcpu.physicalAddresses & ~0xfff);
  if (msr & 1 ? (rest & ~MTRR_PHYSMASK_VALID) != 0 : !isMtrrType(rest)) return false;
  vcpu.msrs.values[slot] = value;
  return true;
}

function writeMtrrDefault(vcpu: Vcpu, _msr: u32, slot: u32, value: u64): bool {
  if (!isMtrrType(value & ~(MTRR_DEF_TYPE_ENABLE | MTRR_DEF_TYPE_FIXED_ENABLE))) return false;
  vcpu.msrs.values[slot] = value;
  return true;
}

/** Each change of IA32_TSC_ADJUST is one of the counter (SDM 3B 18.17.3). */
function writeTscAdjust(vcpu: Vcpu, _msr: u32, slot: u32, value: u64): bool {
  const values = vcpu.msrs.values;
  vcpu.setTscOffset(vcpu.tscOffset + (value - values[slot]));
  values[slot] = value;
  return true;
}

function writeTsc(vcpu: Vcpu, _msr: u32, _slot: u32, value: u64): bool {
  if (!(vcpu.features & FEATURE_TSC_OFFSET)) return false;
  const offset = value - rdtsc();
  const msrs = vcpu.msrs;
  const adjust = msrs.slotOf(IA32_TSC_ADJUST);
  if (adjust != NO_SLOT) msrs.values[adjust] += offset - vcpu.tscOffset;
  vcpu.setTscOffset(offset);
  return true;
}

function writeSpecCtrl(vcpu: Vcpu, msr: u32, slot: u32, value: u64): bool {
  if (!keep(vcpu, msr, slot, value)) return false;
  wrmsr(msr, value);
  return true;
}

function writeState32(vcpu: Vcpu, _msr: u32, slot: u32, value: u64): bool {
  vcpu.write(<u32>vcpu.msrs.details[slot], value & LOW_32_BITS);
  return true;
}

function writeStateAddress(vcpu: Vcpu, _msr: u32, slot: u32, value: u64): bool {
  if (!isCanonical(value)) return false;
  vcpu.write(<u32>vcpu.msrs.details[slot], value);
  return true;
}

/** LMA is the processor's; LME cannot change while paging is on (SDM 3A 2.2.1 and 10.8.5). */
function writeEfer(vcpu: Vcpu, _msr: u32, _slot: u32, value: u64): bool {
  const shown = vcpu.cpuid.of(CPUID_LEAF_EXTENDED_PROCESSOR_FEATURES, ANSWER_EDX);
  let known = EFER_LME | EFER_LMA;
  if (shown & CPUID_EXTENDED_EDX_SYSCALL) known |= EFER_SCE;
  // Without it NXE is reserved, to VM entry too.
  if (shown & CPUID_EXTENDED_EDX_NX) known |= EFER_NXE;
  if (value & ~known) return false;
  const old = vcpu.readEfer();
  const next = (value & ~EFER_LMA) | (old & EFER_LMA);
  if (next == old) return true;
  // Without an IA32_EFER of its own the guest has the host's, which it cannot change.
  if (!(vcpu.features & FEATURE_OWN_EFER)) return false;
  if ((next ^ old) & EFER_LME && vcpu.readSeen(STATE_CR0) & CR0_PG) return false;
  vcpu.writeEfer(next);
  // NXE decides what bit 63 of an entry means.
  if ((next ^ old) & EFER_NXE) vcpu.dropLinearTranslations();
  return true;
}

function writePat(vcpu: Vcpu, _msr: u32, _slot: u32, value: u64): bool {
  for (let rest = value, i = 0; i < 8; i++, rest >>= 8) {
    const type = rest & 0xff;
    if (!isMtrrType(type) && type != MEMORY_TYPE_UC_MINUS) return false;
  }
  if (!(vcpu.features & FEATURE_OWN_PAT)) return value == rdmsr(IA32_PAT);
  vcpu.write(STATE_PAT, value);
  return true;
}

/** BTF only: the guest has no last-branch records, and no branch or event traces. */
function writeDebugctl(vcpu: Vcpu, _msr: u32, _slot: u32, value: u64): bool {
  if (value & ~DEBUGCTL_BTF) return false;
  vcpu.write(STATE_DEBUGCTL, value);
  return true;
}

function writeLive(vcpu: Vcpu, msr: u32, slot: u32, value: u64): bool {
  if (value & ~vcpu.msrs.details[slot]) return false;
  vcpu.writeLive(msr, value);
  return true;
}

function writeLiveAddress(vcpu: Vcpu, msr: u32, _slot: u32, value: u64): bool {
  if (!isCanonical(value)) return false;
  vcpu.writeLive(msr, value);
  return true;
}

/** An MSR that is a command to the processor, such as IA32_PRED_CMD. */
function command(vcpu: Vcpu, msr: u32, slot: u32, value: u64): bool {
  if (value & ~vcpu.msrs.details[slot]) return false;
  wrmsr(msr, value);
  return true;
}

/** WRMSR of an MSR in `slot` that is not the machine's: false for #GP. No table of functions, which asc would compile before there is a Vcpu. */
export function writeMsr(vcpu: Vcpu, msr: u32, slot: u32, value: u64): bool {
  switch (<u32>vcpu.msrs.kinds[slot]) {
    case MSR_IGNORING:
    case MSR_WRITE_IGNORING:
      return true;
    case MSR_KEPT:
      return keep(vcpu, msr, slot, value);
    case MSR_MISC_ENABLE:
      return writeMiscEnable(vcpu, msr, slot, value);
    case MSR_MTRR_FIXED:
      return writeMtrrFixed(vcpu, msr, slot, value);
    case MSR_MTRR_VARIABLE:
      return writeMtrrVariable(vcpu, msr, slot, value);
    case MSR_MTRR_DEFAULT:
      return writeMtrrDefault(vcpu, msr, slot, value);
    case MSR_TSC_ADJUST:
      return writeTscAdjust(vcpu, msr, slot, value);
    case MSR_SPEC_CTRL:
      return writeSpecCtrl(vcpu, msr, slot, value);
    case MSR_STATE_32:
      return writeState32(vcpu, msr, slot, value);
    case MSR_STATE_ADDRESS:
      return writeStateAddress(vcpu, msr, slot, value);
    case MSR_EFER:
      return writeEfer(vcpu, msr, slot, value);
    case MSR_PAT:
      return writePat(vcpu, msr, slot, value);
    case MSR_DEBUGCTL:
      return writeDebugctl(vcpu, msr, slot, value);
    case MSR_TSC:
      return writeTsc(vcpu, msr, slot, value);
    case MSR_LIVE:
      return writeLive(vcpu, msr, slot, value);
    case MSR_COMMAND:
      return command(vcpu, msr, slot, value);
    case MSR_LIVE_ADDRESS:
      return writeLiveAddress(vcpu, msr, slot, value);
    default:
      return false;
  }
}
