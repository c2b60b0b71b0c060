// The output of QEMU's scripts/kvm/vmxcap: MSRs in hexadecimal, and control MSRs as a word for each named bit.
import type { MsrName } from "../names.ts";
import type { Findings, Refusal } from "./findings.ts";
import type { LineResult } from "./msrs.ts";

/** Titles of the parts that print the whole MSR. */
const WHOLE: Readonly<Record<string, MsrName>> = {
  "Basic VMX Information": "IA32_VMX_BASIC",
  "Miscellaneous data": "IA32_VMX_MISC",
  "VPID and EPT capabilities": "IA32_VMX_EPT_VPID_CAP",
  "VM Functions": "IA32_VMX_VMFUNC",
};

/** A part that prints a word for each control: its MSRs, their default1 class (SDM 3D A.2), and bits by title. */
interface ControlPart {
  plain: MsrName;
  exact: MsrName | null;
  default1: bigint;
  bits: Readonly<Record<string, number>>;
}

const CONTROL_PARTS: Readonly<Record<string, ControlPart>> = {
  "pin-based controls": {
    plain: "IA32_VMX_PINBASED_CTLS",
    exact: "IA32_VMX_TRUE_PINBASED_CTLS",
    default1: 0x16n,
    bits: {
      "External interrupt exiting": 0,
      "NMI exiting": 3,
      "Virtual NMIs": 5,
      "Activate VMX-preemption timer": 6,
      "Process posted interrupts": 7,
    },
  },
  "primary processor-based controls": {
    plain: "IA32_VMX_PROCBASED_CTLS",
    exact: "IA32_VMX_TRUE_PROCBASED_CTLS",
    default1: 0x0401e172n,
    bits: {
      "Interrupt window exiting": 2,
      "Use TSC offsetting": 3,
      "HLT exiting": 7,
      "INVLPG exiting": 9,
      "MWAIT exiting": 10,
      "RDPMC exiting": 11,
      "RDTSC exiting": 12,
      "CR3-load exiting": 15,
      "CR3-store exiting": 16,
      "Activate tertiary controls": 17,
      "CR8-load exiting": 19,
      "CR8-store exiting": 20,
      "Use TPR shadow": 21,
      "NMI-window exiting": 22,
      "MOV-DR exiting": 23,
      "Unconditional I/O exiting": 24,
      "Use I/O bitmaps": 25,
      "Monitor trap flag": 27,
      "Use MSR bitmaps": 28,
      "MONITOR exiting": 29,
      "PAUSE exiting": 30,
      "Activate secondary control": 31,
    },
  },
  "secondary processor-based controls": {
    plain: "IA32_VMX_PROCBASED_CTLS2",
    exact: null,
    default1: 0n,
    bits: {
      "Virtualize APIC accesses": 0,
      "Enable EPT": 1,
      "Descriptor-table exiting": 2,
      "Enable RDTSCP": 3,
      "Virtualize x2APIC mode": 4,
      "Enable VPID": 5,
      "WBINVD exiting": 6,
      "Unrestricted guest": 7,
      "APIC register emulation": 8,
      "Virtual interrupt delivery": 9,
      "PAUSE-loop exiting": 10,
      "RDRAND exiting": 11,
      "Enable INVPCID": 12,
      "Enable VM functions": 13,
      "VMCS shadowing": 14,
      "Enable ENCLS exiting": 15,
      "RDSEED exiting": 16,
      "Enable PML": 17,
      "EPT-violation #VE": 18,
      "Conceal non-root operation from PT": 19,
      "Enable XSAVES/XRSTORS": 20,
      "Mode-based execute control (XS/XU)": 22,
      "Sub-page write permissions": 23,
      "GPA translation for PT": 24,
      "TSC scaling": 25,
      "User wait and pause": 26,
      "ENCLV exiting": 28,
    },
  },
  "VM-Exit controls": {
    plain: "IA32_VMX_EXIT_CTLS",
    exact: "IA32_VMX_TRUE_EXIT_CTLS",
    default1: 0x00036dffn,
    bits: {
      "Save debug controls": 2,
      "Host address-space size": 9,
      "Load IA32_PERF_GLOBAL_CTRL": 12,
      "Acknowledge interrupt on exit": 15,
      "Save IA32_PAT": 18,
      "Load IA32_PAT": 19,
      "Save IA32_EFER": 20,
      "Load IA32_EFER": 21,
      "Save VMX-preemption timer value": 22,
      "Clear IA32_BNDCFGS": 23,
      "Conceal VM exits from PT": 24,
      "Clear IA32_RTIT_CTL": 25,
      "Activate secondary VM-exit controls": 31,
    },
  },
  "VM-Entry controls": {
    plain: "IA32_VMX_ENTRY_CTLS",
    exact: "IA32_VMX_TRUE_ENTRY_CTLS",
    default1: 0x000011ffn,
    bits: {
      "Load debug controls": 2,
      "IA-32e mode guest": 9,
      // The script's own spelling of older days.
      "IA-64 mode guest": 9,
      "Entry to SMM": 10,
      "Deactivate dual-monitor treatment": 11,
      "Load IA32_PERF_GLOBAL_CTRL": 13,
      "Load IA32_PAT": 14,
      "Load IA32_EFER": 15,
      "Load IA32_BNDCFGS": 16,
      "Conceal VM entries from PT": 17,
      "Load IA32_RTIT_CTL": 18,
    },
  },
};

const TERTIARY = "tertiary processor-based controls";
const TERTIARY_BITS: Readonly<Record<string, number>> = { "Enable IPI virtualization": 4 };

type Setting = "yes" | "no" | "forced" | "default";
const SETTINGS: ReadonlySet<string> = new Set<Setting>(["yes", "no", "forced", "default"]);

/** A part of the output, and what it said of the bits that are known. */
interface Part {
  title: string;
  line: number;
  settings: Map<number, Setting>;
}

const BASIC_HAS_TRUE_CONTROLS = 1n << 55n;

/** Reads vmxcap's output line by line. */
export class Vmxcap {
  private readonly findings: Findings;
  private readonly parts: Part[] = [];
  private title: string | null = null;

  constructor(findings: Findings) {
    this.findings = findings;
  }

  read(line: string, number: number): LineResult {
    const text = line.trimEnd();
    if (Object.hasOwn(WHOLE, text) || Object.hasOwn(CONTROL_PARTS, text) || text === TERTIARY) {
      this.title = text;
      if (!Object.hasOwn(WHOLE, text)) this.parts.push({ title: text, line: number, settings: new Map() });
      return true;
    }
    if (this.title === null || !/^\s/.test(line) || text === "") {
      if (text !== "") this.title = null;
      return false;
    }
    return Object.hasOwn(WHOLE, this.title)
      ? this.readWhole(WHOLE[this.title]!, text.trim(), number)
      : this.readSetting(text.trim(), number);
  }

  private readWhole(name: MsrName, text: string, number: number): LineResult {
    if (!text.startsWith("Hex:")) return true;
    const digits = text.slice(4).trim();
    if (!/^0x[0-9a-f]{1,16}$/i.test(digits)) {
      const found = digits.slice(0, 24);
      return { line: number, reason: `Found "${found}" as ${name}, expected 0x and at most 16 digits: correct it.` };
    }
    return this.findings.take(name, BigInt(digits), number) ?? true;
  }

  private readSetting(text: string, number: number): LineResult {
    const end = text.lastIndexOf(" ");
    const label = text.slice(0, Math.max(end, 0)).trimEnd();
    const setting = text.slice(end + 1);
    if (label === "") return false;
    if (!SETTINGS.has(setting)) {
      const found = setting.slice(0, 24);
      const reason = `Found "${found}" for "${label.slice(0, 60)}", expected yes, no, forced or default: correct it.`;
      return { line: number, reason };
    }
    const part = this.parts.at(-1)!;
    const bits = part.title === TERTIARY ? TERTIARY_BITS : CONTROL_PARTS[part.title]!.bits;
    if (!Object.hasOwn(bits, label)) {
      this.findings.note(number, `"${label.slice(0, 60)}" is no control that the doctor knows by this title.`);
      return true;
    }
    const bit = bits[label]!;
    const before = part.settings.get(bit);
    if (before !== undefined && before !== setting) {
      return { line: number, reason: `Found "${setting}" for "${label}" after "${before}", expected one of them.` };
    }
    part.settings.set(bit, setting as Setting);
    return true;
  }

  /** Puts the control MSRs together, once all lines are read. */
  finish(): Refusal | null {
    for (const part of this.parts) {
      if (part.settings.size === 0) continue;
      const refusal = this.putTogether(part);
      if (refusal !== null) return refusal;
    }
    return null;
  }

  private putTogether({ title, line, settings }: Part): Refusal | null {
    const bitsThat = (...wanted: Setting[]): bigint =>
      [...settings].reduce((sum, [bit, setting]) => (wanted.includes(setting) ? sum | (1n << BigInt(bit)) : sum), 0n);
    this.findings.note(line, `"${title}" names some bits only: a control that it does not name counts as not there.`);
    if (title === TERTIARY) return this.findings.take("IA32_VMX_PROCBASED_CTLS3", bitsThat("yes"), line);
    const { plain, exact, default1 } = CONTROL_PARTS[title]!;
    const unnamed = default1 & ~bitsThat("yes", "no", "forced", "default");
    const allowedOnes = bitsThat("yes", "forced", "default") | unnamed;
    const value = (mustBeOne: bigint): bigint => (allowedOnes << 32n) | mustBeOne;
    const refusal = this.findings.take(plain, value(bitsThat("forced", "default") | unnamed), line);
    if (refusal !== null || exact === null) return refusal;
    const basic = this.findings.valueOf("IA32_VMX_BASIC");
    const hasExact = basic === null ? bitsThat("default") !== 0n : (basic & BASIC_HAS_TRUE_CONTROLS) !== 0n;
    return hasExact ? this.findings.take(exact, value(bitsThat("forced") | unnamed), line) : null;
  }
}
