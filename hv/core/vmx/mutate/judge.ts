// What the doctor expects of the VM entry that is to come: the classes of outcome that it allows.

import { Doctor } from "../../../doctor/doctor";
import {
  STAGE_ADVICE,
  STAGE_BASIC,
  STAGE_CONTROLS,
  STAGE_GUEST,
  STAGE_HOST,
  STAGE_MSR_LOADING,
} from "../../../doctor/rule";
import { NO, UNKNOWN } from "../../../doctor/tri";

// Classes of outcome, a bit each: the SDM leaves open whether controls or host state are checked first.
/** VM-instruction error 7. */
export const CLASS_CONTROLS: u32 = 1 << 0;
/** VM-instruction error 8. */
export const CLASS_HOST: u32 = 1 << 1;
/** Exit reason 33 with bit 31. */
export const CLASS_GUEST: u32 = 1 << 2;
/** Exit reason 34 with bit 31. */
export const CLASS_MSR_LOADING: u32 = 1 << 3;
/** The guest was entered, and there was a VM exit. */
export const CLASS_SUCCESS: u32 = 1 << 4;
/** Anything else. */
export const CLASS_OTHER: u32 = 1 << 5;
export const CLASSES: u32 = 6;

/** One letter a class, for the journal. */
export const CLASS_LETTERS: StaticArray<u8> = [0x43, 0x48, 0x47, 0x4d, 0x53, 0x4f];
export const CLASS_NAMES: StaticArray<string> = ["controls", "host", "guest", "msr-loading", "success", "other"];

/** Judges what the doctor's subject holds; keeps which rules decided. */
export class Judge {
  /** The classes that may come, from CLASS_*; 0 where a rule that matters cannot be decided. */
  expected: u32 = 0;
  /** A rule that could not be decided, -1 if none. */
  undecided: i32 = -1;

  constructor(readonly doctor: Doctor) {}

  examine(): void {
    const doctor = this.doctor;
    this.undecided = -1;
    let violated: u32 = 0;
    let undecided: u32 = 0;
    for (let i = 0; i < doctor.rules.length; i++) {
      const stage = doctor.rules[i].stage;
      // What was asked before, and advice, tells nothing of the outcome.
      if (stage < STAGE_BASIC || stage >= STAGE_ADVICE) continue;
      const outcome = doctor.judge(i);
      doctor.outcomes[i] = <u8>outcome;
      if (outcome == NO) {
        violated |= 1 << stage;
      } else if (outcome == UNKNOWN) {
        undecided |= 1 << stage;
        this.undecided = i;
      }
    }
    this.expected = expectedOf(violated, undecided);
  }

  isViolated(rule: i32): bool {
    const stage = this.doctor.rules[rule].stage;
    return stage >= STAGE_BASIC && stage < STAGE_ADVICE && this.doctor.outcomes[rule] == <u8>NO;
  }
}

function expectedOf(violated: u32, undecided: u32): u32 {
  const basic: u32 = 1 << STAGE_BASIC;
  const controls: u32 = 1 << STAGE_CONTROLS;
  const host: u32 = 1 << STAGE_HOST;
  const guest: u32 = 1 << STAGE_GUEST;
  const loading: u32 = 1 << STAGE_MSR_LOADING;
  if (undecided & basic) return 0;
  if (violated & basic) return CLASS_OTHER;
  // Where one of the two is wrong, the other one may be found first.
  const early = violated & (controls | host) ? (violated | undecided) & (controls | host) : 0;
  if (early != 0) return (early & controls ? CLASS_CONTROLS : 0) | (early & host ? CLASS_HOST : 0);
  if (undecided & (controls | host)) return 0;
  if (violated & guest) return CLASS_GUEST;
  if (undecided & guest) return 0;
  if (violated & loading) return CLASS_MSR_LOADING;
  return undecided & loading ? 0 : CLASS_SUCCESS;
}
