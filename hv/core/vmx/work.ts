// What is due before a VM entry.

import { LEVEL_ERROR } from "../console/console";
import { MAPPING_OK, mappingStatusText } from "../memory/mapping-status";
import { RESULT_EPT_UNUSABLE, RESULT_VPID_UNUSABLE } from "../results";
import { RESUME } from "../vcpu/action";
import { onInterrupts } from "../vcpu/tick";
import { WORK_EVENTS, WORK_OF_INTERRUPTS } from "../vcpu/work";
import { deliverEvents } from "./deliver";
import { WORK_VPID } from "./vcpu-values";
import { VmxVcpu } from "./vmx-vcpu";

/** Does it all: then the run loop enters, or comes back for what is due by now. A tick may end the slice, or the VM; mail ends the slice. */
export function onWork(vcpu: VmxVcpu): u32 {
  let action = vcpu.work & WORK_OF_INTERRUPTS ? onInterrupts(vcpu) : RESUME;
  if (action == RESUME) action = dropStaleTranslations(vcpu);
  // What is delivered is to be entered with at once: a tick that came meanwhile may bring another event in its place.
  const hasEvents = (vcpu.work & (WORK_EVENTS | WORK_OF_INTERRUPTS)) == WORK_EVENTS;
  if (action == RESUME && hasEvents) deliverEvents(vcpu);
  return action;
}

/** Translations that the processor may hold are dropped. */
function dropStaleTranslations(vcpu: VmxVcpu): u32 {
  const status = vcpu.translations.prepareEntry();
  if (status == MAPPING_OK) {
    vcpu.work &= ~WORK_VPID;
    return RESUME;
  }
  vcpu.say(LEVEL_ERROR).text("stale translations cannot be dropped: ").text(mappingStatusText(status)).end();
  // What failed stays due, and INVEPT is tried first.
  return vcpu.stop(vcpu.entryWork.invalidationIsPending ? RESULT_EPT_UNUSABLE : RESULT_VPID_UNUSABLE);
}
