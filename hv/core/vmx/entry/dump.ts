// Basalt's own dump of a VMCS: what `basalt doctor` and the web page read back (tools/doctor/readers).

import { VMCS_FIELD_COUNT, VMCS_FIELD_ENCODINGS, VMCS_FIELD_NAMES } from "../../../x86/vmcs-field-names";
import { Subject } from "../../../doctor/subject";
import { LEVEL_DEBUG } from "../../console/console";
import { sayCapabilitiesAndState } from "../../vcpu/say-report";
import { VmxVcpu } from "../vmx-vcpu";

/** Prints all that the subject knows at log level debug: `vmcs 0x6800 VALUE NAME`, `capability NAME VALUE`, `state …`. */
export function printDump(vcpu: VmxVcpu, subject: Subject): void {
  if (vcpu.console.level < LEVEL_DEBUG) return;
  for (let row = 0; row < VMCS_FIELD_COUNT; row++) {
    const field = VMCS_FIELD_ENCODINGS[row];
    if (!subject.has(field)) continue;
    const line = vcpu.say(LEVEL_DEBUG).text("vmcs ").hex(field, 4).text(" ").hex(subject.get(field), 16);
    line.text(" ").text(VMCS_FIELD_NAMES[row]).end();
  }
  sayCapabilitiesAndState(vcpu, subject);
}
