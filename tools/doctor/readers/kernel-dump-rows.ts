// What the keys of KVM's and Xen's dumps mean, section by section.

// KVM: dump_vmcs in arch/x86/kvm/vmx.c (3.17 to 4.20) and arch/x86/kvm/vmx/vmx.c (5.0 on).
// Its CET lines are of 6.18, its FRED lines of patches under review in 2025.
// Xen: vmcs_dump_vcpu in xen/arch/x86/hvm/vmx/vmcs.c (4.0 on).
// A key is written as pairs.ts gives it: "cs:sel" is `sel` in a line that `CS:` opens.

export type Section = "guest" | "host" | "control";

/** Where a line of such a dump begins, whatever stands before it. */
export const ROW_START = new RegExp(
  [
    "\\*\\*\\* ?(?:Guest|Host|Control) State",
    "CR[04]: actual=",
    "CR3(?:: actual)? ?=",
    "CR0=",
    "PDPT[RE][02] ?=",
    "R[SI]P = ",
    "RFLAGS=",
    "Sysenter RSP=",
    "(?:CS|DS|SS|ES|FS|GS|LDTR|TR|GDTR|IDTR): +(?:sel=|limit=|[0-9a-f]{4,8} )",
    "EFER(?:\\([A-Z ]{2,8}\\))? ?=",
    "(?:PAT|DebugCtl|PerfGlobCtl|BndCfgS|Interruptibility|InterruptStatus|S_CET|SSP|SSP TABLE|PreemptionTimer) ?= ?",
    "FRED (?:guest|host): ",
    "CS=[0-9a-f]{4} SS=",
    "(?:FSBase|GDTBase|PinBased|CPUBased|EntryControls|ExceptionBitmap)=",
    "(?:VMEntry|VMExit): intr_info=",
    " {2,9}reason=",
    "IDTVectoring: info=",
    "(?:TSC Offset|TSC Multiplier|EPT pointer|Virtual processor ID|PostedIntrVec|VE info address|VMfunc controls) = ",
    "(?:TPR Threshold|SVI\\|RVI|APIC-access addr|virt-APIC addr) = ",
    "PLE Gap=",
    "MSR [a-z ]{4,16}:",
  ].join("|"),
  "y",
);

/** Keys that only follow others in their line, so that a line that begins with one is the rest of a wrapped line. */
export const CONTINUATION =
  /^(?:shadow|gh_mask|target_count|attr|limit|base|errcode|ilen|qualification|event_data|PFECmask|PFECmatch|CS:RIP)=/;

/** Keys of the host's section alone. QEMU prints some of them, of the guest, behind the dump. */
const HOST_ONLY: ReadonlySet<string> = new Set([
  ...["cs", "ss", "ds", "es", "fs", "gs", "tr"],
  ...["fsbase", "gsbase", "trbase", "gdtbase", "idtbase"],
]);

/** Keys that mean the same in every section: name of the field's constant. */
const EVERYWHERE: Readonly<Record<string, string>> = {
  "cr0:actual": "GUEST_CR0",
  "cr0:shadow": "CR0_READ_SHADOW",
  "cr0:gh_mask": "CR0_GUEST_HOST_MASK",
  "cr4:actual": "GUEST_CR4",
  "cr4:shadow": "CR4_READ_SHADOW",
  "cr4:gh_mask": "CR4_GUEST_HOST_MASK",
  "cr3:actual": "GUEST_CR3",
  "cr3:target_count": "CR3_TARGET_COUNT",
  pdptr0: "GUEST_PDPTE0",
  pdptr1: "GUEST_PDPTE1",
  pdptr2: "GUEST_PDPTE2",
  pdptr3: "GUEST_PDPTE3",
  pdpte0: "GUEST_PDPTE0",
  pdpte1: "GUEST_PDPTE1",
  pdpte2: "GUEST_PDPTE2",
  pdpte3: "GUEST_PDPTE3",
  rflags: "GUEST_RFLAGS",
  dr7: "GUEST_DR7",
  ...Object.fromEntries(
    ["cs", "ds", "ss", "es", "fs", "gs", "ldtr", "tr"].flatMap((register) => [
      [`${register}:sel`, `GUEST_${register.toUpperCase()}_SELECTOR`],
      [`${register}:attr`, `GUEST_${register.toUpperCase()}_ACCESS_RIGHTS`],
      [`${register}:limit`, `GUEST_${register.toUpperCase()}_LIMIT`],
      [`${register}:base`, `GUEST_${register.toUpperCase()}_BASE`],
    ]),
  ),
  "fred guest:config": "GUEST_IA32_FRED_CONFIG",
  "fred guest:stack_levels": "GUEST_IA32_FRED_STKLVLS",
  "fred host:config": "HOST_IA32_FRED_CONFIG",
  "fred host:stack_levels": "HOST_IA32_FRED_STKLVLS",
  "gdtr:limit": "GUEST_GDTR_LIMIT",
  "gdtr:base": "GUEST_GDTR_BASE",
  "idtr:limit": "GUEST_IDTR_LIMIT",
  "idtr:base": "GUEST_IDTR_BASE",
  "efer(vmcs)": "GUEST_IA32_EFER",
  "guest pat": "GUEST_IA32_PAT",
  "host pat": "HOST_IA32_PAT",
  preemptiontimer: "VMX_PREEMPTION_TIMER_VALUE",
  "sm base": "GUEST_SMBASE",
  debugctl: "GUEST_IA32_DEBUGCTL",
  debugexceptions: "GUEST_PENDING_DEBUG_EXCEPTIONS",
  bndcfgs: "GUEST_IA32_BNDCFGS",
  interruptibility: "GUEST_INTERRUPTIBILITY_STATE",
  activitystate: "GUEST_ACTIVITY_STATE",
  interruptstatus: "GUEST_INTERRUPT_STATUS",
  "spec_ctrl mask": "IA32_SPEC_CTRL_MASK",
  shadow: "IA32_SPEC_CTRL_SHADOW",
  fsbase: "HOST_FS_BASE",
  gsbase: "HOST_GS_BASE",
  trbase: "HOST_TR_BASE",
  gdtbase: "HOST_GDTR_BASE",
  idtbase: "HOST_IDTR_BASE",
  cs: "HOST_CS_SELECTOR",
  ss: "HOST_SS_SELECTOR",
  ds: "HOST_DS_SELECTOR",
  es: "HOST_ES_SELECTOR",
  fs: "HOST_FS_SELECTOR",
  gs: "HOST_GS_SELECTOR",
  tr: "HOST_TR_SELECTOR",
  pinbased: "PIN_BASED_VM_EXECUTION_CONTROLS",
  cpubased: "PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS",
  secondaryexec: "SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS",
  tertiaryexec: "TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS",
  entrycontrols: "VM_ENTRY_CONTROLS",
  exitcontrols: "PRIMARY_VM_EXIT_CONTROLS",
  secondaryexitcontrols: "SECONDARY_VM_EXIT_CONTROLS",
  exceptionbitmap: "EXCEPTION_BITMAP",
  pfecmask: "PAGE_FAULT_ERROR_CODE_MASK",
  pfecmatch: "PAGE_FAULT_ERROR_CODE_MATCH",
  "vmentry:intr_info": "VM_ENTRY_INTERRUPTION_INFORMATION",
  "vmentry:errcode": "VM_ENTRY_EXCEPTION_ERROR_CODE",
  "vmentry:ilen": "VM_ENTRY_INSTRUCTION_LENGTH",
  "vmentry:event_data": "INJECTED_EVENT_DATA",
  "vmexit:intr_info": "VM_EXIT_INTERRUPTION_INFORMATION",
  "vmexit:errcode": "VM_EXIT_INTERRUPTION_ERROR_CODE",
  "vmexit:ilen": "VM_EXIT_INSTRUCTION_LENGTH",
  reason: "EXIT_REASON",
  qualification: "EXIT_QUALIFICATION",
  "idtvectoring:info": "IDT_VECTORING_INFORMATION",
  "idtvectoring:errcode": "IDT_VECTORING_ERROR_CODE",
  "idtvectoring:event_data": "ORIGINAL_EVENT_DATA",
  "tsc offset": "TSC_OFFSET",
  "tsc multiplier": "TSC_MULTIPLIER",
  "tpr threshold": "TPR_THRESHOLD",
  "apic-access addr": "APIC_ACCESS_ADDRESS",
  "virt-apic addr": "VIRTUAL_APIC_ADDRESS",
  postedintrvec: "POSTED_INTERRUPT_NOTIFICATION_VECTOR",
  "ept pointer": "EPT_POINTER",
  "eptp index": "EPTP_INDEX",
  ...Object.fromEntries(
    [0, 1, 2, 3].flatMap((row) => [
      [`cr3 target${row}`, `CR3_TARGET_VALUE_${row}`],
      [`target${row}`, `CR3_TARGET_VALUE_${row}`],
    ]),
  ),
  "ple gap": "PLE_GAP",
  window: "PLE_WINDOW",
  "virtual processor id": "VIRTUAL_PROCESSOR_IDENTIFIER",
  "vmfunc controls": "VM_FUNCTION_CONTROLS",
  "ve info address": "VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS",
};

/** Keys that the guest's section and the host's share: the part of the constant's name after GUEST_ or HOST_. */
const OF_AREA: Readonly<Record<string, string>> = {
  cr0: "CR0",
  cr3: "CR3",
  cr4: "CR4",
  rsp: "RSP",
  rip: "RIP",
  "sysenter rsp": "IA32_SYSENTER_ESP",
  efer: "IA32_EFER",
  pat: "IA32_PAT",
  perfglobctl: "IA32_PERF_GLOBAL_CTRL",
  s_cet: "IA32_S_CET",
  ssp: "SSP",
  "ssp table": "IA32_INTERRUPT_SSP_TABLE_ADDR",
  "intr ssp table": "IA32_INTERRUPT_SSP_TABLE_ADDR",
  rsp1: "IA32_FRED_RSP1",
  rsp2: "IA32_FRED_RSP2",
  rsp3: "IA32_FRED_RSP3",
};

/** The constant's name of the field that `key` means in `section`; null where it means none. */
export function identifierOf(key: string, section: Section): string | null {
  if (section === "control" && HOST_ONLY.has(key)) return null;
  if (Object.hasOwn(EVERYWHERE, key)) return EVERYWHERE[key] ?? null;
  if (!Object.hasOwn(OF_AREA, key) || section === "control") return null;
  return `${section === "host" ? "HOST" : "GUEST"}_${OF_AREA[key] ?? ""}`;
}

/** Keys of values that are no VMCS field, and why. */
export const NO_FIELDS: Readonly<Record<string, string>> = {
  "efer(msr ll)": "the value in Xen's list of MSRs to load",
  rsp0: "the MSR IA32_FRED_RSP0, which no VMCS field holds",
};
