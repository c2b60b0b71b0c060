// The part of the report on what cannot be decided: conditions on capabilities, then what is missing.

import { Doctor } from "./doctor";
import { inputName, isState, slotOf } from "./inputs";
import { isOneBit } from "./requirement";
import { STAGE_ADVICE, STAGE_BASIC } from "./rule";
import {
  Doubt,
  DOUBT_AT_MOST,
  DOUBT_BITS_CLEAR,
  DOUBT_BITS_SET,
  DOUBT_LINEAR_48,
  DOUBT_MAXPHYADDR,
  DOUBT_MSR_REFUSED,
} from "./evidence";
import { Subject } from "./subject";
import { Text } from "./text";
import { UNKNOWN } from "./tri";

const ITEM: i32 = 2;
/** A dump that lacks a whole area of the VMCS lacks a hundred fields: more lines would hide what is above them. */
const MOST_LACKING: i32 = 16;

/** Writes which rules are violated under which condition, and which inputs the others need. */
export function writeUndecided(text: Text, doctor: Doctor): void {
  if (!doctor.isAsked(STAGE_BASIC)) {
    text.text(doctor.book.notAsked).line();
  }
  if (doctor.undecided == 0) return;
  text.text("Cannot be decided: ").decimal(doctor.undecided).line();
  const subject = doctor.subject;
  doctor.needed.fill(0);
  let lacking = 0;
  for (let i = 0; i < doctor.rules.length; i++) {
    if (!isUndecided(doctor, i)) continue;
    doctor.judge(i);
    if (subject.isDoubtOnly) {
      text.spaces(ITEM).text(doctor.rules[i].slug).text(": ");
      writeConditions(text, subject);
      text.line();
      continue;
    }
    for (let k = 0; k < subject.missingCount; k++) {
      const slot = slotOf(subject.missing[k]);
      if (doctor.needed[slot] == 0) doctor.lacking[lacking++] = subject.missing[k];
      doctor.needed[slot]++;
    }
  }
  writeLacking(text, doctor, lacking);
}

/** Writes the missing inputs, a line each, with how many rules need them; of many, those that most rules need. */
function writeLacking(text: Text, doctor: Doctor, count: i32): void {
  if (count <= MOST_LACKING + 1) {
    for (let i = 0; i < count; i++) writeMissing(text, doctor, doctor.lacking[i]);
    return;
  }
  for (let row = 0; row < MOST_LACKING; row++) {
    let most = 0;
    for (let i = 1; i < count; i++) {
      if (doctor.needed[slotOf(doctor.lacking[i])] > doctor.needed[slotOf(doctor.lacking[most])]) most = i;
    }
    writeMissing(text, doctor, doctor.lacking[most]);
    doctor.needed[slotOf(doctor.lacking[most])] = 0;
  }
  text
    .spaces(ITEM)
    .text("and ")
    .decimal(count - MOST_LACKING);
  text.text(" more that are not known").line();
}

function writeMissing(text: Text, doctor: Doctor, input: u32): void {
  const rules = doctor.needed[slotOf(input)];
  text
    .spaces(ITEM)
    .text(isState(input) ? "the processor's " : "")
    .text(inputName(input));
  text.text(": not known, ").decimal(rules);
  text.text(rules == 1 ? " rule needs it" : " rules need it").line();
}

function isUndecided(doctor: Doctor, index: i32): bool {
  const stage = doctor.rules[index].stage;
  return doctor.outcomes[index] == <u8>UNKNOWN && stage != STAGE_ADVICE && doctor.isAsked(stage);
}

/** Writes "violated if …" for a rule that cannot be decided, where capabilities alone are the reason; else nothing. */
export function writeConditions(text: Text, subject: Subject): void {
  if (!subject.isDoubtOnly) return;
  text.text("violated if ");
  for (let i = 0; i < subject.doubtCount; i++) {
    if (i > 0) text.text(" or ");
    writeDoubt(text, subject.doubts[i]);
  }
}

function writeDoubt(text: Text, doubt: Doubt): void {
  if (doubt.kind == DOUBT_MAXPHYADDR) {
    text.text("MAXPHYADDR < ").decimal(doubt.operand);
  } else if (doubt.kind == DOUBT_LINEAR_48) {
    text.text("linear addresses have 48 bits");
  } else if (doubt.kind == DOUBT_MSR_REFUSED) {
    text.text("the processor refuses to load MSR ").hex(doubt.operand);
  } else if (doubt.kind == DOUBT_AT_MOST) {
    text.text(inputName(doubt.input)).text(" allows fewer than ").decimal(doubt.operand);
  } else {
    writeBitDoubt(text, doubt);
  }
}

/** Writes "X[6] = 0", or "a bit of X & 0x60 is 0" where one of several is enough. */
function writeBitDoubt(text: Text, doubt: Doubt): void {
  const digit = doubt.kind == DOUBT_BITS_CLEAR ? "0" : "1";
  if (isOneBit(doubt.operand)) {
    text.text(inputName(doubt.input)).text("[").decimal(ctz(doubt.operand)).text("] = ").text(digit);
    return;
  }
  text.text(doubt.kind == DOUBT_BITS_SET ? "all bits of " : "a bit of ");
  text.text(inputName(doubt.input)).text(" & ").hex(doubt.operand);
  text.text(doubt.kind == DOUBT_BITS_SET ? " are " : " is ").text(digit);
}
