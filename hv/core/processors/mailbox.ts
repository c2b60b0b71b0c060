// How CPUs ask each other: a slot for each ordered pair, one writer and one reader, and an interrupt as the bell.

// A request is one word, which its receiver takes and its sender takes back by the same exchange with 0: one of the two has
// it. Who waits for an answer serves its own mail meanwhile, so that CPUs that ask each other in a ring all get theirs.
// Interrupts are let in at each turn of a wait, for each CPU that is asked, and behind each request that was served: in between
// there are at most five operations on shared words, however many CPUs there are.

import { Console } from "../console/console";
import { rdtsc, relax, sharedExchange, sharedLoad, sharedOr, sharedStore, waitForInterrupt } from "../hardware";
import { HeldLocks } from "./lock";
import {
  answerTo,
  argumentOf,
  isAnswerTo,
  kindOf,
  MAIL_KINDS,
  MAIL_NAMES,
  nextSequence,
  requestOf,
  valueOf,
} from "./mail";
import { answerWord, MAX_CPUS, pendingWord, requestWord } from "./shared-words";

/**
 * TSC ticks after which an asker gives up: 2,000 million. A CPU serves its mail between two exits, or behind a call of a vmm,
 * which has 100 million ticks from the host's first tick in it.
 */
export const MAIL_LIMIT: u64 = 2_000_000_000;

/** No answer, which is below it: the request was not taken within MAIL_LIMIT, and will never be. */
export const MAIL_WITHDRAWN: u64 = 0x1_0000_0000;
/** No answer: the request was taken, and may still be carried out. */
export const MAIL_UNANSWERED: u64 = 0x2_0000_0000;

/** Sends the interrupt that says: there is mail. */
export abstract class MailBell {
  /** Interrupts `cpu`. All that this CPU wrote before is seen by who takes the interrupt. */
  abstract ring(cpu: u32): void;
}

/** Carries out what other CPUs ask of this one. */
export abstract class MailHandler {
  /** The answer to `sender`. It may take locks and must not ask. */
  abstract onMail(sender: u32, kind: u32, argument: u32): u32;
}

/** The mail of one CPU: one object a CPU, made at start. */
export class Mailbox {
  private sequence: u32 = 0;
  private isServing: bool = false;
  /** What came of the last request to each CPU. */
  private readonly outcomes: StaticArray<u64> = new StaticArray<u64>(MAX_CPUS);

  constructor(
    private readonly cpu: u32,
    private readonly bell: MailBell,
    private readonly handler: MailHandler,
    private readonly held: HeldLocks,
    private readonly console: Console,
  ) {}

  /**
   * Asks `receiver`, another CPU that runs, for `kind` (MAIL_* of mail.ts) and waits for its answer, serving this CPU's own mail.
   * The answer, or MAIL_WITHDRAWN or MAIL_UNANSWERED after MAIL_LIMIT, which it has told. The caller holds no lock and is
   * no handler.
   */
  ask(receiver: u32, kind: u32, argument: u32): u64 {
    assert(receiver < MAX_CPUS, "a CPU's number is below MAX_CPUS");
    this.askAll((<u64>1) << receiver, kind, argument);
    return this.outcomes[receiver];
  }

  /**
   * Asks all CPUs whose bits `receivers` has, at once, and waits for all of them. The bits of those that did not answer. MAIL_LIMIT
   * counts from the last request on.
   */
  askAll(receivers: u64, kind: u32, argument: u32): u64 {
    assert(!this.isServing, "a handler of mail does not ask: who asked it waits for it");
    assert(this.held.count == 0, "a CPU that holds a lock does not ask: the one that it asks may wait for that lock");
    assert(kind != 0 && kind < MAIL_KINDS, "a kind of mail is one of mail.ts");
    assert(((receivers >> this.cpu) & 1) == 0, "a CPU does not ask itself");
    this.sequence = nextSequence(this.sequence);
    const request = requestOf(this.sequence, kind, argument);
    for (let rest = receivers; rest != 0; rest &= rest - 1) {
      this.post(<u32>ctz(rest), request);
      relax();
    }
    const start = rdtsc();
    let silent: u64 = 0;
    for (let rest = receivers; rest != 0; rest &= rest - 1) {
      const receiver = <u32>ctz(rest);
      // Between two receivers: their answers may all be there.
      if (rest != receivers) relax();
      const outcome = this.awaitAnswer(receiver, request, start);
      this.outcomes[receiver] = outcome;
      if (outcome < MAIL_WITHDRAWN) continue;
      silent |= (<u64>1) << receiver;
      this.tellSilence(receiver, request, outcome);
    }
    return silent;
  }

  /**
   * Takes and answers what others have asked so far. Whether there was anything: then more may have come. To be called where
   * core is in the middle of nothing.
   */
  serve(): bool {
    assert(!this.isServing, "a handler of mail does not serve mail: it would answer in the middle of another answer");
    assert(this.held.count == 0, "a CPU that holds a lock serves no mail: the handler may want that lock");
    if (sharedLoad(pendingWord(this.cpu)) == 0) return false;
    this.isServing = true;
    let senders = sharedExchange(pendingWord(this.cpu), 0);
    for (; senders != 0; senders &= senders - 1) {
      this.serveSender(<u32>ctz(senders));
      relax();
    }
    this.isServing = false;
    return true;
  }

  /** Serves what there is, or sleeps until an interrupt comes. The caller holds interrupts off. */
  rest(): void {
    // Mail that comes behind the look rings, and a bell that is pending ends the sleep at once.
    if (!this.serve()) waitForInterrupt();
  }

  private post(receiver: u32, request: u64): void {
    sharedStore(requestWord(this.cpu, receiver), request);
    sharedOr(pendingWord(receiver), (<u64>1) << this.cpu);
    this.bell.ring(receiver);
  }

  private serveSender(sender: u32): void {
    const request = sharedExchange(requestWord(sender, this.cpu), 0);
    // Withdrawn, or taken before its bit was seen.
    if (request == 0) return;
    const value = this.handler.onMail(sender, kindOf(request), argumentOf(request));
    sharedStore(answerWord(sender, this.cpu), answerTo(request, value));
  }

  private awaitAnswer(receiver: u32, request: u64, start: u64): u64 {
    let answer = sharedLoad(answerWord(this.cpu, receiver));
    while (!isAnswerTo(answer, request)) {
      this.serve();
      relax();
      if (rdtsc() - start >= MAIL_LIMIT) return this.withdraw(receiver, request);
      answer = sharedLoad(answerWord(this.cpu, receiver));
    }
    return valueOf(answer);
  }

  private withdraw(receiver: u32, request: u64): u64 {
    if (sharedExchange(requestWord(this.cpu, receiver), 0) != 0) return MAIL_WITHDRAWN;
    // It was taken, and perhaps answered since the last look.
    const answer = sharedLoad(answerWord(this.cpu, receiver));
    return isAnswerTo(answer, request) ? valueOf(answer) : MAIL_UNANSWERED;
  }

  private tellSilence(receiver: u32, request: u64, outcome: u64): void {
    const isWithdrawn = outcome == MAIL_WITHDRAWN;
    const line = this.console
      .error()
      .text("CPU ")
      .decimal(receiver)
      .text(isWithdrawn ? " has not taken" : " has taken");
    line.text(' the request "').text(MAIL_NAMES[kindOf(request)]).text(" ").decimal(argumentOf(request));
    line
      .text('" of CPU ')
      .decimal(this.cpu)
      .text(isWithdrawn ? " within " : " and not answered it within ");
    line.decimal(MAIL_LIMIT / 1_000_000).text(" million ticks: ");
    line.text(isWithdrawn ? "the request is withdrawn" : "it may still carry it out").end();
  }
}
