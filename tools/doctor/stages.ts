// The stages of VM entry in words: what each is called, and what the processor does where a rule of it is violated.
import type { Stage } from "./doctor.ts";

export interface StageWords {
  readonly title: string;
  /** What follows a violation, as the end of "VM entry fails with …" or a sentence's part of its own. */
  readonly outcome: string;
}

export const STAGE_WORDS: Readonly<Record<Stage, StageWords>> = {
  preparation: { title: "Before the VM entry", outcome: "VMXON, VMCLEAR or VMPTRLD fails" },
  basic: { title: "Basic checks", outcome: "VMLAUNCH or VMRESUME itself fails" },
  controls: { title: "VMX controls", outcome: "VM-instruction error 7" },
  host: { title: "Host state", outcome: "VM-instruction error 8" },
  guest: { title: "Guest state", outcome: "exit reason 33 (0x80000021)" },
  "msr-loading": { title: "Loading MSRs", outcome: "exit reason 34 (0x80000022)" },
  advice: { title: "Advice", outcome: "no failure of VM entry, but rarely meant" },
};

/** "SDM 3C 27.2.1.1"; a section that names another document stands for itself. */
export function citation(section: string): string {
  return /^\d/.test(section) ? `SDM 3C ${section}` : section;
}
