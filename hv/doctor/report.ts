// The report: what is violated, by stage, then what cannot be decided, then advice.

import { bitName } from "./bit-names";
import { Doctor } from "./doctor";
import { inputName, isField } from "./inputs";
import { Rule, STAGE_ADVICE, STAGES } from "./rule";
import {
  Doubt,
  DOUBT_AT_MOST,
  DOUBT_BITS_CLEAR,
  DOUBT_BITS_SET,
  DOUBT_LINEAR_48,
  DOUBT_MAXPHYADDR,
  DOUBT_MSR_REFUSED,
  REQUIRED_AT_LEAST,
  REQUIRED_AT_MOST,
  REQUIRED_BITS,
  REQUIRED_CANONICAL,
  REQUIRED_EQUAL,
  REQUIRED_NOT_EQUAL,
  Subject,
  Witness,
} from "./subject";
import { Text } from "./text";
import { NO, UNKNOWN } from "./tri";

/** What a stage is called, and what the processor does where a rule of it is violated. */
const STAGE_TITLES: StaticArray<string> = [
  "Before the VM entry: VMXON, VMCLEAR, VMPTRLD",
  "Basic checks: the instruction fails",
  "VMX controls: VM-instruction error 7",
  "Host state: VM-instruction error 8",
  "Guest state: exit reason 33 (0x80000021)",
  "Loading MSRs: exit reason 34 (0x80000022)",
  "Advice: no failure of VM entry, but rarely meant",
];

/** Writes the whole report; the doctor has examined. */
export function writeReport(text: Text, doctor: Doctor): void {
  for (let stage: u32 = 0; stage < STAGES; stage++) {
    if (doctor.count(stage, NO) == 0) continue;
    text.text(STAGE_TITLES[stage]).line();
    for (let i = 0; i < doctor.rules.length; i++) {
      if (doctor.rules[i].stage == stage && doctor.outcomes[i] == <u8>NO) writeViolation(text, doctor, i);
    }
  }
  writeUndecided(text, doctor);
  const violations = doctor.violations;
  text.decimal(violations).text(violations == 1 ? " rule is violated" : " rules are violated");
  text.text(", ").decimal(doctor.undecided).text(" cannot be decided").line();
}

function writeViolation(text: Text, doctor: Doctor, index: i32): void {
  const rule = doctor.rules[index];
  doctor.judge(index);
  const subject = doctor.subject;
  text.text("  ").text(rule.slug).text(" (SDM 3C ").text(rule.section).text(")").line();
  text.text("    ").text(rule.sentence).line();
  for (let i = 0; i < subject.witnessCount; i++) {
    const witness = subject.witnesses[i];
    text.text("    found ");
    if (witness.entry != 0) writeEntry(text, subject, witness.entry);
    else writeInput(text, subject, witness.input);
    text.text("; ");
    writeRequirement(text, witness);
    text.line();
  }
  for (let i = 0; i < rule.inputs.length; i++) {
    if (!subject.has(rule.inputs[i]) || isWitness(subject, rule.inputs[i])) continue;
    text.text("    with ");
    writeInput(text, subject, rule.inputs[i]);
    text.line();
  }
  if (rule.hint.length > 0) text.text("    hint: ").text(rule.hint).line();
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

function writeInput(text: Text, subject: Subject, input: u32): void {
  text.text(inputName(input));
  if (isField(input)) text.text(" (").hex(input, 4).text(")");
  text.text(" = ").hex(subject.get(input));
  if (subject.wasNeverWritten(input)) text.text(", never written");
}

/** Writes what a value must be instead, for example "bits 41, 40 must be 0". */
export function writeRequirement(text: Text, witness: Witness): void {
  if (witness.kind == REQUIRED_BITS) {
    writeBits(text, witness.input, witness.found & witness.bits, "must be 0");
    if ((witness.found & witness.bits) != 0 && (~witness.found & witness.bits) != 0) text.text("; ");
    writeBits(text, witness.input, ~witness.found & witness.bits, "must be 1");
  } else if (witness.kind == REQUIRED_EQUAL) {
    text.text("must be ").hex(witness.operand);
  } else if (witness.kind == REQUIRED_NOT_EQUAL) {
    text.text("must not be ").hex(witness.operand);
  } else if (witness.kind == REQUIRED_AT_MOST) {
    text.text("must be at most ").hex(witness.operand);
  } else if (witness.kind == REQUIRED_AT_LEAST) {
    text.text("must be at least ").hex(witness.operand);
  } else if (witness.kind == REQUIRED_CANONICAL) {
    text
      .text("bits 63:")
      .decimal(witness.operand - 1)
      .text(" must be alike");
  } else {
    text.text("is not what the rule asks for");
  }
}

function writeBits(text: Text, input: u32, bits: u64, what: string): void {
  if (bits == 0) return;
  text.text(isOneBit(bits) ? "bit " : "bits ");
  let isFirst = true;
  for (let bit = 63; bit >= 0; bit--) {
    if (((bits >> bit) & 1) == 0) continue;
    if (!isFirst) text.text(", ");
    isFirst = false;
    text.decimal(bit);
    const name = bitName(input, bit);
    if (name.length > 0) text.text(" (").text(name).text(")");
  }
  text.text(" ").text(what);
}

/** Writes "violated if …" for a rule that cannot be decided, as far as capabilities are the reason. */
export function writeConditions(text: Text, subject: Subject): void {
  if (subject.doubtCount == 0) return;
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
    const isSingle = popcnt(doubt.operand) == 1;
    const isAny = !isSingle && doubt.kind != DOUBT_BITS_SET;
    text.text(isAny ? "a bit of " : "").text(inputName(doubt.input));
    writeMask(text, doubt.operand);
    text.text(isSingle ? " = " : isAny ? " is " : " has only ").text(doubt.kind == DOUBT_BITS_CLEAR ? "0" : "1");
  }
}

/** popcnt would call the C library, which there is none of. */
function isOneBit(mask: u64): bool {
  return mask != 0 && (mask & (mask - 1)) == 0;
}

function writeMask(text: Text, mask: u64): void {
  if (isOneBit(mask)) text.text("[").decimal(ctz(mask)).text("]");
  else text.text(" & ").hex(mask);
}

function writeUndecided(text: Text, doctor: Doctor): void {
  const subject = doctor.subject;
  if (doctor.undecided == 0) return;
  text.text("Cannot be decided").line();
  for (let i = 0; i < doctor.rules.length; i++) {
    const rule: Rule = doctor.rules[i];
    if (doctor.outcomes[i] != <u8>UNKNOWN || rule.stage == STAGE_ADVICE) continue;
    doctor.judge(i);
    text.text("  ").text(rule.slug).text(": ");
    writeConditions(text, subject);
    if (subject.doubtCount > 0 && subject.missingCount > 0) text.text("; ");
    for (let k = 0; k < subject.missingCount; k++) {
      text.text(k == 0 ? "not known: " : ", ");
      text.text(inputName(subject.missing[k]));
    }
    text.line();
  }
}
