// AssemblyScript: the mailbox and the locks of one CPU as exports, for the tests of this folder. Holds no logic of its own.

import { Console } from "../../../hv/core/console/console";
import { HeldLocks, SpinLock } from "../../../hv/core/processors/lock";
import { Mailbox, MailBell, MailHandler } from "../../../hv/core/processors/mailbox";

export {
  answerWord,
  CONSOLE_SHOWN,
  createdWord,
  lockHolderWord,
  lockNodeWord,
  LOCKS,
  lockTailWord,
  MAX_CPUS,
  movingBlockWord,
  movingObjectWord,
  ownerWord,
  pendingWord,
  progressWord,
  RAM_AVAILABLE,
  RAM_MAP,
  RAM_WORDS,
  requestWord,
  resultWord,
  SHARED_WORDS,
  stateWord,
  surplusWord,
  vmStateWord,
} from "../../../hv/core/processors/shared-words";
export { nextSequence } from "../../../hv/core/processors/mail";
export { HOLD_LIMIT } from "../../../hv/core/processors/lock";
export { MAIL_LIMIT } from "../../../hv/core/processors/mailbox";

/** The interrupt that tells of mail. */
declare function ring(cpu: u32): void;
/** The test's own handler. */
declare function onMail(sender: u32, kind: u32, argument: u32): u32;

class Bell extends MailBell {
  ring(cpu: u32): void {
    ring(cpu);
  }
}

class Handler extends MailHandler {
  onMail(sender: u32, kind: u32, argument: u32): u32 {
    return onMail(sender, kind, argument);
  }
}

export function createHeldLocks(): HeldLocks {
  return new HeldLocks();
}

export function createLock(lock: u32, cpu: u32, held: HeldLocks): SpinLock {
  return new SpinLock(lock, cpu, held, new Console());
}

export function createMailbox(cpu: u32, held: HeldLocks): Mailbox {
  return new Mailbox(cpu, new Bell(), new Handler(), held, new Console());
}

export function take(lock: SpinLock): void {
  lock.take();
}

export function release(lock: SpinLock): void {
  lock.release();
}

export function ask(mailbox: Mailbox, receiver: u32, kind: u32, argument: u32): u64 {
  return mailbox.ask(receiver, kind, argument);
}

export function askAll(mailbox: Mailbox, receivers: u64, kind: u32, argument: u32): u64 {
  return mailbox.askAll(receivers, kind, argument);
}

export function serve(mailbox: Mailbox): bool {
  return mailbox.serve();
}

export function rest(mailbox: Mailbox): void {
  mailbox.rest();
}
