// The exports of doctor.wasm: the VM-entry checkers as a library for Node and browsers (tools/doctor/doctor.ts wraps it).

// Texts leave through one buffer: a function that is called `write…` fills it and returns its length in bytes.

import { bitName } from "./bit-names";
import { Doctor } from "./doctor";
import { capabilityInput, CAPABILITY_NAMES, inputName, stateInput, STATE_NAMES } from "./inputs";
import { RuleBook } from "./rule-book";
import { writeReport } from "./report";
import { writeRequirement } from "./requirement";
import { MAXIMUM_MSR_ENTRIES } from "./subject";
import { Text } from "./text";
import { svmRuleBook } from "./svm/rule-book";
import { writeConditions } from "./undecided";
import { vmxRuleBook } from "./vmx-rule-book";

class Root {
  readonly doctor: Doctor;
  readonly text: Text = new Text();

  constructor(book: RuleBook) {
    this.doctor = new Doctor(book);
  }
}

/** Makes a doctor for a VMCS; the number is the root for all other calls. */
export function createForVmcs(): usize {
  return changetype<usize>(new Root(vmxRuleBook()));
}
/** The same for a VMCB. */
export function createForVmcb(): usize {
  return changetype<usize>(new Root(svmRuleBook()));
}

function at(root: usize): Root {
  return changetype<Root>(root);
}

function written(root: usize, text: string): i32 {
  return at(root).text.clear().text(text).length;
}

/** The edition of the manual that sections are of. */
export function writeEdition(root: usize): i32 {
  return written(root, at(root).doctor.book.edition);
}

/** Where the buffer of texts lies in memory. */
export function textAddress(root: usize): usize {
  return changetype<usize>(at(root).text.bytes);
}

export function ruleCount(root: usize): i32 {
  return at(root).doctor.rules.length;
}
export function ruleStage(root: usize, rule: i32): u32 {
  return at(root).doctor.rules[rule].stage;
}
export function writeSlug(root: usize, rule: i32): i32 {
  return written(root, at(root).doctor.rules[rule].slug);
}
export function writeSection(root: usize, rule: i32): i32 {
  return written(root, at(root).doctor.rules[rule].section);
}
export function writeSentence(root: usize, rule: i32): i32 {
  return written(root, at(root).doctor.rules[rule].sentence);
}
export function writeHint(root: usize, rule: i32): i32 {
  return written(root, at(root).doctor.rules[rule].hint);
}
export function ruleInputCount(root: usize, rule: i32): i32 {
  return at(root).doctor.rules[rule].inputs.length;
}
export function ruleInput(root: usize, rule: i32, index: i32): u32 {
  return at(root).doctor.rules[rule].inputs[index];
}

export function capabilityCount(): i32 {
  return CAPABILITY_NAMES.length;
}
/** The input of a capability, to be used with `set` and `writeInputName`. */
export function capability(index: u32): u32 {
  return capabilityInput(index);
}
export function stateCount(): i32 {
  return STATE_NAMES.length;
}
export function state(index: u32): u32 {
  return stateInput(index);
}
export function writeInputName(root: usize, input: u32): i32 {
  return written(root, inputName(input));
}
export function writeBitName(root: usize, input: u32, bit: i32): i32 {
  return written(root, bitName(input, bit));
}

/** Forgets all values. */
export function clear(root: usize): void {
  at(root).doctor.subject.clear();
}
export function set(root: usize, input: u32, value: u64): void {
  at(root).doctor.subject.set(input, value);
}
export function setNeverWritten(root: usize, input: u32): void {
  at(root).doctor.subject.setNeverWritten(input);
}
/** Entry `index` of the VM-entry MSR-load area; `count` entries are known in all. False beyond what is looked at. */
export function setMsrEntry(root: usize, count: i32, index: i32, low: u64, high: u64): bool {
  const subject = at(root).doctor.subject;
  if (count > MAXIMUM_MSR_ENTRIES || index >= count) return false;
  subject.msrEntries = count;
  if (index >= 0) {
    subject.msrIndices[index] = low;
    subject.msrValues[index] = high;
  }
  return true;
}

export function examine(root: usize): void {
  at(root).doctor.examine();
}

/** False where nothing of the processor's state is known and the stage is about that: its rules are not asked. */
export function isAsked(root: usize, stage: u32): bool {
  return at(root).doctor.isAsked(stage);
}

/** Judges one rule: 0 violated, 1 cannot be decided, 2 holds; what follows tells why. */
export function judge(root: usize, rule: i32): u32 {
  return at(root).doctor.judge(rule);
}
export function witnessCount(root: usize): i32 {
  return at(root).doctor.subject.witnessCount;
}
export function witnessInput(root: usize, index: i32): u32 {
  return at(root).doctor.subject.witnesses[index].input;
}
export function witnessFound(root: usize, index: i32): u64 {
  return at(root).doctor.subject.witnesses[index].found;
}
/** The bits that differ from what is required; 0 where that is no matter of single bits. */
export function witnessBits(root: usize, index: i32): u64 {
  return at(root).doctor.subject.witnesses[index].bits;
}
/** The entry of the VM-entry MSR-load area that the witness is about, from 1; 0: none. */
export function witnessEntry(root: usize, index: i32): i32 {
  return at(root).doctor.subject.witnesses[index].entry;
}
export function writeWitnessRequirement(root: usize, index: i32): i32 {
  const text = at(root).text.clear();
  writeRequirement(text, at(root).doctor.subject.witnesses[index]);
  return text.length;
}
export function missingCount(root: usize): i32 {
  return at(root).doctor.subject.missingCount;
}
export function missingInput(root: usize, index: i32): u32 {
  return at(root).doctor.subject.missing[index];
}
/** "violated if …" for a rule that cannot be decided; empty where no single condition can be given. */
export function writeCondition(root: usize): i32 {
  const text = at(root).text.clear();
  writeConditions(text, at(root).doctor.subject);
  return text.length;
}

/** The whole report, as the console prints it. To be called after `examine`. */
export function writeFullReport(root: usize): i32 {
  const text = at(root).text.clear();
  writeReport(text, at(root).doctor);
  return text.length;
}
