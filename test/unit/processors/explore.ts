// Every state that a model can come to, breadth first, and what is wrong with any of them.

import type { Model } from "./model.ts";
import type { Operation, State } from "./state.ts";

/** A state graph. An edge is one step; those of state n are from `firstEdge[n]` to below `firstEdge[n + 1]`. */
export interface Graph {
  readonly states: readonly State[];
  readonly firstEdge: readonly number[];
  /** The state that an edge leads from, and to. */
  readonly sources: readonly number[];
  readonly targets: readonly number[];
  /** What is done at an edge: a number of `actions`. */
  readonly actionOf: readonly number[];
  readonly actions: readonly Action[];
  /** The edge by which a state was reached first; -1: it is the start. */
  readonly parents: readonly number[];
}

export interface Action {
  readonly cpu: number;
  readonly operation: Operation;
}

export interface Violation {
  readonly text: string;
  /** The shortest way to it. */
  readonly trace: readonly Action[];
}

/** The whole graph, or the first violation that it has. */
export function explore(model: Model): Graph | Violation {
  const numbers = new Map<string, number>();
  const states: State[] = [];
  const firstEdge: number[] = [];
  const sources: number[] = [];
  const targets: number[] = [];
  const actionOf: number[] = [];
  const parents: number[] = [];
  const actions = new ActionTable();
  const ends: number[] = [];
  const graph: Graph = { states, firstEdge, sources, targets, actionOf, actions: actions.rows, parents };

  const enter = (state: State, edge: number): number => {
    const key = String.fromCharCode(...state);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, states.length);
    parents.push(edge);
    return states.push(state) - 1;
  };

  enter(model.initial(), -1);
  for (let n = 0; n < states.length; n++) {
    const state = states[n]!;
    const isEnd = model.isEnd(state);
    const wrong = model.violationOf(state) ?? (isEnd ? model.violationOfEnd(state) : null);
    if (wrong !== null) return { text: wrong, trace: actionsTo(graph, n) };
    if (isEnd) ends.push(n);
    firstEdge.push(targets.length);
    for (const step of model.steps(state)) {
      if (step.violation !== null) return { text: step.violation, trace: [...actionsTo(graph, n), step] };
      const edge = sources.push(n) - 1;
      actionOf.push(actions.numberOf(step));
      targets.push(enter(step.state, edge));
    }
  }
  firstEdge.push(targets.length);
  const stuck = firstThatReachesNone(graph, ends);
  return stuck === -1 ? graph : { text: "the CPUs wait for each other forever", trace: actionsTo(graph, stuck) };
}

/** The edges of the first way from the start to state `n`. */
export function wayTo(graph: Graph, n: number): number[] {
  const way: number[] = [];
  for (let edge = graph.parents[n]!; edge !== -1; edge = graph.parents[graph.sources[edge]!]!) way.push(edge);
  return way.reverse();
}

function actionsTo(graph: Graph, n: number): Action[] {
  return wayTo(graph, n).map((edge) => graph.actions[graph.actionOf[edge]!]!);
}

/** The different actions, of which a graph has far fewer than edges. */
class ActionTable {
  readonly rows: Action[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf({ cpu, operation }: Action): number {
    const { kind, place, value, result } = operation;
    const key = `${cpu} ${kind} ${place} ${value} ${result}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.rows.push({ cpu, operation }) - 1;
      this.#numbers.set(key, number);
    }
    return number;
  }
}

/** The first state from which no end can be reached, whatever is done; -1: there is none. */
function firstThatReachesNone({ states, sources, targets }: Graph, ends: readonly number[]): number {
  const edgesTo: number[][] = states.map(() => []);
  targets.forEach((target, edge) => edgesTo[target]!.push(edge));
  const reaches = new Uint8Array(states.length);
  const queue = [...ends];
  for (const end of ends) reaches[end] = 1;
  for (let n = queue.pop(); n !== undefined; n = queue.pop()) {
    for (const edge of edgesTo[n]!) {
      const source = sources[edge]!;
      if (reaches[source] !== 0) continue;
      reaches[source] = 1;
      queue.push(source);
    }
  }
  return reaches.indexOf(0);
}
