// What somebody at the console can have done with the VMs, whichever CPUs they are on.

import { GUEST_NAMES } from "../../shared/guests";
import { Console } from "../console/console";
import { INPUT_BYTES } from "../console/input-queue";
import { ALL_VMS, isVmShown, showVm, shownVm } from "../console/shown";
import { sharedLoad } from "../hardware";
import { MAIL_INPUT, MAIL_KILL, MAIL_PAUSE, MAIL_RESUME } from "../processors/mail";
import { Mailbox, MailHandler, MAIL_WITHDRAWN } from "../processors/mailbox";
import { ownerWord } from "../processors/shared-words";
import { resultName } from "../results";
import { VmPlan } from "../vm-plan";
import { MAIL_DONE, MAIL_NO_VM } from "./vm-mail";
import { resultOf } from "./vm-results";
import { isAlive, stateOf, ticksOf, VM_ENDED, VM_NOT_STARTED, VM_STATE_NAMES } from "./vm-states";

/** The commands, each of which answers with a line of the console or several. */
export class VmCommands {
  constructor(
    private readonly console: Console,
    private readonly cpu: u32,
    private readonly plans: Array<VmPlan>,
    private readonly mailbox: Mailbox,
    /** What the mailbox serves: for VMs that this CPU has. */
    private readonly handler: MailHandler,
  ) {}

  /** The VM that typed keys are for: the one whose console is shown, or the only one; ALL_VMS where there are several. */
  get target(): u32 {
    return this.plans.length == 1 ? 0 : shownVm();
  }

  /** Shows the console of the VM that is `step` VMs further, among those that have started and not ended. */
  showOther(step: i32): void {
    const count = this.plans.length;
    const shown = shownVm();
    let number = shown == ALL_VMS ? (step > 0 ? -1 : count) : <i32>shown;
    for (let n = 0; n < count; n++) {
      number = (number + step + count) % count;
      if (!isAlive(<u32>number)) continue;
      showVm(<u32>number);
      this.sayOf(<u32>number)
        .text("'s console is shown; Ctrl-A a shows all")
        .end();
      return;
    }
    this.console.answer().text("no VM runs").end();
  }

  showAll(): void {
    showVm(ALL_VMS);
    this.console.answer().text("all VMs are shown").end();
  }

  /** Shows all VMs again when the one has ended that was shown: nothing would be shown any more. */
  leaveEnded(): void {
    const shown = shownVm();
    if (shown == ALL_VMS || isAlive(shown)) return;
    showVm(ALL_VMS);
    this.sayOf(shown).text(" has ended: all VMs are shown").end();
  }

  list(): void {
    const shown = shownVm();
    for (let number: u32 = 0; number < <u32>this.plans.length; number++) {
      const state = stateOf(number);
      const owner = sharedLoad(ownerWord(number));
      const line = this.sayOf(number).text(": ");
      if (isAlive(number) && owner != 0)
        line
          .text("CPU ")
          .decimal(owner - 1)
          .text(", ");
      line.text("guest ");
      line.text(GUEST_NAMES[this.plans[number].guest]).text(", ").text(VM_STATE_NAMES[state]);
      if (state == VM_ENDED)
        line
          .text(" (")
          .text(resultName(resultOf(<i32>number)))
          .text(")");
      line.text(", ran ").decimal(ticksOf(number)).text(" ticks");
      line.text(shown != ALL_VMS && isVmShown(number) ? ", shown" : "").end();
    }
  }

  pause(): void {
    this.ask(MAIL_PAUSE, " is paused; Ctrl-A r resumes it");
  }

  resume(): void {
    this.ask(MAIL_RESUME, " is resumed");
  }

  kill(): void {
    this.ask(MAIL_KILL, " is told to end");
  }

  /** Says that what was typed for `target`, a VM or ALL_VMS, goes nowhere. */
  sayNoInput(target: u32): void {
    if (target == ALL_VMS) {
      const line = this.console.answer().text("what is typed is for the VM whose console is shown; ");
      line.text("Ctrl-A n shows one, Ctrl-A h helps").end();
    } else {
      const isThere = isAlive(target);
      const line = this.console
        .answer()
        .text(isThere ? "no device of " : "")
        .text(this.plans[target].name);
      line.text(isThere ? " takes input" : " does not run, so it takes no input");
      line.text("; Ctrl-A h lists the keys that do something").end();
    }
  }

  /** Says that VM `target` has not read what was typed for it. */
  sayFull(target: u32): void {
    const line = this.console.answer().text(this.plans[target].name).text(" has not read the last ");
    line.decimal(INPUT_BYTES).text(" bytes that were typed; what follows is lost until it reads").end();
  }

  /** Whether what is typed for `target`, a VM or ALL_VMS, can be given to it. */
  takesInput(target: u32): bool {
    return target != ALL_VMS && isAlive(target) && !this.plans[target].mirrorsHost;
  }

  /** Has the CPU of VM `target` look for what was typed for it. This CPU's own VMs it looks for by itself. */
  tellInput(target: u32): void {
    const owner = sharedLoad(ownerWord(target));
    if (owner != 0 && owner - 1 != this.cpu) this.mailbox.ask(<u32>owner - 1, MAIL_INPUT, target);
  }

  /** Has the CPU of the VM that is shown do what mail of `kind` asks, and answers that the VM `did`. */
  private ask(kind: u32, did: string): void {
    const number = this.target;
    if (number == ALL_VMS) {
      this.console.answer().text("all VMs are shown; choose one first, by Ctrl-A n").end();
      return;
    }
    if (stateOf(number) == VM_NOT_STARTED) {
      this.sayOf(number).text(" has not started").end();
      return;
    }
    const answer = this.askOwner(kind, number);
    // That no answer came, the mailbox has told.
    if (answer >= MAIL_WITHDRAWN) return;
    const line = this.sayOf(number);
    if (answer == MAIL_DONE) line.text(did).end();
    else if (!isAlive(number)) line.text(" has ended").end();
    else line.text(" is ending, or on its way to another CPU: type it again").end();
  }

  private askOwner(kind: u32, number: u32): u64 {
    const owner = sharedLoad(ownerWord(number));
    if (owner == 0 || !isAlive(number)) return MAIL_NO_VM;
    const cpu = <u32>owner - 1;
    return cpu == this.cpu ? <u64>this.handler.onMail(cpu, kind, number) : this.mailbox.ask(cpu, kind, number);
  }

  private sayOf(number: u32): Console {
    return this.console.answer().text(this.plans[number].name);
  }
}
