// Checks of VM entry on the guest's non-register state (SDM 3C 27.3.1.5) but the VMCS link pointer.
import { has } from "./bits.ts";
import type { EntryState, Rule } from "./entry-state.ts";

const RFLAGS_TF = 1n << 8n;
const RFLAGS_IF = 1n << 9n;
const dpl = (s: EntryState, name: string): bigint => (s.get(`GUEST_${name}_ACCESS_RIGHTS`) >> 5n) & 3n;

/** The injected event's type, or -1. */
export function injectedType(s: EntryState): number {
  const information = s.get("VM_ENTRY_INTERRUPTION_INFORMATION");
  return has(information, 1n << 31n) ? Number((information >> 8n) & 7n) : -1;
}
export const EXTERNAL_INTERRUPT = 0;
const NMI = 2;

const STI = 1n;
const MOV_SS = 2n;
const SMI = 4n;
const NMI_BLOCKING = 8n;
const ENCLAVE = 16n;
const CPUID_SGX = 1 << 2;
const CPUID_RTM = 1 << 11;
const HARDWARE_EXCEPTION = 3;
const OTHER = 7;
const blocks = (s: EntryState, bit: bigint): boolean => has(s.get("GUEST_INTERRUPTIBILITY_STATE"), bit);
const activity = (s: EntryState): bigint => s.get("GUEST_ACTIVITY_STATE");

function isActivitySupported(s: EntryState): boolean {
  const state = activity(s);
  return state === 0n || (state <= 3n && has(s.capabilities.misc, 1n << (5n + state)));
}

/** What may be injected in HLT (1), in shutdown (2), and while the processor waits for a SIPI (3). */
function isInjectionFitForActivity(s: EntryState): boolean {
  const type = injectedType(s);
  const vector = s.get("VM_ENTRY_INTERRUPTION_INFORMATION") & 0xffn;
  if (type < 0) return true;
  const isMachineCheck = type === HARDWARE_EXCEPTION && vector === 18n;
  const isMonitorTrap = type === OTHER && vector === 0n;
  const isInterrupt = type === EXTERNAL_INTERRUPT || type === NMI;
  const isDebug = type === HARDWARE_EXCEPTION && vector === 1n;
  if (activity(s) === 1n) return isInterrupt || isDebug || isMachineCheck || isMonitorTrap;
  if (activity(s) === 2n) return type === NMI || isMachineCheck;
  return activity(s) !== 3n;
}

/** Bit 16 says that the exception came within a transaction: not alone, and only of a processor with RTM. */
function isTransactionGood(s: EntryState): boolean {
  const pending = s.get("GUEST_PENDING_DEBUG_EXCEPTIONS");
  if (!has(pending, 1n << 16n)) return true;
  const hasRtm = (s.model.leaf(7)[1] & CPUID_RTM) !== 0;
  const others = pending & 0x1ffffn;
  return hasRtm && others === 0x11000n && !blocks(s, MOV_SS);
}

/** Bit 4 says that an enclave was interrupted: none on a processor without SGX, none while MOV SS blocks. */
function isEnclaveGood(s: EntryState): boolean {
  const hasSgx = (s.model.leaf(7)[1] & CPUID_SGX) !== 0;
  return !blocks(s, ENCLAVE) || (hasSgx && !blocks(s, MOV_SS));
}

/** With STI or MOV SS blocking, or in HLT, BS is pending if and only if a single step is (IA32_DEBUGCTL.BTF is 0). */
function isPendingStepGood(s: EntryState): boolean {
  if (!blocks(s, STI | MOV_SS) && activity(s) !== 1n) return true;
  return has(s.get("GUEST_PENDING_DEBUG_EXCEPTIONS"), 1n << 14n) === has(s.get("GUEST_RFLAGS"), RFLAGS_TF);
}

export const NON_REGISTER: readonly Rule[] = [
  ["27.3.1.5 activity state", isActivitySupported],
  ["27.3.1.5 HLT needs SS.DPL 0", (s) => activity(s) !== 1n || dpl(s, "SS") === 0n],
  ["27.3.1.5 blocking needs the active state", (s) => activity(s) === 0n || !blocks(s, STI | MOV_SS)],
  ["27.3.1.5 interruptibility", (s) => !has(s.get("GUEST_INTERRUPTIBILITY_STATE"), ~0x1fn)],
  ["27.3.1.5 STI or MOV SS", (s) => !blocks(s, STI) || !blocks(s, MOV_SS)],
  ["27.3.1.5 STI needs RFLAGS.IF", (s) => !blocks(s, STI) || has(s.get("GUEST_RFLAGS"), RFLAGS_IF)],
  [
    // A processor may demand of an NMI that STI does not block: this one does.
    "27.3.1.5 injection while blocked",
    (s) => {
      const type = injectedType(s);
      return (type !== EXTERNAL_INTERRUPT || !blocks(s, STI | MOV_SS)) && (type !== NMI || !blocks(s, STI | MOV_SS));
    },
  ],
  ["27.3.1.5 SMI", (s) => !blocks(s, SMI)],
  [
    "27.3.1.5 an NMI while NMIs are blocked",
    (s) => !s.pin("VIRTUAL_NMIS") || injectedType(s) !== NMI || !blocks(s, NMI_BLOCKING),
  ],
  ["27.3.1.5 pending debug exceptions", (s) => !has(s.get("GUEST_PENDING_DEBUG_EXCEPTIONS"), ~0x1500fn)],
  ["27.3.1.5 pending single step", isPendingStepGood],
  ["27.3.1.5 injection in HLT, shutdown and wait-for-SIPI", isInjectionFitForActivity],
  ["27.3.1.5 transactions", isTransactionGood],
  ["27.3.1.5 enclaves", isEnclaveGood],
];
