// What other CPUs ask about the VMs of this one.

import { MAIL_KILL, MAIL_PAUSE, MAIL_RESUME, MAIL_SHOOTDOWN } from "../processors/mail";
import { MailHandler } from "../processors/mailbox";
import { RunQueue } from "./run-queue";

/** Answers: it is as was asked; or no VM of this number runs here, nor did when the request was made if it has a home here. */
export const MAIL_DONE: u32 = 1;
export const MAIL_NO_VM: u32 = 0;

/** Marks VMs only: what a mark calls for happens when the scheduler comes to the VM. */
export class VmMail extends MailHandler {
  constructor(private readonly queue: RunQueue) {
    super();
  }

  onMail(_sender: u32, kind: u32, argument: u32): u32 {
    const vm = this.queue.find(argument);
    if (!vm) return MAIL_NO_VM;
    if (kind == MAIL_PAUSE) vm.isPaused = true;
    if (kind == MAIL_RESUME) vm.isPaused = false;
    if (kind == MAIL_KILL) vm.mustEnd = true;
    if (kind == MAIL_SHOOTDOWN) vm.dropTranslations();
    return MAIL_DONE;
  }
}
