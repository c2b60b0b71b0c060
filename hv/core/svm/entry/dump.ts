// Basalt's own dump of a VMCB: what `basalt doctor` and the web page read back (tools/doctor/readers).

import { FIRST_VMCB_FIELD } from "../../../doctor/inputs";
import { Subject } from "../../../doctor/subject";
import { VMCB_FIELD_COUNT, VMCB_FIELD_NAMES, VMCB_FIELD_OFFSETS } from "../../../x86/vmcb-field-names";
import { LEVEL_DEBUG } from "../../console/console";
import { sayCapabilitiesAndState } from "../../vcpu/say-report";
import { Vcpu } from "../../vcpu/vcpu";

/** Prints all that the subject knows at log level debug: `vmcb 0x558 VALUE NAME`, `capability NAME VALUE`, `state …`. */
export function printDump(vcpu: Vcpu, subject: Subject): void {
  if (vcpu.console.level < LEVEL_DEBUG) return;
  for (let row = 0; row < VMCB_FIELD_COUNT; row++) {
    const offset = VMCB_FIELD_OFFSETS[row];
    const value = subject.get(FIRST_VMCB_FIELD + offset);
    const line = vcpu.say(LEVEL_DEBUG).text("vmcb ").hex(offset, 3).text(" ").hex(value, 16);
    line.text(" ").text(VMCB_FIELD_NAMES[row]).end();
  }
  sayCapabilitiesAndState(vcpu, subject);
}
