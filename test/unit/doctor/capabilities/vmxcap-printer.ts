// Prints capability MSRs as QEMU's scripts/kvm/vmxcap does, after that script's rules, for the tests of its reader.

interface Part {
  title: string;
  plain: string;
  exact?: string;
  bits: Record<number, string>;
}

/** Some titles of each part; the script prints more, but not all bits of the newest processors. */
const PARTS: readonly Part[] = [
  {
    title: "pin-based controls",
    plain: "IA32_VMX_PINBASED_CTLS",
    exact: "IA32_VMX_TRUE_PINBASED_CTLS",
    bits: {
      0: "External interrupt exiting",
      3: "NMI exiting",
      5: "Virtual NMIs",
      6: "Activate VMX-preemption timer",
      7: "Process posted interrupts",
    },
  },
  {
    title: "primary processor-based controls",
    plain: "IA32_VMX_PROCBASED_CTLS",
    exact: "IA32_VMX_TRUE_PROCBASED_CTLS",
    bits: {
      2: "Interrupt window exiting",
      3: "Use TSC offsetting",
      7: "HLT exiting",
      9: "INVLPG exiting",
      10: "MWAIT exiting",
      11: "RDPMC exiting",
      12: "RDTSC exiting",
      15: "CR3-load exiting",
      16: "CR3-store exiting",
      17: "Activate tertiary controls",
      19: "CR8-load exiting",
      20: "CR8-store exiting",
      21: "Use TPR shadow",
      22: "NMI-window exiting",
      23: "MOV-DR exiting",
      24: "Unconditional I/O exiting",
      25: "Use I/O bitmaps",
      27: "Monitor trap flag",
      28: "Use MSR bitmaps",
      29: "MONITOR exiting",
      30: "PAUSE exiting",
      31: "Activate secondary control",
    },
  },
  {
    title: "secondary processor-based controls",
    plain: "IA32_VMX_PROCBASED_CTLS2",
    bits: {
      0: "Virtualize APIC accesses",
      1: "Enable EPT",
      2: "Descriptor-table exiting",
      3: "Enable RDTSCP",
      4: "Virtualize x2APIC mode",
      5: "Enable VPID",
      6: "WBINVD exiting",
      7: "Unrestricted guest",
      10: "PAUSE-loop exiting",
      11: "RDRAND exiting",
    },
  },
  {
    title: "VM-Exit controls",
    plain: "IA32_VMX_EXIT_CTLS",
    exact: "IA32_VMX_TRUE_EXIT_CTLS",
    bits: {
      2: "Save debug controls",
      9: "Host address-space size",
      12: "Load IA32_PERF_GLOBAL_CTRL",
      15: "Acknowledge interrupt on exit",
      18: "Save IA32_PAT",
      19: "Load IA32_PAT",
      20: "Save IA32_EFER",
      21: "Load IA32_EFER",
      22: "Save VMX-preemption timer value",
    },
  },
  {
    title: "VM-Entry controls",
    plain: "IA32_VMX_ENTRY_CTLS",
    exact: "IA32_VMX_TRUE_ENTRY_CTLS",
    bits: {
      2: "Load debug controls",
      9: "IA-32e mode guest",
      10: "Entry to SMM",
      11: "Deactivate dual-monitor treatment",
      13: "Load IA32_PERF_GLOBAL_CTRL",
      14: "Load IA32_PAT",
      15: "Load IA32_EFER",
    },
  },
];

const WHOLE = {
  "Basic VMX Information": "IA32_VMX_BASIC",
  "Miscellaneous data": "IA32_VMX_MISC",
  "VPID and EPT capabilities": "IA32_VMX_EPT_VPID_CAP",
};

/** The word that vmxcap prints for a bit: `plain` and `exact` are the control MSR and its TRUE form, if there is one. */
function word(bit: number, plain: bigint, exact: bigint | undefined): string {
  const has = (value: bigint, at: number): boolean => ((value >> BigInt(at)) & 1n) === 1n;
  const [mustBeOne, mayBeOne] = [has(plain, bit), has(plain, bit + 32)];
  if (exact !== undefined && !has(exact, bit) && has(exact, bit + 32) && mustBeOne && mayBeOne) return "default";
  return mustBeOne ? "forced" : mayBeOne ? "yes" : "no";
}

/** The output of vmxcap on a processor of these MSRs. */
export function printVmxcap(values: ReadonlyMap<string, bigint>): string {
  const lines: string[] = [];
  for (const [title, name] of Object.entries(WHOLE)) {
    lines.push(title, `  Hex: 0x${(values.get(name) ?? 0n).toString(16)}`, `  ${"Revision".padEnd(40)} 4`);
  }
  for (const { title, plain, exact, bits } of PARTS) {
    lines.push(title);
    for (const [bit, label] of Object.entries(bits)) {
      const setting = word(Number(bit), values.get(plain)!, exact === undefined ? undefined : values.get(exact));
      lines.push(`  ${label.padEnd(40)} ${setting}`);
    }
  }
  return lines.join("\n");
}
