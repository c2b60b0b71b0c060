// The stages of VM entry in words: what each is called, and what the processor does where a rule of it is violated.
import type { Rule, Stage } from "./doctor.ts";
import type { Structure } from "./dump.ts";

export interface StageWords {
  readonly title: string;
  /** What follows a violation, as the end of "VM entry fails with …" or a sentence's part of its own. */
  readonly outcome: string;
}

const VMX_WORDS: Readonly<Record<Stage, StageWords>> = {
  preparation: { title: "Before the VM entry", outcome: "VMXON, VMCLEAR or VMPTRLD fails" },
  basic: { title: "Basic checks", outcome: "VMLAUNCH or VMRESUME itself fails" },
  controls: { title: "VMX controls", outcome: "VM-instruction error 7" },
  host: { title: "Host state", outcome: "VM-instruction error 8" },
  guest: { title: "Guest state", outcome: "exit reason 33 (0x80000021)" },
  "msr-loading": { title: "Loading MSRs", outcome: "exit reason 34 (0x80000022)" },
  advice: { title: "Advice", outcome: "no failure of VM entry, but rarely meant" },
};

/** SVM has one code for all that fails; which of its checks come first, the manual leaves open. */
const SVM_WORDS: Readonly<Record<Stage, StageWords>> = {
  ...VMX_WORDS,
  basic: { title: "The processor at VMRUN", outcome: "VMRUN faults, or ends with VMEXIT_INVALID" },
  controls: { title: "Control area", outcome: "VMEXIT_INVALID" },
  guest: { title: "State save area", outcome: "VMEXIT_INVALID" },
  advice: { title: "Advice", outcome: "no failure of VMRUN, but rarely meant" },
};

const WORDS: Readonly<Record<Structure, Readonly<Record<Stage, StageWords>>>> = { vmcs: VMX_WORDS, vmcb: SVM_WORDS };
const MANUALS: Readonly<Record<Structure, string>> = { vmcs: "SDM 3C", vmcb: "APM 2" };

/** What the rules of a structure are of. */
export const ENTRIES: Readonly<Record<Structure, string>> = { vmcs: "VM entry", vmcb: "VMRUN" };

/** The words of a rule's stage. */
export function stageWords({ structure, stage }: Pick<Rule, "structure" | "stage">): StageWords {
  return WORDS[structure][stage];
}

/** "SDM 3C 27.2.1.1", "APM 2 15.5.1"; a section that names another document stands for itself. */
export function citation({ structure, section }: Pick<Rule, "structure" | "section">): string {
  return /^\d/.test(section) ? `${MANUALS[structure]} ${section}` : section;
}
