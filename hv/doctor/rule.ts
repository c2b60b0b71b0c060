// A rule of VM entry: a row of the tables in hv/doctor/rules.

import { Subject } from "./subject";
import { Tri } from "./tri";

// The stages, in the order in which the SDM fixes them (SDM 3C 27.1); within one it fixes none.
/** What VMXON, VMCLEAR and VMPTRLD ask of the processor and of their operands (SDM 3C 31.3). */
export const STAGE_PREPARATION: u32 = 0;
/** Basic checks of VMLAUNCH and VMRESUME (SDM 3C 27.1): an exception, VMfailInvalid, or VM-instruction error 4, 5, 26. */
export const STAGE_BASIC: u32 = 1;
/** VM-execution, VM-exit and VM-entry control fields (SDM 3C 27.2.1): VM-instruction error 7. */
export const STAGE_CONTROLS: u32 = 2;
/** The host-state area (SDM 3C 27.2.2 to 27.2.4): VM-instruction error 8. */
export const STAGE_HOST: u32 = 3;
/** The guest-state area (SDM 3C 27.3.1): exit reason 33 with bit 31. */
export const STAGE_GUEST: u32 = 4;
/** The VM-entry MSR-load area (SDM 3C 27.4): exit reason 34 with bit 31. */
export const STAGE_MSR_LOADING: u32 = 5;
/** No rule of VM entry: what is rarely meant, told beside. */
export const STAGE_ADVICE: u32 = 6;

/** Judges the subject: YES where the rule holds, NO where it is violated. Advice: NO where there is reason for it. */
export type Predicate = (subject: Subject) => Tri;

export class Rule {
  constructor(
    readonly stage: u32,
    /** Unique, of lower-case words, digits, "-" and ".", for example control.eptp.maxphyaddr. */
    readonly slug: string,
    /** Of the SDM's volume 3C, for example 27.2.1.1; or another document's by its name. */
    readonly section: string,
    /** What the rule is about, first what is wrong when it is violated; shown with values. */
    readonly inputs: StaticArray<u32>,
    readonly predicate: Predicate,
    /** What must hold, as one sentence. */
    readonly sentence: string,
    /** The usual mistake and its remedy, as one sentence; "" where there is none. */
    readonly hint: string,
    /** The segment register, or the entry, that a row which stands for several is about: `subject.row`. */
    readonly row: u32,
  ) {}
}

/** Collects the rows, in order. */
export class Rules {
  readonly rows: Array<Rule> = new Array<Rule>();
  private stage: u32 = STAGE_PREPARATION;
  private section: string = "";

  /** The stage and section of the rows that follow. */
  at(stage: u32, section: string): void {
    this.stage = stage;
    this.section = section;
  }

  add(
    slug: string,
    inputs: StaticArray<u32>,
    predicate: Predicate,
    sentence: string,
    hint: string = "",
    row: u32 = 0,
  ): void {
    this.rows.push(new Rule(this.stage, slug, this.section, inputs, predicate, sentence, hint, row));
  }
}
