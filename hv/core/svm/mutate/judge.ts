// What the doctor expects of the VMRUN that is to come.

import { Doctor } from "../../../doctor/doctor";
import { STAGE_ADVICE } from "../../../doctor/rule";
import { NO, UNKNOWN } from "../../../doctor/tri";

// Outcomes.
/** A rule that matters cannot be decided. */
export const OUTCOME_UNKNOWN: u32 = 0;
/** VMEXIT_INVALID. */
export const OUTCOME_INVALID: u32 = 1;
/** The guest was entered, and there was another exit. */
export const OUTCOME_SUCCESS: u32 = 2;
export const OUTCOMES: u32 = 3;

/** One letter an outcome, for the journal: ?, I, S. */
export const OUTCOME_LETTERS: StaticArray<u8> = [0x3f, 0x49, 0x53];
export const OUTCOME_NAMES: StaticArray<string> = ["undecidable", "invalid", "success"];

/** Judges what the doctor's subject holds; keeps which rules decided. */
export class Judge {
  expected: u32 = OUTCOME_UNKNOWN;
  /** A rule that could not be decided, -1 if none. */
  undecided: i32 = -1;

  constructor(readonly doctor: Doctor) {}

  examine(): void {
    const doctor = this.doctor;
    doctor.examine();
    this.undecided = -1;
    let isViolated = false;
    for (let i = 0; i < doctor.rules.length; i++) {
      if (this.isViolated(i)) isViolated = true;
      else if (doctor.rules[i].stage < STAGE_ADVICE && doctor.outcomes[i] == <u8>UNKNOWN) this.undecided = i;
    }
    if (isViolated) this.expected = OUTCOME_INVALID;
    else this.expected = this.undecided < 0 ? OUTCOME_SUCCESS : OUTCOME_UNKNOWN;
  }

  isViolated(rule: i32): bool {
    return this.doctor.rules[rule].stage < STAGE_ADVICE && this.doctor.outcomes[rule] == <u8>NO;
  }
}
