// What the doctor has to say of a vCPU, on the console.

import { CAPABILITY_NAMES, capabilityInput, STATE_NAMES, stateInput } from "../../doctor/inputs";
import { Subject } from "../../doctor/subject";
import { Text } from "../../doctor/text";
import { LEVEL_DEBUG, LEVEL_ERROR } from "../console/console";
import { Vcpu } from "./vcpu";

const NEWLINE: u8 = 0x0a;

/** Prints a report, a line of the console for each of its lines. */
export function sayReport(vcpu: Vcpu, text: Text): void {
  if (text.isCut) vcpu.say(LEVEL_ERROR).text("the report is too long; its end is missing").end();
  let line = vcpu.say(LEVEL_ERROR);
  for (let i = 0; i < text.length; i++) {
    if (text.bytes[i] != NEWLINE) {
      line.byte(text.bytes[i]);
      continue;
    }
    line.end();
    if (i + 1 < text.length) line = vcpu.say(LEVEL_ERROR);
  }
}

/** Prints what the subject knows of the processor at log level debug: `capability NAME VALUE`, `state NAME VALUE`. */
export function sayCapabilitiesAndState(vcpu: Vcpu, subject: Subject): void {
  for (let i = 0; i < CAPABILITY_NAMES.length; i++) {
    sayNamed(vcpu, subject, "capability ", CAPABILITY_NAMES[i], capabilityInput(i));
  }
  for (let i = 0; i < STATE_NAMES.length; i++) sayNamed(vcpu, subject, "state ", STATE_NAMES[i], stateInput(i));
}

function sayNamed(vcpu: Vcpu, subject: Subject, kind: string, name: string, input: u32): void {
  if (!subject.has(input)) return;
  vcpu.say(LEVEL_DEBUG).text(kind).text(name).text(" ").hex(subject.get(input), 16).end();
}
