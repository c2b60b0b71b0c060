// The steps of one CPU in the model: where it is in the mailbox or the lock, and what it does there.

import { type Command, CPUS, type Scenario } from "./scenario.ts";
import {
  ANSWERED,
  answerPlace,
  ASK_UNIT,
  ASKED,
  askOf,
  CARRIED_OUT,
  GHOSTS,
  GIVEN_UP,
  HOLDER,
  NODES,
  NOT_ASKED,
  type Operation,
  type Own,
  OWN_PLACE,
  OWNS,
  pending,
  requestPlace,
  SEQUENCE_UNIT,
  sequenceOf,
  type State,
  STORES,
  TAIL,
  WITHDRAWN,
  WORDS,
} from "./state.ts";

export interface Step {
  readonly cpu: number;
  readonly operation: Operation;
  readonly state: State;
  /** What the step breaks, if anything. */
  readonly violation: string | null;
}

/** Defects that the model can be given: each must be found. */
export type Defect =
  | "bit before request"
  | "ring before bit"
  | "no ring"
  | "sleep without a look"
  | "clear without taking"
  | "no serving while waiting"
  | "no sequence"
  | "no withdrawal"
  | "no last look"
  | "node marked behind the exchange"
  | "no wait for the node"
  | "node kept"
  | "plain lock"
  | "no barrier";

const LABELS = [
  "post-request",
  "post-bit",
  "post-ring",
  "post-relax",
  "poll",
  "poll-relax",
  "next-relax",
  "withdraw",
  "last-look",
  "serve-look",
  "serve-exchange",
  "serve-take",
  "serve-answer",
  "serve-relax",
  "halt",
  "take-check",
  "take-node",
  "take-tail",
  "take-poll",
  "take-look",
  "take-relax",
  "take-holder",
  "release-check",
  "release-holder",
  "release-node",
] as const;
type Label = (typeof LABELS)[number];
const LABEL_NUMBER = Object.fromEntries(LABELS.map((name, n) => [name, n])) as Record<Label, number>;

/** Where the next step is a locked operation, or sends an interrupt: with all stores done (SDM 3A 9.2.5). */
const FENCED: ReadonlySet<Label> = new Set([
  "post-bit",
  "post-ring",
  "withdraw",
  "serve-exchange",
  "serve-take",
  "take-tail",
]);
/** Where a CPU tells another of its request. */
export const POSTING: ReadonlySet<Label> = new Set(["post-request", "post-bit", "post-ring"]);
/** Where a CPU holds the lock. */
export const HOLDING: ReadonlySet<Label> = new Set(["take-holder", "release-check", "release-holder", "release-node"]);
/** Where it waits for it, its place drawn. */
const QUEUED: ReadonlySet<Label> = new Set(["take-poll", "take-look", "take-relax"]);

const FIRST_LABEL: Readonly<Record<Command["kind"], Label>> = {
  ask: "post-request",
  take: "take-check",
  release: "release-check",
  rest: "serve-look",
};

const lowest = (mask: number): number => 31 - Math.clz32(mask & -mask);
const withoutLowest = (mask: number): number => mask & (mask - 1);

/** One CPU's turn: it reads and changes a state of its own copy. */
export class Turn {
  readonly cpu: number;
  readonly #scenario: Scenario;
  readonly #defects: ReadonlySet<Defect>;
  readonly #state: State;
  readonly #base: number;
  #operation: Operation = { kind: "relax", place: 0, value: 0, result: 0 };
  #violation: string | null = null;

  constructor(scenario: Scenario, defects: ReadonlySet<Defect>, state: State, cpu: number) {
    this.#scenario = scenario;
    this.#defects = defects;
    this.#state = state;
    this.cpu = cpu;
    this.#base = WORDS + cpu * OWNS;
  }

  get(name: Own): number {
    return this.#state[this.#base + OWN_PLACE[name]]!;
  }
  set(name: Own, value: number): void {
    this.#state[this.#base + OWN_PLACE[name]] = value;
  }

  get label(): Label {
    return LABELS[this.get("label")]!;
  }
  get #command(): Command | undefined {
    return this.#scenario.scripts[this.cpu]![this.get("command")];
  }
  get isIdle(): boolean {
    return this.#command === undefined;
  }
  get isWoken(): boolean {
    return this.get("isArriving") !== 0 || this.get("isInterrupted") !== 0;
  }
  /** Whether its program can go on: it does not sleep, and no operation waits for its stores. */
  get canStep(): boolean {
    const stores = this.get("stores");
    if (this.label === "halt") return this.get("isInterrupted") !== 0;
    if (FENCED.has(this.label) && !this.#has("no barrier")) return stores === 0;
    return stores < STORES;
  }
  /** Whether its clock may run out now. */
  get mayExpire(): boolean {
    const command = this.#command;
    return this.label === "poll-relax" && command?.kind === "ask" && command.mayGiveUp && !this.get("isExpired");
  }

  /** Starts a command of the script; behind the last one it rests. */
  begin(command: number): void {
    this.set("command", command);
    this.set("isExpired", 0);
    const next = this.#command;
    this.#goTo(FIRST_LABEL[next?.kind ?? "rest"]);
    if (next?.kind === "ask") {
      this.set("receivers", next.receivers);
      this.set("bits", next.receivers);
      this.set("sequence", this.#has("no sequence") ? 1 : this.get("sequence") + 1);
      if (this.#has("bit before request")) this.#goTo("post-bit");
      if (this.#has("ring before bit")) this.#goTo("post-request");
    }
    if (this.label === "serve-look" && this.#has("sleep without a look")) this.#goTo("halt");
  }

  /** An interrupt reaches its processor, which lets it in later. */
  arrive(): Step {
    this.set("isArriving", 0);
    this.set("isInterrupted", 1);
    this.#operation = { kind: "arrive", place: this.cpu, value: 0, result: 0 };
    return this.#done();
  }

  /** Its oldest store reaches the shared words. */
  drain(): Step {
    const stores = this.get("stores");
    const first = this.#base + OWN_PLACE.stores + 1;
    const [place, value] = this.#state.slice(first, first + 2);
    this.#state[place!] = value!;
    this.#state.copyWithin(first, first + 2, first + 2 * stores);
    this.#state.fill(0, first + 2 * stores - 2, first + 2 * stores);
    this.set("stores", stores - 1);
    this.#operation = { kind: "drain", place: this.cpu, value: 0, result: 0 };
    return this.#done();
  }

  step(expires: boolean): Step {
    if (expires) this.set("isExpired", 1);
    STEPS[this.label](this);
    return this.#done();
  }

  #done(): Step {
    return { cpu: this.cpu, operation: this.#operation, state: this.#state, violation: this.#violation };
  }
  #has(defect: Defect): boolean {
    return this.#defects.has(defect);
  }
  #goTo(label: Label): void {
    this.set("label", LABEL_NUMBER[label]);
  }
  #end(): void {
    const command = this.get("command");
    this.begin(this.isIdle ? command : command + 1);
  }
  #expect(holds: boolean, violation: string): void {
    if (!holds) this.#violation ??= violation;
  }

  #load(place: number): number {
    let result = this.#state[place]!;
    // Its own stores it sees at once, the youngest first.
    const first = this.#base + OWN_PLACE.stores + 1;
    for (let n = 0; n < this.get("stores"); n++) {
      if (this.#state[first + 2 * n] === place) result = this.#state[first + 2 * n + 1]!;
    }
    this.#operation = { kind: "load", place, value: 0, result };
    return result;
  }
  #store(place: number, value: number): void {
    const stores = this.get("stores");
    const next = this.#base + OWN_PLACE.stores + 1 + 2 * stores;
    this.#state[next] = place;
    this.#state[next + 1] = value;
    this.set("stores", stores + 1);
    this.#operation = { kind: "store", place, value, result: 0 };
  }
  #exchange(place: number, value: number): number {
    const result = this.#state[place]!;
    this.#state[place] = value;
    this.#operation = { kind: "exchange", place, value, result };
    return result;
  }
  #or(place: number, value: number): void {
    const result = this.#state[place]!;
    this.#state[place] = result | value;
    this.#operation = { kind: "or", place, value, result };
  }
  /** Lets interrupts in; `value` says whether the clock has run out. */
  #relax(): void {
    this.set("isInterrupted", 0);
    this.#operation = { kind: "relax", place: 0, value: this.get("isExpired"), result: 0 };
  }

  get #ask(): number {
    const command = this.#command;
    if (command?.kind !== "ask") throw new Error(`CPU ${this.cpu} is not asking`);
    return command.number;
  }
  get #request(): number {
    return this.get("sequence") * SEQUENCE_UNIT + this.#ask * ASK_UNIT;
  }
  #outcome(ask: number, receiver: number): number {
    return this.#state[GHOSTS + ask * CPUS + receiver]!;
  }
  #setOutcome(ask: number, receiver: number, outcome: number): void {
    this.#state[GHOSTS + ask * CPUS + receiver] = outcome;
  }

  // Asking.

  postRequest(): void {
    const receiver = lowest(this.get("bits"));
    this.#store(requestPlace(this.cpu, receiver), this.#request);
    this.#expect(this.#outcome(this.#ask, receiver) === NOT_ASKED, "a request is made twice");
    this.#setOutcome(this.#ask, receiver, ASKED);
    if (this.#has("ring before bit") || this.#has("bit before request")) this.#goTo("post-ring");
    else this.#goTo("post-bit");
  }

  postBit(): void {
    this.#or(pending(lowest(this.get("bits"))), 1 << this.cpu);
    if (this.#has("bit before request")) this.#goTo("post-request");
    else if (this.#has("ring before bit") || this.#has("no ring")) this.#goTo("post-relax");
    else this.#goTo("post-ring");
  }

  postRing(): void {
    const receiver = lowest(this.get("bits"));
    this.#state[WORDS + receiver * OWNS + OWN_PLACE.isArriving] = 1;
    this.#operation = { kind: "ring", place: receiver, value: 0, result: 0 };
    this.#goTo(this.#has("ring before bit") ? "post-bit" : "post-relax");
  }

  postRelax(): void {
    this.#relax();
    this.set("bits", withoutLowest(this.get("bits")));
    const again = this.#has("bit before request") ? "post-bit" : "post-request";
    this.#goTo(this.get("bits") === 0 ? "poll" : again);
  }

  poll(): void {
    if (this.#isAnswered()) this.#accept();
    else this.#goTo(this.#has("no serving while waiting") ? "poll-relax" : "serve-look");
  }

  pollRelax(): void {
    this.#relax();
    this.#goTo(this.get("isExpired") === 0 ? "poll" : "withdraw");
  }

  withdraw(): void {
    const receiver = lowest(this.get("receivers"));
    const place = requestPlace(this.cpu, receiver);
    const old = this.#has("no withdrawal") ? this.#load(place) : this.#exchange(place, 0);
    if (old === 0) {
      this.#goTo("last-look");
      return;
    }
    this.#expect(this.#outcome(this.#ask, receiver) === ASKED, "what was carried out counts as withdrawn");
    this.#setOutcome(this.#ask, receiver, WITHDRAWN);
    this.#nextReceiver();
  }

  lastLook(): void {
    const receiver = lowest(this.get("receivers"));
    if (this.#isAnswered() && !this.#has("no last look")) {
      this.#accept();
      return;
    }
    this.#expect(
      this.#state[answerPlace(this.cpu, receiver)]! !== this.#request + receiver,
      "an answer that is there counts as none",
    );
    this.#setOutcome(this.#ask, receiver, GIVEN_UP);
    this.#nextReceiver();
  }

  #isAnswered(): boolean {
    const receiver = lowest(this.get("receivers"));
    return sequenceOf(this.#load(answerPlace(this.cpu, receiver))) === this.get("sequence");
  }

  #accept(): void {
    const receiver = lowest(this.get("receivers"));
    this.#expect(this.#operation.result === this.#request + receiver, "a CPU takes another answer for its own");
    this.#expect(this.#outcome(this.#ask, receiver) === CARRIED_OUT, "an answer to what was not carried out once");
    this.#setOutcome(this.#ask, receiver, ANSWERED);
    this.#nextReceiver();
  }

  #nextReceiver(): void {
    this.set("receivers", withoutLowest(this.get("receivers")));
    if (this.get("receivers") === 0) this.#end();
    else this.#goTo("next-relax");
  }

  nextRelax(): void {
    this.#relax();
    this.#goTo("poll");
  }

  // Serving, within an ask or at rest.

  serveLook(): void {
    if (this.#load(pending(this.cpu)) !== 0) this.#goTo("serve-exchange");
    else this.#goTo(this.#isAsking ? "poll-relax" : "halt");
  }

  serveExchange(): void {
    this.set("bits", this.#exchange(pending(this.cpu), 0));
    if (this.#has("clear without taking")) this.set("bits", this.get("bits") & -this.get("bits"));
    this.#goTo("serve-take");
  }

  serveTake(): void {
    const request = this.#exchange(requestPlace(lowest(this.get("bits")), this.cpu), 0);
    this.set("taken", request);
    if (request === 0) {
      this.#goTo("serve-relax");
      return;
    }
    const outcome = this.#outcome(askOf(request), this.cpu);
    this.#expect(outcome !== WITHDRAWN, "what was withdrawn is carried out");
    this.#expect(outcome === ASKED || outcome === WITHDRAWN, "a request is carried out twice");
    this.#setOutcome(askOf(request), this.cpu, CARRIED_OUT);
    this.#goTo("serve-answer");
  }

  serveAnswer(): void {
    this.#store(answerPlace(lowest(this.get("bits")), this.cpu), this.get("taken") + this.cpu);
    this.set("taken", 0);
    this.#goTo("serve-relax");
  }

  serveRelax(): void {
    this.#relax();
    this.set("bits", withoutLowest(this.get("bits")));
    if (this.get("bits") !== 0) this.#goTo("serve-take");
    else if (this.#isAsking) this.#goTo("poll-relax");
    else this.#end();
  }

  halt(): void {
    this.set("isInterrupted", 0);
    this.#operation = { kind: "halt", place: 0, value: 0, result: 0 };
    if (this.#has("sleep without a look")) this.#goTo("serve-look");
    else this.#end();
  }

  get #isAsking(): boolean {
    return this.#command?.kind === "ask";
  }

  // The lock.

  takeCheck(): void {
    this.#expect(this.#load(HOLDER) !== this.cpu + 1, "a CPU takes a lock twice");
    this.#goTo(this.#has("node marked behind the exchange") ? "take-tail" : "take-node");
  }

  takeNode(): void {
    this.#store(NODES + this.get("node"), 1);
    this.#goTo(this.#has("node marked behind the exchange") ? "take-poll" : "take-tail");
  }

  takeTail(): void {
    this.set("before", this.#exchange(TAIL, this.get("node")));
    if (this.#has("plain lock")) {
      this.#goTo(this.get("before") === 0 ? "take-holder" : "take-relax");
      return;
    }
    const isMarked = !this.#has("node marked behind the exchange");
    if (this.#has("no wait for the node")) this.#goTo("take-holder");
    else this.#goTo(isMarked ? "take-poll" : "take-node");
  }

  takePoll(): void {
    const isFree = this.#load(NODES + this.get("before")) === 0;
    this.#goTo(isFree ? "take-holder" : "take-look");
  }

  takeLook(): void {
    this.#load(HOLDER);
    this.#goTo("take-relax");
  }

  takeRelax(): void {
    this.#relax();
    this.#goTo(this.#has("plain lock") ? "take-tail" : "take-poll");
  }

  takeHolder(): void {
    this.#store(HOLDER, this.cpu + 1);
    this.set("passed", 0);
    for (let cpu = 0; cpu < CPUS; cpu++) {
      const other = new Turn(this.#scenario, this.#defects, this.#state, cpu);
      if (QUEUED.has(other.label)) other.set("passed", other.get("passed") + 1);
    }
    this.#end();
  }

  releaseCheck(): void {
    this.#expect(this.#load(HOLDER) === this.cpu + 1, "a CPU releases a lock that it does not hold");
    this.#goTo("release-holder");
  }

  releaseHolder(): void {
    this.#store(HOLDER, 0);
    this.#goTo("release-node");
  }

  releaseNode(): void {
    this.#store(this.#has("plain lock") ? TAIL : NODES + this.get("node"), 0);
    if (!this.#has("node kept") && !this.#has("plain lock")) this.set("node", this.get("before"));
    this.set("before", 0);
    this.#end();
  }
}

const STEPS: Readonly<Record<Label, (turn: Turn) => void>> = {
  "post-request": (turn) => turn.postRequest(),
  "post-bit": (turn) => turn.postBit(),
  "post-ring": (turn) => turn.postRing(),
  "post-relax": (turn) => turn.postRelax(),
  poll: (turn) => turn.poll(),
  "poll-relax": (turn) => turn.pollRelax(),
  "next-relax": (turn) => turn.nextRelax(),
  withdraw: (turn) => turn.withdraw(),
  "last-look": (turn) => turn.lastLook(),
  "serve-look": (turn) => turn.serveLook(),
  "serve-exchange": (turn) => turn.serveExchange(),
  "serve-take": (turn) => turn.serveTake(),
  "serve-answer": (turn) => turn.serveAnswer(),
  "serve-relax": (turn) => turn.serveRelax(),
  halt: (turn) => turn.halt(),
  "take-check": (turn) => turn.takeCheck(),
  "take-node": (turn) => turn.takeNode(),
  "take-tail": (turn) => turn.takeTail(),
  "take-poll": (turn) => turn.takePoll(),
  "take-look": (turn) => turn.takeLook(),
  "take-relax": (turn) => turn.takeRelax(),
  "take-holder": (turn) => turn.takeHolder(),
  "release-check": (turn) => turn.releaseCheck(),
  "release-holder": (turn) => turn.releaseHolder(),
  "release-node": (turn) => turn.releaseNode(),
};
