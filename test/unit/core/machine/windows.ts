// What core has asked of the processor for the events of a guest that wait, whichever vendor's it is.
import { has } from "./bits.ts";
import type { Guest } from "./guest.ts";
import type { Machine } from "./machine.ts";
import { VmcbFields } from "./svm/vmcb-fields.ts";
import { hasSvm } from "./svm/features.ts";
import { control, field } from "./tables.ts";

/** The guest exits as soon as it takes interrupts. */
export function interruptWindowIsOn({ vmcs }: Guest): boolean {
  if (vmcs instanceof VmcbFields) {
    return vmcs.image.isSet("VMCB_VINTR", "VINTR_IRQ") && vmcs.image.isSet("VMCB_INTERCEPT_MISC1", "INTERCEPT_VINTR");
  }
  const controls = vmcs.read(field("PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS"));
  return has(controls, control("PRIMARY_INTERRUPT_WINDOW_EXITING"));
}

/** How often core had the processor drop translations that are looked up by linear addresses. */
export function linearFlushes({ svm, processor, trace }: Machine): number {
  if (hasSvm(processor.model)) return svm.tlb.flushes.length;
  return trace.filter((step) => step.startsWith("INVVPID")).length;
}
