// What other CPUs ask of this one's scheduler.

import { MAIL_KILL, MAIL_MOVE, MAIL_PAUSE, MAIL_RESUME, MAIL_SHOOTDOWN } from "../processors/mail";
import { MailHandler } from "../processors/mailbox";
import { Scheduler } from "./schedule";
import { noteVm } from "./vm-states";

/** The answers to requests about a VM: it is as was asked; or this CPU does not have the VM. */
export const MAIL_DONE: u32 = 1;
export const MAIL_NO_VM: u32 = 0;

export class VmMail extends MailHandler {
  constructor(private readonly scheduler: Scheduler) {
    super();
  }

  onMail(_sender: u32, kind: u32, argument: u32): u32 {
    if (kind == MAIL_MOVE) return this.scheduler.giveAway();
    if (kind == MAIL_SHOOTDOWN) {
      this.scheduler.machine.virtualization.dropTranslations();
      return MAIL_DONE;
    }
    // Marked only: what a mark calls for happens when the scheduler comes to the VM.
    const vm = this.scheduler.queue.find(argument);
    if (!vm) return MAIL_NO_VM;
    if (kind == MAIL_PAUSE) vm.isPaused = true;
    if (kind == MAIL_RESUME) vm.isPaused = false;
    noteVm(vm);
    if (kind == MAIL_KILL) vm.mustEnd = true;
    return MAIL_DONE;
  }
}
