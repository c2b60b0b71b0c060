// Cases of the rules on the guest's activity, interruptibility, pending debug exceptions and VMCS link pointer.
import type { RuleCase, Values } from "../support.ts";
import { testRules } from "./rule-cases.ts";

const VALID = 1n << 31n;
const EXTERNAL_INTERRUPT = VALID | 0x20n;
const NMI = VALID | (2n << 8n) | 2n;
const HARDWARE_EXCEPTION = VALID | (3n << 8n);
const PENDING_MTF = VALID | (7n << 8n);
const DIVIDE_ERROR = HARDWARE_EXCEPTION;
const DEBUG = HARDWARE_EXCEPTION | 1n;
const MACHINE_CHECK = HARDWARE_EXCEPTION | 18n;

const HLT: Values = { GUEST_ACTIVITY_STATE: 1n };
const SHUTDOWN: Values = { GUEST_ACTIVITY_STATE: 2n };
const WAIT_FOR_SIPI: Values = { GUEST_ACTIVITY_STATE: 3n };
const ENTRY_TO_SMM: Values = { VM_ENTRY_CONTROLS: 0xc604n };

const BY_STI = 1n;
const BY_MOV_SS = 2n;
const BY_SMI = 4n;
const BY_NMI = 8n;
const ENCLAVE = 0x10n;
const IF = 0x202n;
const TF = 0x102n;

const MISC = 0x7004_c1e7n;
const LINK = 0x3000n;
const SHADOWING = 0x40a2n;

const inject = (event: bigint): Values => ({ VM_ENTRY_INTERRUPTION_INFORMATION: event });

const activityState: RuleCase[] = [
  { slug: "guest.activity-state.range", violated: { GUEST_ACTIVITY_STATE: 4n }, holds: WAIT_FOR_SIPI },
  ...[1n, 2n, 3n].map((state) => ({
    slug: "guest.activity-state.supported",
    violated: { GUEST_ACTIVITY_STATE: state, IA32_VMX_MISC: MISC & ~(1n << (5n + state)) },
    holds: { GUEST_ACTIVITY_STATE: state, IA32_VMX_MISC: (MISC & ~0x1c0n) | (1n << (5n + state)) },
  })),
  {
    slug: "guest.activity-state.hlt-ss-dpl",
    violated: { ...HLT, GUEST_SS_ACCESS_RIGHTS: 0xc0f3n },
    holds: { ...HLT, GUEST_SS_ACCESS_RIGHTS: 0xc093n },
  },
  ...[BY_STI, BY_MOV_SS].map((blocking) => ({
    slug: "guest.activity-state.blocking",
    violated: { ...HLT, GUEST_INTERRUPTIBILITY_STATE: blocking },
    holds: { GUEST_ACTIVITY_STATE: 0n, GUEST_INTERRUPTIBILITY_STATE: blocking },
  })),
  ...[EXTERNAL_INTERRUPT, NMI, DEBUG, MACHINE_CHECK, PENDING_MTF].map((event) => ({
    slug: "guest.activity-state.hlt-injection",
    violated: { ...HLT, ...inject(DIVIDE_ERROR) },
    holds: { ...HLT, ...inject(event) },
  })),
  {
    slug: "guest.activity-state.hlt-injection",
    violated: { ...HLT, ...inject(PENDING_MTF | 1n) },
    holds: { ...HLT, ...inject(PENDING_MTF) },
  },
  ...[NMI, MACHINE_CHECK].map((event) => ({
    slug: "guest.activity-state.shutdown-injection",
    violated: { ...SHUTDOWN, ...inject(DEBUG) },
    holds: { ...SHUTDOWN, ...inject(event) },
  })),
  {
    slug: "guest.activity-state.wait-for-sipi-injection",
    violated: { ...WAIT_FOR_SIPI, ...inject(NMI) },
    holds: { ...WAIT_FOR_SIPI, ...inject(NMI & ~VALID) },
  },
  {
    slug: "guest.activity-state.entry-to-smm",
    violated: { ...WAIT_FOR_SIPI, ...ENTRY_TO_SMM },
    holds: { ...SHUTDOWN, ...ENTRY_TO_SMM },
  },
];

const blocked = (state: bigint, changes: Values = {}): Values => ({ ...changes, GUEST_INTERRUPTIBILITY_STATE: state });

const interruptibilityState: RuleCase[] = [
  { slug: "guest.interruptibility.reserved", violated: blocked(0x20n), holds: blocked(ENCLAVE) },
  { slug: "guest.interruptibility.sti-and-mov-ss", violated: blocked(BY_STI | BY_MOV_SS), holds: blocked(BY_STI) },
  {
    slug: "guest.interruptibility.sti-without-if",
    violated: blocked(BY_STI),
    holds: blocked(BY_STI, { GUEST_RFLAGS: IF }),
  },
  ...[BY_STI, BY_MOV_SS].map((state) => ({
    slug: "guest.interruptibility.external-interrupt",
    violated: blocked(state, inject(EXTERNAL_INTERRUPT)),
    holds: blocked(BY_NMI, inject(EXTERNAL_INTERRUPT)),
  })),
  {
    slug: "guest.interruptibility.mov-ss-nmi",
    violated: blocked(BY_MOV_SS, inject(NMI)),
    holds: blocked(BY_NMI, inject(NMI)),
  },
  {
    slug: "guest.interruptibility.sti-nmi",
    violated: blocked(BY_STI, inject(NMI)),
    holds: blocked(BY_NMI, inject(NMI)),
  },
  {
    slug: "guest.interruptibility.smi-outside-smm",
    violated: blocked(BY_SMI),
    holds: blocked(BY_SMI, { IN_SMM: 1n }),
  },
  { slug: "guest.interruptibility.smi-entry-to-smm", violated: ENTRY_TO_SMM, holds: blocked(BY_SMI, ENTRY_TO_SMM) },
  {
    slug: "guest.interruptibility.nmi-virtual-nmis",
    violated: blocked(BY_NMI, inject(NMI)),
    holds: blocked(BY_NMI, inject(EXTERNAL_INTERRUPT)),
  },
  {
    slug: "guest.interruptibility.nmi-virtual-nmis",
    violated: blocked(BY_NMI, inject(NMI)),
    holds: blocked(BY_NMI, { ...inject(NMI), PIN_BASED_VM_EXECUTION_CONTROLS: 0x49n }),
  },
  {
    slug: "guest.interruptibility.enclave-mov-ss",
    violated: blocked(ENCLAVE | BY_MOV_SS),
    holds: blocked(ENCLAVE | BY_NMI),
  },
  {
    slug: "guest.interruptibility.enclave-sgx",
    violated: blocked(ENCLAVE, { "CPUID.7.0.EBX": 0xffff_fffbn }),
    holds: blocked(ENCLAVE, { "CPUID.7.0.EBX": 4n }),
  },
  {
    slug: "guest.interruptibility.sti-fred-user",
    violated: blocked(BY_STI, { GUEST_CR4: 0x1_0000_2020n, GUEST_SS_ACCESS_RIGHTS: 0xc0f3n }),
    holds: blocked(BY_STI, { GUEST_CR4: 0x1_0000_2020n, GUEST_SS_ACCESS_RIGHTS: 0xc093n }),
  },
];

const pending = (bits: bigint, changes: Values = {}): Values => ({ ...changes, GUEST_PENDING_DEBUG_EXCEPTIONS: bits });
const BS = 0x4000n;
const RTM = 0x1_1000n;

const pendingDebugExceptions: RuleCase[] = [
  ...[4n, 10n, 13n, 15n, 17n, 63n].map((bit) => ({
    slug: "guest.pending-debug.reserved",
    violated: pending(1n << bit),
    holds: pending(0x1_580fn),
  })),
  {
    slug: "guest.pending-debug.bus-lock",
    violated: pending(0x800n, { "CPUID.7.0.ECX": 0xfeff_ffffn }),
    holds: pending(0x800n, { "CPUID.7.0.ECX": 0x100_0000n }),
  },
  ...[blocked(BY_STI), blocked(BY_MOV_SS), HLT].flatMap((state) => [
    {
      slug: "guest.pending-debug.single-step-set",
      violated: pending(0n, { ...state, GUEST_RFLAGS: TF }),
      holds: pending(BS, { ...state, GUEST_RFLAGS: TF }),
    },
    {
      slug: "guest.pending-debug.single-step-clear",
      violated: pending(BS, { ...state, GUEST_RFLAGS: 2n }),
      holds: pending(0n, { ...state, GUEST_RFLAGS: 2n }),
    },
    {
      slug: "guest.pending-debug.single-step-clear",
      violated: pending(BS, { ...state, GUEST_RFLAGS: TF, GUEST_IA32_DEBUGCTL: 2n }),
      holds: pending(BS, { ...state, GUEST_RFLAGS: TF, GUEST_IA32_DEBUGCTL: 0n }),
    },
  ]),
  ...[0x1_0000n, 0x1_1001n, 0x1_5000n].map((bits) => ({
    slug: "guest.pending-debug.rtm-bits",
    violated: pending(bits),
    holds: pending(RTM),
  })),
  {
    slug: "guest.pending-debug.rtm-supported",
    violated: pending(RTM, { "CPUID.7.0.EBX": 0xffff_f7ffn }),
    holds: pending(RTM, { "CPUID.7.0.EBX": 0x800n }),
  },
  {
    slug: "guest.pending-debug.rtm-mov-ss",
    violated: pending(RTM, blocked(BY_MOV_SS)),
    holds: pending(RTM, blocked(BY_STI)),
  },
];

const linked = (changes: Values = {}): Values => ({ VMCS_LINK_POINTER: LINK, LINK_REVISION: 0x11n, ...changes });
const NARROW: Values = { IA32_VMX_BASIC: 0x05db_0400_0000_0011n };

const linkPointer: RuleCase[] = [
  { slug: "guest.link-pointer.alignment", violated: linked({ VMCS_LINK_POINTER: 0x3001n }), holds: linked() },
  {
    slug: "guest.link-pointer.maxphyaddr",
    violated: linked({ VMCS_LINK_POINTER: 1n << 46n }),
    holds: linked({ VMCS_LINK_POINTER: 1n << 45n }),
  },
  {
    slug: "guest.link-pointer.maxphyaddr",
    violated: linked({ ...NARROW, VMCS_LINK_POINTER: 1n << 32n }),
    holds: linked({ ...NARROW, VMCS_LINK_POINTER: 1n << 31n }),
  },
  { slug: "guest.link-pointer.revision", violated: linked({ LINK_REVISION: 0x13n }), holds: linked() },
  { slug: "guest.link-pointer.revision", violated: { VMCS_LINK_POINTER: 0n }, holds: linked() },
  { slug: "guest.link-pointer.shadow", violated: linked({ LINK_REVISION: 0x8000_0011n }), holds: linked() },
  {
    slug: "guest.link-pointer.shadow",
    violated: linked({ SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: SHADOWING }),
    holds: linked({ SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: SHADOWING, LINK_REVISION: 0x8000_0011n }),
  },
  {
    slug: "guest.link-pointer.current-vmcs",
    violated: linked({ CURRENT_VMCS_POINTER: LINK }),
    holds: linked({ CURRENT_VMCS_POINTER: 0x2000n }),
  },
  {
    slug: "guest.link-pointer.current-vmcs",
    violated: linked({ ...ENTRY_TO_SMM, IN_SMM: 1n, CURRENT_VMCS_POINTER: LINK }),
    holds: linked({ IN_SMM: 1n, CURRENT_VMCS_POINTER: LINK }),
  },
  {
    slug: "guest.link-pointer.executive-vmcs",
    violated: linked({ IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: LINK }),
    holds: linked({ IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: 0x2000n }),
  },
];

await testRules([...activityState, ...interruptibilityState, ...pendingDebugExceptions, ...linkPointer]);
