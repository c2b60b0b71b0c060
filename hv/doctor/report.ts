// The report: what is violated, by stage, then what cannot be decided, then advice, then the verdict.

import { Doctor } from "./doctor";
import { digitsOf, inputName, isField, isVmcbField, placeOf } from "./inputs";
import { writeRequirement } from "./requirement";
import { STAGE_ADVICE } from "./rule";
import { REQUIRED_OTHERWISE, REQUIRED_WRITTEN } from "./evidence";
import { Subject } from "./subject";
import { Text } from "./text";
import { NO } from "./tri";
import { writeUndecided } from "./undecided";

// Columns. What does not fit on a line goes on the next, indented by two more.
const SLUG: i32 = 2;
const DETAIL: i32 = 4;
const CONTINUATION: i32 = 6;

/** Writes the whole report; the doctor has examined. Lines have at most 110 columns where a space lets them break. */
export function writeReport(text: Text, doctor: Doctor): void {
  text.wrap(CONTINUATION);
  for (let stage: u32 = 0; stage < STAGE_ADVICE; stage++) writeStage(text, doctor, stage);
  writeUndecided(text, doctor);
  writeStage(text, doctor, STAGE_ADVICE);
  writeVerdict(text, doctor);
}

function writeStage(text: Text, doctor: Doctor, stage: u32): void {
  const count = doctor.count(stage, NO);
  if (count == 0) return;
  text.text(doctor.book.stageTitles[stage]).text(": ").decimal(count);
  if (stage != STAGE_ADVICE) text.text(" violated");
  text.line();
  for (let i = 0; i < doctor.rules.length; i++) {
    if (doctor.rules[i].stage == stage && doctor.outcomes[i] == <u8>NO) writeViolation(text, doctor, i);
  }
}

function writeViolation(text: Text, doctor: Doctor, index: i32): void {
  const rule = doctor.rules[index];
  const subject = doctor.subject;
  doctor.judge(index);
  text.spaces(SLUG).text(rule.slug);
  if (rule.section.length > 0) {
    text
      .text(" (")
      .text(isOfTheManual(rule.section) ? doctor.book.citation : "")
      .text(rule.section)
      .text(")");
  }
  text.line().spaces(DETAIL).text(rule.sentence).line();
  if (rule.stage == STAGE_ADVICE) writeRemarks(text, subject);
  else writeEvidence(text, subject, rule.inputs);
  if (rule.hint.length > 0) text.spaces(DETAIL).text("hint: ").text(rule.hint).line();
}

/** A section's number alone is of the book's manual; another document goes by its name. */
function isOfTheManual(section: string): bool {
  const first = section.charCodeAt(0);
  return first >= 0x30 && first <= 0x39;
}

/** What broke the rule, a line each, and what else it is about. */
function writeEvidence(text: Text, subject: Subject, inputs: StaticArray<u32>): void {
  for (let i = 0; i < subject.witnessCount; i++) {
    const witness = subject.witnesses[i];
    text.spaces(DETAIL).text("found ");
    if (witness.entry != 0) writeEntry(text, subject, witness.entry);
    else writeInput(text, subject, witness.input);
    if (witness.kind != REQUIRED_OTHERWISE) writeRequirement(text.text("; "), witness);
    text.line();
  }
  if (subject.droppedWitnesses > 0)
    text.spaces(DETAIL).text("and ").decimal(subject.droppedWitnesses).text(" more").line();
  for (let i = 0; i < inputs.length; i++) {
    if (!subject.has(inputs[i]) || isWitness(subject, inputs[i])) continue;
    writeInput(text.spaces(DETAIL).text("with "), subject, inputs[i]);
    text.line();
  }
}

/** The values that gave reason for advice, all in one line. */
function writeRemarks(text: Text, subject: Subject): void {
  text.spaces(DETAIL).text("found ");
  for (let i = 0; i < subject.witnessCount; i++) {
    const witness = subject.witnesses[i];
    if (i > 0) text.text(", ");
    if (witness.kind == REQUIRED_WRITTEN) {
      writeName(text, witness.input);
    } else {
      writeInput(text, subject, witness.input);
      if (witness.kind != REQUIRED_OTHERWISE) writeRequirement(text.text("; "), witness);
    }
  }
  if (subject.droppedWitnesses > 0) text.text(" and ").decimal(subject.droppedWitnesses).text(" more");
  text.line();
}

/** Writes an entry of the VM-entry MSR-load area, counted from 1 as exit qualifications count. */
function writeEntry(text: Text, subject: Subject, entry: i32): void {
  text.text("entry ").decimal(entry).text(" of the VM-entry MSR-load area: index ");
  text
    .hex(subject.msrIndices[entry - 1])
    .text(", value ")
    .hex(subject.msrValues[entry - 1]);
}

function isWitness(subject: Subject, input: u32): bool {
  for (let i = 0; i < subject.witnessCount; i++) {
    if (subject.witnesses[i].input == input) return true;
  }
  return false;
}

function writeName(text: Text, input: u32): void {
  text.text(inputName(input));
  if (isField(input))
    text
      .text(" (")
      .hex(placeOf(input), isVmcbField(input) ? 3 : 4)
      .text(")");
}

function writeInput(text: Text, subject: Subject, input: u32): void {
  writeName(text, input);
  text.text(" = ").hex(subject.get(input), digitsOf(input));
  if (subject.wasNeverWritten(input)) text.text(", never written");
}

function writeVerdict(text: Text, doctor: Doctor): void {
  const violations = doctor.violations;
  const undecided = doctor.undecided;
  const subject = doctor.book.subject;
  if (violations == 0) text.text("No rule of ").text(subject).text(" is violated");
  else if (violations == 1) text.text("1 rule of ").text(subject).text(" is violated");
  else text.decimal(violations).text(" rules of ").text(subject).text(" are violated");
  if (undecided > 0) text.text("; ").decimal(undecided).text(" cannot be decided");
  text.text(".").line();
}
