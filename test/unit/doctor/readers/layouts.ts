// The dumps of several kernels and of several versions of Xen, from their format strings; each value stands as {FIELD:form}.

/** A layout as lines. `{GUEST_CR0:16}` is the field's value in 16 hexadecimal digits, `{CR3_TARGET_COUNT:d}` in decimal. */
export type Layout = readonly string[];

const crs = [
  "CR0: actual=0x{GUEST_CR0:16}, shadow=0x{CR0_READ_SHADOW:16}, gh_mask={CR0_GUEST_HOST_MASK:16}",
  "CR4: actual=0x{GUEST_CR4:16}, shadow=0x{CR4_READ_SHADOW:16}, gh_mask={CR4_GUEST_HOST_MASK:16}",
];

const segment = (label: string, register: string): string =>
  `${label} sel=0x{GUEST_${register}_SELECTOR:4}, attr=0x{GUEST_${register}_ACCESS_RIGHTS:5}, ` +
  `limit=0x{GUEST_${register}_LIMIT:8}, base=0x{GUEST_${register}_BASE:16}`;

const table = (label: string, register: string): string =>
  `${label}                           limit=0x{GUEST_${register}_LIMIT:8}, base=0x{GUEST_${register}_BASE:16}`;

const kvmGuest = [
  "CR3 = 0x{GUEST_CR3:16}",
  "PDPTR0 = 0x{GUEST_PDPTE0:16}  PDPTR1 = 0x{GUEST_PDPTE1:16}",
  "PDPTR2 = 0x{GUEST_PDPTE2:16}  PDPTR3 = 0x{GUEST_PDPTE3:16}",
  "RSP = 0x{GUEST_RSP:16}  RIP = 0x{GUEST_RIP:16}",
  "RFLAGS=0x{GUEST_RFLAGS:8}         DR7 = 0x{GUEST_DR7:16}",
  "Sysenter RSP={GUEST_IA32_SYSENTER_ESP:16} CS:RIP={GUEST_IA32_SYSENTER_CS:4}:{GUEST_IA32_SYSENTER_EIP:16}",
  segment("CS:  ", "CS"),
  segment("DS:  ", "DS"),
  segment("SS:  ", "SS"),
  segment("ES:  ", "ES"),
  segment("FS:  ", "FS"),
  segment("GS:  ", "GS"),
  table("GDTR:", "GDTR"),
  segment("LDTR:", "LDTR"),
  table("IDTR:", "IDTR"),
  segment("TR:  ", "TR"),
];

const guestEvents = [
  "DebugCtl = 0x{GUEST_IA32_DEBUGCTL:16}  DebugExceptions = 0x{GUEST_PENDING_DEBUG_EXCEPTIONS:16}",
  "PerfGlobCtl = 0x{GUEST_IA32_PERF_GLOBAL_CTRL:16}",
  "BndCfgS = 0x{GUEST_IA32_BNDCFGS:16}",
  "Interruptibility = {GUEST_INTERRUPTIBILITY_STATE:8}  ActivityState = {GUEST_ACTIVITY_STATE:8}",
  "InterruptStatus = {GUEST_INTERRUPT_STATUS:4}",
];

const host = [
  "*** Host State ***",
  "RIP = 0x{HOST_RIP:16}  RSP = 0x{HOST_RSP:16}",
  "CS={HOST_CS_SELECTOR:4} SS={HOST_SS_SELECTOR:4} DS={HOST_DS_SELECTOR:4} ES={HOST_ES_SELECTOR:4} " +
    "FS={HOST_FS_SELECTOR:4} GS={HOST_GS_SELECTOR:4} TR={HOST_TR_SELECTOR:4}",
  "FSBase={HOST_FS_BASE:16} GSBase={HOST_GS_BASE:16} TRBase={HOST_TR_BASE:16}",
  "GDTBase={HOST_GDTR_BASE:16} IDTBase={HOST_IDTR_BASE:16}",
  "CR0={HOST_CR0:16} CR3={HOST_CR3:16} CR4={HOST_CR4:16}",
  "Sysenter RSP={HOST_IA32_SYSENTER_ESP:16} CS:RIP={HOST_IA32_SYSENTER_CS:4}:{HOST_IA32_SYSENTER_EIP:16}",
];

const pinAndCpu =
  "PinBased={PIN_BASED_VM_EXECUTION_CONTROLS:8} CPUBased={PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS:8}";
const secondary = "SecondaryExec={SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS:8}";
const entryAndExit = "EntryControls={VM_ENTRY_CONTROLS:8} ExitControls={PRIMARY_VM_EXIT_CONTROLS:8}";
const bitmap = "ExceptionBitmap={EXCEPTION_BITMAP:8}";
const pageFaults = "PFECmask={PAGE_FAULT_ERROR_CODE_MASK:8} PFECmatch={PAGE_FAULT_ERROR_CODE_MATCH:8}";
const vmEntry =
  "VMEntry: intr_info={VM_ENTRY_INTERRUPTION_INFORMATION:8} errcode={VM_ENTRY_EXCEPTION_ERROR_CODE:8} " +
  "ilen={VM_ENTRY_INSTRUCTION_LENGTH:8}";
const vmExit = "VMExit: intr_info={VM_EXIT_INTERRUPTION_INFORMATION:8} errcode={VM_EXIT_INTERRUPTION_ERROR_CODE:8} ";
const exitLength = "ilen={VM_EXIT_INSTRUCTION_LENGTH:8}";
const reason = "        reason={EXIT_REASON:8} qualification={EXIT_QUALIFICATION:16}";
const idtVectoring = "IDTVectoring: info={IDT_VECTORING_INFORMATION:8} errcode={IDT_VECTORING_ERROR_CODE:8}";
const events = [bitmap + " " + pageFaults, vmEntry, vmExit + exitLength, reason, idtVectoring];
const apicAndEpt = [
  "TSC Offset = 0x{TSC_OFFSET:16}",
  "TSC Multiplier = 0x{TSC_MULTIPLIER:16}",
  "SVI|RVI = {GUEST_INTERRUPT_STATUS:svi|rvi} TPR Threshold = 0x{TPR_THRESHOLD:2}",
  "APIC-access addr = 0x{APIC_ACCESS_ADDRESS:16} virt-APIC addr = 0x{VIRTUAL_APIC_ADDRESS:16}",
  "PostedIntrVec = 0x{POSTED_INTERRUPT_NOTIFICATION_VECTOR:2}",
  "EPT pointer = 0x{EPT_POINTER:16}",
];
const pleAndVpid = [
  "PLE Gap={PLE_GAP:8} Window={PLE_WINDOW:8}",
  "Virtual processor ID = 0x{VIRTUAL_PROCESSOR_IDENTIFIER:4}",
];
const crTargets = [
  "CR3 target0={CR3_TARGET_VALUE_0:16} target1={CR3_TARGET_VALUE_1:16}",
  "CR3 target2={CR3_TARGET_VALUE_2:16} target3={CR3_TARGET_VALUE_3:16}",
];

/** Linux 4.19: arch/x86/kvm/vmx.c. */
export const KVM_4_19: Layout = [
  "*** Guest State ***",
  ...crs,
  ...kvmGuest,
  "EFER =     0x{GUEST_IA32_EFER:16}  PAT = 0x{GUEST_IA32_PAT:16}",
  ...guestEvents,
  ...host,
  "EFER = 0x{HOST_IA32_EFER:16}  PAT = 0x{HOST_IA32_PAT:16}",
  "PerfGlobCtl = 0x{HOST_IA32_PERF_GLOBAL_CTRL:16}",
  "*** Control State ***",
  `${pinAndCpu} ${secondary}`,
  entryAndExit,
  ...events,
  "TSC Offset = 0x{TSC_OFFSET:16}",
  "TPR Threshold = 0x{TPR_THRESHOLD:2}",
  "EPT pointer = 0x{EPT_POINTER:16}",
  ...crTargets,
  ...pleAndVpid,
];

/** Linux 5.8: arch/x86/kvm/vmx/vmx.c; CR3 targets are gone, the addresses of the APIC are new. */
export const KVM_5_8: Layout = [
  "*** Guest State ***",
  ...crs,
  ...kvmGuest,
  "EFER =     0x{GUEST_IA32_EFER:16}  PAT = 0x{GUEST_IA32_PAT:16}",
  ...guestEvents,
  ...host,
  "EFER = 0x{HOST_IA32_EFER:16}  PAT = 0x{HOST_IA32_PAT:16}",
  "PerfGlobCtl = 0x{HOST_IA32_PERF_GLOBAL_CTRL:16}",
  "*** Control State ***",
  `${pinAndCpu} ${secondary}`,
  entryAndExit,
  ...events,
  ...apicAndEpt,
  ...pleAndVpid,
];

/** Linux 6.16: EFER by itself, tertiary controls, MSR areas. */
export const KVM_6_16: Layout = [
  "VMCS 00000000444185c0, last attempted VM-entry on CPU 3",
  "*** Guest State ***",
  ...crs,
  ...kvmGuest,
  "EFER= 0x{GUEST_IA32_EFER:16}",
  "PAT = 0x{GUEST_IA32_PAT:16}",
  ...guestEvents,
  "MSR guest autoload:",
  "   0: msr=0x00000600 value=0x0000000000000000",
  ...host,
  "EFER= 0x{HOST_IA32_EFER:16}",
  "PAT = 0x{HOST_IA32_PAT:16}",
  "PerfGlobCtl = 0x{HOST_IA32_PERF_GLOBAL_CTRL:16}",
  "MSR host autoload:",
  "   0: msr=0x00000600 value=0xfffffe4d6e2c1000",
  "*** Control State ***",
  "CPUBased=0x{PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS:8} " +
    "SecondaryExec=0x{SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS:8} " +
    "TertiaryExec=0x{TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS:16}",
  `PinBased=0x{PIN_BASED_VM_EXECUTION_CONTROLS:8} ${entryAndExit}`,
  ...events,
  ...apicAndEpt,
  ...pleAndVpid,
  "VE info address = 0x{VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS:16}",
  "ve_info: 0x00000030 0xffffffff 0x0000000000000000 0x0000000000000000 0x0000000000000000 0x0000",
];

/** Linux 6.18 with CET, and the lines of FRED that were under review then. */
export const KVM_CET_AND_FRED: Layout = [
  ...KVM_6_16.slice(0, KVM_6_16.indexOf("EFER= 0x{GUEST_IA32_EFER:16}")),
  "FRED guest: config=0x{GUEST_IA32_FRED_CONFIG:16}, stack_levels=0x{GUEST_IA32_FRED_STKLVLS:16}",
  "RSP0=0x00000000fffe1000, RSP1=0x{GUEST_IA32_FRED_RSP1:16}",
  "RSP2=0x{GUEST_IA32_FRED_RSP2:16}, RSP3=0x{GUEST_IA32_FRED_RSP3:16}",
  "EFER= 0x0000000000000d01 (effective)",
  ...guestEvents,
  "S_CET = 0x{GUEST_IA32_S_CET:16}, SSP = 0x{GUEST_SSP:16}, SSP TABLE = 0x{GUEST_IA32_INTERRUPT_SSP_TABLE_ADDR:16}",
  ...host,
  "FRED host: config=0x{HOST_IA32_FRED_CONFIG:16}, stack_levels=0x{HOST_IA32_FRED_STKLVLS:16}",
  "RSP0=0x00000000fffe2000, RSP1=0x{HOST_IA32_FRED_RSP1:16}",
  "RSP2=0x{HOST_IA32_FRED_RSP2:16}, RSP3=0x{HOST_IA32_FRED_RSP3:16}",
  "S_CET = 0x{HOST_IA32_S_CET:16}, SSP = 0x{HOST_SSP:16}, SSP TABLE = 0x{HOST_IA32_INTERRUPT_SSP_TABLE_ADDR:16}",
  "*** Control State ***",
  "PinBased=0x{PIN_BASED_VM_EXECUTION_CONTROLS:8} EntryControls=0x{VM_ENTRY_CONTROLS:8}",
  "ExitControls=0x{PRIMARY_VM_EXIT_CONTROLS:8} SecondaryExitControls=0x{SECONDARY_VM_EXIT_CONTROLS:16}",
  `${vmEntry} event_data={INJECTED_EVENT_DATA:16}`,
  `${idtVectoring} event_data={ORIGINAL_EVENT_DATA:16}`,
];

/** Xen 4.0 to 4.5. */
export const XEN_4_4: Layout = [
  "*** Guest State ***",
  ...crs,
  "CR3: actual=0x{GUEST_CR3:16}, target_count={CR3_TARGET_COUNT:d}",
  "     target0={CR3_TARGET_VALUE_0:16}, target1={CR3_TARGET_VALUE_1:16}",
  "     target2={CR3_TARGET_VALUE_2:16}, target3={CR3_TARGET_VALUE_3:16}",
  "RSP = 0x{GUEST_RSP:16} (0x000000000000fff0)  RIP = 0x{GUEST_RIP:16} (0x0000000000007c00)",
  "RFLAGS=0x{GUEST_RFLAGS:16} (0x0000000000000002)  DR7 = 0x{GUEST_DR7:16}",
  "Sysenter RSP={GUEST_IA32_SYSENTER_ESP:16} CS:RIP={GUEST_IA32_SYSENTER_CS:4}:{GUEST_IA32_SYSENTER_EIP:16}",
  segment("CS:", "CS"),
  segment("DS:", "DS"),
  table("GDTR:", "GDTR"),
  segment("LDTR:", "LDTR"),
  segment("TR:", "TR"),
  "Guest PAT = 0x{GUEST_IA32_PAT:16}",
  "TSC Offset = {TSC_OFFSET:16}",
  "DebugCtl={GUEST_IA32_DEBUGCTL:16} DebugExceptions={GUEST_PENDING_DEBUG_EXCEPTIONS:16}",
  "Interruptibility={GUEST_INTERRUPTIBILITY_STATE:4} ActivityState={GUEST_ACTIVITY_STATE:4}",
  "*** Host State ***",
  "RSP = 0x{HOST_RSP:16}  RIP = 0x{HOST_RIP:16}",
  "CS={HOST_CS_SELECTOR:4} DS={HOST_DS_SELECTOR:4} ES={HOST_ES_SELECTOR:4} FS={HOST_FS_SELECTOR:4} " +
    "GS={HOST_GS_SELECTOR:4} SS={HOST_SS_SELECTOR:4} TR={HOST_TR_SELECTOR:4}",
  ...host.slice(3),
  "Host PAT = 0x{HOST_IA32_PAT:16}",
  "*** Control State ***",
  `${pinAndCpu} ${secondary}`,
  entryAndExit,
  bitmap,
  vmEntry,
  `${vmExit}ilen=00000005`,
  "        reason={EXIT_REASON:8} qualification={EXIT_QUALIFICATION:8}",
  idtVectoring,
  "TPR Threshold = 0x{TPR_THRESHOLD:2}",
  "EPT pointer = 0x{EPT_POINTER:16}",
  "Virtual processor ID = 0x{VIRTUAL_PROCESSOR_IDENTIFIER:4}",
];

const row = (label: string, register: string): string =>
  `${label}: {GUEST_${register}_SELECTOR:4} {GUEST_${register}_ACCESS_RIGHTS:5} ` +
  `{GUEST_${register}_LIMIT:8} {GUEST_${register}_BASE:16}`;

/** Xen 4.19 and 4.20; 4.6 to 4.17 differ in EFER and in the line of the secondary controls. */
export const XEN_4_20: Layout = [
  "*** Guest State ***",
  ...crs,
  "CR3 = 0x{GUEST_CR3:16}",
  "PDPTE0 = 0x{GUEST_PDPTE0:16}  PDPTE1 = 0x{GUEST_PDPTE1:16}",
  "PDPTE2 = 0x{GUEST_PDPTE2:16}  PDPTE3 = 0x{GUEST_PDPTE3:16}",
  "RSP = 0x{GUEST_RSP:16} (0x000000000000fff0)  RIP = 0x{GUEST_RIP:16} (0x0000000000007c00)",
  "RFLAGS=0x{GUEST_RFLAGS:8} (0x00000002)  DR7 = 0x{GUEST_DR7:16}",
  "Sysenter RSP={GUEST_IA32_SYSENTER_ESP:16} CS:RIP={GUEST_IA32_SYSENTER_CS:4}:{GUEST_IA32_SYSENTER_EIP:16}",
  "       sel  attr  limit   base",
  row("  CS", "CS"),
  row("  DS", "DS"),
  row("  SS", "SS"),
  row("  ES", "ES"),
  row("  FS", "FS"),
  row("  GS", "GS"),
  "GDTR:            {GUEST_GDTR_LIMIT:8} {GUEST_GDTR_BASE:16}",
  row("LDTR", "LDTR"),
  "IDTR:            {GUEST_IDTR_LIMIT:8} {GUEST_IDTR_BASE:16}",
  row("  TR", "TR"),
  "EFER(VMCS) = 0x{GUEST_IA32_EFER:16}  PAT = 0x{GUEST_IA32_PAT:16}",
  "PreemptionTimer = 0x{VMX_PREEMPTION_TIMER_VALUE:8}  SM Base = 0x{GUEST_SMBASE:8}",
  "DebugCtl = 0x{GUEST_IA32_DEBUGCTL:16}  DebugExceptions = 0x{GUEST_PENDING_DEBUG_EXCEPTIONS:16}",
  "PerfGlobCtl = 0x{GUEST_IA32_PERF_GLOBAL_CTRL:16}  BndCfgS = 0x{GUEST_IA32_BNDCFGS:16}",
  "Interruptibility = {GUEST_INTERRUPTIBILITY_STATE:8}  ActivityState = {GUEST_ACTIVITY_STATE:8}",
  "InterruptStatus = {GUEST_INTERRUPT_STATUS:4}",
  "SPEC_CTRL mask = 0x{IA32_SPEC_CTRL_MASK:16}  shadow = 0x{IA32_SPEC_CTRL_SHADOW:16}",
  "*** Host State ***",
  "RIP = 0x{HOST_RIP:16} (vmx_asm_vmexit_handler)  RSP = 0x{HOST_RSP:16}",
  ...host.slice(2),
  "EFER = 0x{HOST_IA32_EFER:16}  PAT = 0x{HOST_IA32_PAT:16}",
  "PerfGlobCtl = 0x{HOST_IA32_PERF_GLOBAL_CTRL:16}",
  "*** Control State ***",
  pinAndCpu,
  `${secondary} TertiaryExec={TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS:16}`,
  entryAndExit,
  ...events,
  "TSC Offset = 0x{TSC_OFFSET:16}  TSC Multiplier = 0x{TSC_MULTIPLIER:16}",
  "TPR Threshold = 0x{TPR_THRESHOLD:2}  PostedIntrVec = 0x{POSTED_INTERRUPT_NOTIFICATION_VECTOR:2}",
  "EPT pointer = 0x{EPT_POINTER:16}  EPTP index = 0x{EPTP_INDEX:4}",
  ...crTargets,
  "PLE Gap={PLE_GAP:8} Window={PLE_WINDOW:8}",
  "Virtual processor ID = 0x{VIRTUAL_PROCESSOR_IDENTIFIER:4} VMfunc controls = {VM_FUNCTION_CONTROLS:16}",
];

export const LAYOUTS: readonly (readonly [name: string, format: "kvm" | "xen", layout: Layout])[] = [
  ["Linux 4.19", "kvm", KVM_4_19],
  ["Linux 5.8", "kvm", KVM_5_8],
  ["Linux 6.16", "kvm", KVM_6_16],
  ["Linux 6.18 with CET and FRED", "kvm", KVM_CET_AND_FRED],
  ["Xen 4.4", "xen", XEN_4_4],
  ["Xen 4.20", "xen", XEN_4_20],
];
