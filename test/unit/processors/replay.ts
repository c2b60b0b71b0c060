// Has the code go a way of the model's: a CPU's instance sees nothing but what its imports return, so that it cannot tell a
// trace that is played back to it from the other CPUs. Each of its operations must be the model's, in order.

import type { Graph } from "./explore.ts";
import { type Handle, type Harness, instantiate } from "./harness.ts";
import {
  ANSWERED,
  ANSWERS,
  askOf,
  GIVEN_UP,
  HOLDER,
  NODES,
  type OperationKind,
  outcomeOf,
  PENDING,
  receiverOf,
  REQUESTS,
  sequenceOf,
  type State,
  TAIL,
  WITHDRAWN,
} from "./state.ts";
import { type Command, CPUS, type Scenario } from "./scenario.ts";

/** The lock of the replays: any will do. */
const LOCK = 5;
const KINDS = 6;
const KIND_SHIFT = 32n;
const SEQUENCE_SHIFT = 40n;
const MAIL_WITHDRAWN = 1n << 32n;
const MAIL_UNANSWERED = 2n << 32n;

/** An ask's kind and argument, and a CPU's answer to it: all different, and arguments that need their upper bits. */
const kindOf = (ask: number): number => 1 + (ask % KINDS);
const argumentOf = (ask: number): number => 0xf0000000 + ask;
const answerOf = (argument: number, receiver: number): number => (argument ^ 0x5a5a0000) + 0x100 * receiver;

/** An action as the code has it: the word's number, and values as Wasm hands them over. */
interface Expected {
  readonly kind: OperationKind;
  readonly word: number;
  readonly value: bigint;
  readonly result: bigint;
  readonly cpu: number;
  readonly text: string;
}

/** What ends the code's run where its part of the trace is over: Wasm cannot catch it. */
const END = new Error("the trace is over");

/** The code of three CPUs, for the traces of one graph. */
export class Replayer {
  readonly #graph: Graph;
  readonly #cpus: readonly CodeCpu[];
  readonly #expected: readonly Expected[];
  readonly #parts: Expected[][] = Array.from({ length: CPUS }, () => []);

  constructor(module: WebAssembly.Module, scenario: Scenario, graph: Graph) {
    this.#graph = graph;
    this.#cpus = scenario.scripts.map((script, cpu) => new CodeCpu(module, cpu, script));
    this.#expected = graph.actions.map(({ cpu, operation }) => {
      const { kind, place, value, result } = operation;
      const isShared = kind === "load" || kind === "store" || kind === "exchange" || kind === "or";
      const word = isShared ? wordOf(this.#cpus[0]!.harness, place) : place;
      const encode = isShared ? (number: number) => valueOf(place, number) : BigInt;
      return { cpu, kind, word, value: encode(value), result: encode(result), text: JSON.stringify(operation) };
    });
  }

  /** Replays a way through the graph; throws where the code does something else than the model. */
  replay(trace: readonly number[]): void {
    for (const part of this.#parts) part.length = 0;
    const memory = new Memory();
    for (const edge of trace) {
      const expected = this.#expected[this.#graph.actionOf[edge]!]!;
      memory.carryOut(expected);
      if (expected.kind !== "arrive" && expected.kind !== "drain") this.#parts[expected.cpu]!.push(expected);
    }
    const end = this.#graph.states[trace.length === 0 ? 0 : this.#graph.targets[trace.at(-1)!]!]!;
    for (const cpu of this.#cpus) cpu.replay(this.#parts[cpu.number]!, end);
  }

  /** The most operations on shared words that any CPU made so far with interrupts off, waiting or not. */
  get mostOperations(): number {
    return Math.max(...this.#cpus.map((cpu) => cpu.mostOperations));
  }
}

/** Shared words as real ones, so that the model's own results are held against something: stores wait in their CPU's queue. */
class Memory {
  readonly #words = new Map<number, bigint>();
  readonly #queues: (readonly [number, bigint])[][] = Array.from({ length: CPUS }, () => []);

  carryOut({ cpu, kind, word, value, result, text }: Expected): void {
    const queue = this.#queues[cpu]!;
    const old = this.#words.get(word) ?? 0n;
    let found = result;
    if (kind === "load") found = queue.findLast(([place]) => place === word)?.[1] ?? old;
    else if (kind === "store") queue.push([word, value]);
    else if (kind === "drain") this.#words.set(...queue.shift()!);
    else if (kind === "exchange" || kind === "or") {
      if (queue.length !== 0) throw new Error(`the model's CPU ${cpu} has stores under way at ${text}`);
      found = old;
      this.#words.set(word, kind === "or" ? old | value : value);
    }
    if (found !== result) throw new Error(`the model's ${text} of CPU ${cpu} finds 0x${found.toString(16)} in memory`);
  }
}

class CodeCpu {
  readonly number: number;
  readonly harness: Harness;
  mostOperations = 0;
  readonly #script: readonly Command[];
  readonly #mailbox: Handle;
  readonly #lock: Handle;
  readonly #snapshot: Uint8Array;
  #part: readonly Expected[] = [];
  #done = 0;
  #operations = 0;
  #clock = 0n;

  constructor(module: WebAssembly.Module, cpu: number, script: readonly Command[]) {
    this.number = cpu;
    this.#script = script;
    this.harness = instantiate(module, {
      sharedLoad: (word) => this.#operate("load", word, 0n),
      sharedStore: (word, value) => void this.#operate("store", word, value),
      sharedExchange: (word, value) => this.#operate("exchange", word, value),
      sharedOr: (word, bits) => this.#operate("or", word, bits),
      relax: () => {
        this.#operations = 0;
        const expires = this.#next("relax", 0).value !== 0n;
        if (expires) this.#clock += 2n * BigInt(this.harness.MAIL_LIMIT.value);
      },
      waitForInterrupt: () => {
        this.#operations = 0;
        this.#next("halt", 0);
      },
      rdtsc: () => this.#clock,
      ring: (receiver) => void this.#next("ring", receiver),
      onMail: (_sender, kind, argument) => {
        const ask = (argument >>> 0) - argumentOf(0);
        if (kind !== kindOf(ask)) throw new Error(`a request of kind ${kind} for one of kind ${kindOf(ask)}`);
        return answerOf(argument >>> 0, cpu);
      },
      print: () => undefined,
    });
    const held = this.harness.createHeldLocks();
    this.#mailbox = this.harness.createMailbox(cpu, held);
    this.#lock = this.harness.createLock(LOCK, cpu, held);
    const bytes = new Uint8Array(this.harness.memory.buffer);
    this.#snapshot = bytes.slice(0, bytes.findLastIndex((byte) => byte !== 0) + 1 + 4096);
  }

  /** Runs the script until `part` is over. `end` says what became of the asks that are over by then. */
  replay(part: readonly Expected[], end: State): void {
    if (part.length === 0) return;
    // The code's objects, as they were made. It allocates nothing, so that there is no more to take back.
    new Uint8Array(this.harness.memory.buffer).set(this.#snapshot);
    this.#part = part;
    this.#done = 0;
    this.#clock = 0n;
    try {
      for (const command of this.#script) this.#execute(command, end);
      while (true) this.#call(() => this.harness.rest(this.#mailbox));
    } catch (error) {
      if (error !== END) throw error;
    }
  }

  #execute(command: Command, end: State): void {
    if (command.kind === "ask") this.#ask(command.number, command.receivers, end);
    else if (command.kind === "rest") this.#call(() => this.harness.rest(this.#mailbox));
    else this.#call(() => this.harness[command.kind](this.#lock));
  }

  #ask(ask: number, receivers: number, end: State): void {
    const kind = kindOf(ask);
    const argument = argumentOf(ask);
    const receiver = 31 - Math.clz32(receivers);
    const isOne = receivers === 1 << receiver;
    const result = this.#call(() =>
      isOne
        ? this.harness.ask(this.#mailbox, receiver, kind, argument)
        : this.harness.askAll(this.#mailbox, BigInt(receivers), kind, argument),
    );
    const expected = isOne ? resultOf(end, ask, receiver) : silentOf(end, ask, receivers);
    if (result !== expected) throw new Error(`CPU ${this.number} has ${result} from ask ${ask}, the model ${expected}`);
  }

  #call<T>(call: () => T): T {
    this.#operations = 0;
    return call();
  }

  #operate(kind: OperationKind, word: number, value: bigint): bigint {
    const expected = this.#next(kind, word);
    if (expected.value !== value) this.#differ(expected, `${kind} of word ${word} with 0x${value.toString(16)}`);
    if (++this.#operations > this.mostOperations) this.mostOperations = this.#operations;
    return expected.result;
  }

  #next(kind: OperationKind, word: number): Expected {
    const expected = this.#part[this.#done++];
    if (expected === undefined) throw END;
    if (expected.kind !== kind || expected.word !== word) this.#differ(expected, `${kind} of word ${word}`);
    return expected;
  }

  #differ(expected: Expected, found: string): never {
    const step = `step ${this.#done} of CPU ${this.number}`;
    throw new Error(`${step} is ${found} in the code, and ${expected.text} (word ${expected.word}) in the model`);
  }
}

/** A place of the model's as a word of the code's. */
function wordOf(harness: Harness, place: number): number {
  if (place >= NODES) return harness.lockNodeWord(LOCK, place - NODES);
  if (place === HOLDER) return harness.lockHolderWord(LOCK);
  if (place === TAIL) return harness.lockTailWord(LOCK);
  const pair = (from: number): [number, number] => [Math.floor((place - from) / CPUS), (place - from) % CPUS];
  if (place >= ANSWERS) return harness.answerWord(...pair(ANSWERS));
  if (place >= REQUESTS) return harness.requestWord(...pair(REQUESTS));
  return harness.pendingWord(place - PENDING);
}

/** What a word of the code's holds where the model's holds `number`. */
function valueOf(place: number, number: number): bigint {
  if (number === 0 || place < REQUESTS || place >= TAIL) return BigInt(number);
  const ask = askOf(number);
  const sequence = BigInt(sequenceOf(number)) << SEQUENCE_SHIFT;
  if (place >= ANSWERS) return sequence | BigInt(answerOf(argumentOf(ask), receiverOf(number)) >>> 0);
  return sequence | (BigInt(kindOf(ask)) << KIND_SHIFT) | BigInt(argumentOf(ask));
}

function resultOf(end: State, ask: number, receiver: number): bigint {
  const outcome = outcomeOf(end, ask, receiver);
  if (outcome === ANSWERED) return BigInt(answerOf(argumentOf(ask), receiver) >>> 0);
  if (outcome === WITHDRAWN) return MAIL_WITHDRAWN;
  if (outcome === GIVEN_UP) return MAIL_UNANSWERED;
  throw new Error(`the code is done with ask ${ask}, and the model is not`);
}

/** The CPUs that did not answer an ask of several. */
function silentOf(end: State, ask: number, receivers: number): bigint {
  let silent = 0n;
  for (let receiver = 0; receiver < CPUS; receiver++) {
    if (((receivers >> receiver) & 1) !== 0 && resultOf(end, ask, receiver) >= MAIL_WITHDRAWN)
      silent |= 1n << BigInt(receiver);
  }
  return silent;
}
