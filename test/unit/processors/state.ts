// What a state of the model holds: the shared words, each CPU's own state, and what became of each request.

import { CPUS } from "./scenario.ts";

/** Small numbers: the shared words, then each CPU's own state, then what the properties need to know of the past. */
export type State = number[];

export type OperationKind = "load" | "store" | "exchange" | "or" | "relax" | "halt" | "ring" | "arrive" | "drain";

/**
 * What a CPU does in one step. `place` is a shared word, or the CPU that is rung for; "arrive" and "drain" are the machine's: an
 * interrupt reaches the CPU, and its oldest store the shared words.
 */
export interface Operation {
  readonly kind: OperationKind;
  readonly place: number;
  readonly value: number;
  readonly result: number;
}

// The shared words of a state.
export const PENDING = 0;
export const REQUESTS = PENDING + CPUS;
export const ANSWERS = REQUESTS + CPUS * CPUS;
export const TAIL = ANSWERS + CPUS * CPUS;
export const HOLDER = TAIL + 1;
export const NODES = HOLDER + 1;
export const WORDS = NODES + CPUS + 1;

export const pending = (receiver: number): number => PENDING + receiver;
export const requestPlace = (sender: number, receiver: number): number => REQUESTS + CPUS * sender + receiver;
export const answerPlace = (sender: number, receiver: number): number => ANSWERS + CPUS * sender + receiver;

// A request's word and an answer's: the sequence, the number of the ask, and in an answer who gives it.
export const SEQUENCE_UNIT = 64;
export const ASK_UNIT = 4;
export const sequenceOf = (word: number): number => Math.floor(word / SEQUENCE_UNIT);
export const askOf = (word: number): number => Math.floor((word % SEQUENCE_UNIT) / ASK_UNIT);
export const receiverOf = (word: number): number => word % ASK_UNIT;

/** A CPU's own state, by place in its part of the state. */
export const OWN = [
  "label", // what it does next
  "command", // of its script
  "receivers", // whose answers it waits for
  "bits", // receivers that are to be told, or senders that are to be served
  "taken", // the request that it carries out
  "sequence",
  "isExpired", // its clock has run out in this ask
  "isArriving", // an interrupt is on its way to it
  "isInterrupted", // an interrupt waits until it lets it in
  "node", // its own in the lock's queue
  "before", // the node of the one before it there
  "passed", // how many have had the lock since it drew its place
  "stores", // how many of its stores are under way: behind this the place and the value of each, the oldest first
] as const;
export type Own = (typeof OWN)[number];
export const OWN_PLACE = Object.fromEntries(OWN.map((name, n) => [name, n])) as Record<Own, number>;
/** Stores that a CPU can have under way: more than this code ever has between two barriers. */
export const STORES = 4;
export const OWNS = OWN.length + 2 * STORES;
export const GHOSTS = WORDS + CPUS * OWNS;

// What became of an ask of one receiver.
export const NOT_ASKED = 0;
export const ASKED = 1;
export const CARRIED_OUT = 2;
export const ANSWERED = 3;
export const WITHDRAWN = 4;
export const GIVEN_UP = 5;

/** What became of an ask of `receiver`, by the ask's number in the scenario. */
export const outcomeOf = (state: State, ask: number, receiver: number): number =>
  state[GHOSTS + ask * CPUS + receiver]!;
