// Giving a VM what was typed for its console.

import { ANSWER_RESUME, EXIT_INPUT, INPUT_CAPACITY } from "../../shared/vcpu-page";
import { LEVEL_ERROR } from "../console/console";
import { dropInput, inputByte, queuedInput, typedInput } from "../console/input-queue";
import { RESULT_VMM_ANSWER, RESULT_VMM_STOPPED } from "../results";
import { VMM_STOPPED } from "../vmm";
import { RESUME } from "./action";
import { askVmm } from "./answers";
import { Vcpu } from "./vcpu";

/** One VM's, for the CPU that has it. */
export class TypedInput {
  /** Of `typedInput` what it was when the guest's device had no room any more; all ones: it had, or may have by now. */
  private refusedAt: u64 = u64.MAX_VALUE;

  constructor(private readonly vm: u32) {}

  /** Something waits, and the guest's device has not refused it: the VM is to run, even if it waits for an event. */
  get isNew(): bool {
    return queuedInput(this.vm) != 0 && typedInput(this.vm) != this.refusedAt;
  }

  /** Drops what was typed before the VM was there. */
  clear(): void {
    dropInput(this.vm, queuedInput(this.vm));
  }

  /** The guest has run: it may have read what its device had no room for more beside, and then halted. */
  noteRun(): void {
    this.refusedAt = u64.MAX_VALUE;
  }

  /** Hands the vmm what waits, as far as its device takes it; the vCPU is current. RESUME, or STOP where the vmm fails. */
  give(vcpu: Vcpu): u32 {
    const typed = typedInput(this.vm);
    const count = min(queuedInput(this.vm), INPUT_CAPACITY);
    if (count == 0) return RESUME;
    for (let i: u32 = 0; i < count; i++) vcpu.setInput(i, inputByte(this.vm, i));
    vcpu.shared.inputLength = count;
    const answer = askVmm(vcpu, EXIT_INPUT, 0);
    if (answer == VMM_STOPPED) return vcpu.stop(RESULT_VMM_STOPPED);
    if (answer != ANSWER_RESUME) return refuse(vcpu);
    const taken = min(vcpu.shared.inputLength, count);
    dropInput(this.vm, taken);
    this.refusedAt = taken == 0 ? typed : u64.MAX_VALUE;
    return RESUME;
  }
}

function refuse(vcpu: Vcpu): u32 {
  vcpu.say(LEVEL_ERROR).text("the vmm has no answer to what was typed; this VM ends").end();
  return vcpu.stop(RESULT_VMM_ANSWER);
}
