// Every state that a model can come to, breadth first, and what is wrong with any of them.

import { type Model, type State, type Step } from "./model.ts";

/** A state graph: `states[n]`, the first way to it, and its steps as `targets` from `firstTarget[n]` on. */
export interface Graph {
  readonly model: Model;
  readonly states: readonly State[];
  /** The state from which state n was reached first, and which of its steps that was. */
  readonly parents: readonly number[];
  readonly parentSteps: readonly number[];
  readonly targets: readonly number[];
  readonly firstTarget: readonly number[];
}

export interface Violation {
  readonly text: string;
  /** The shortest way to it. */
  readonly trace: readonly Step[];
}

/** The whole graph, or the first violation that it has. */
export function explore(model: Model): Graph | Violation {
  const numbers = new Map<string, number>();
  const states: State[] = [];
  const parents: number[] = [];
  const parentSteps: number[] = [];
  const targets: number[] = [];
  const firstTarget: number[] = [];
  const ends: number[] = [];
  const graph: Graph = { model, states, parents, parentSteps, targets, firstTarget };

  const enter = (state: State, parent: number, step: number): number => {
    const key = String.fromCharCode(...state);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, states.length);
    parents.push(parent);
    parentSteps.push(step);
    return states.push(state) - 1;
  };

  enter(model.initial(), -1, -1);
  for (let n = 0; n < states.length; n++) {
    const state = states[n]!;
    const isEnd = model.isEnd(state);
    const wrong = model.violationOf(state) ?? (isEnd ? model.violationOfEnd(state) : null);
    if (wrong !== null) return { text: wrong, trace: wayTo(graph, n) };
    if (isEnd) ends.push(n);
    firstTarget.push(targets.length);
    const steps = model.steps(state);
    if (steps.length === 0 && !isEnd) return { text: "no CPU can go on", trace: wayTo(graph, n) };
    for (const [i, step] of steps.entries()) {
      if (step.violation !== null) return { text: step.violation, trace: [...wayTo(graph, n), step] };
      targets.push(enter(step.state, n, i));
    }
  }
  firstTarget.push(targets.length);
  const stuck = firstThatReachesNone(graph, ends);
  return stuck === -1 ? graph : { text: "the CPUs wait for each other forever", trace: wayTo(graph, stuck) };
}

/** The steps of the first way from the start to state `n`. */
export function wayTo(graph: Graph, n: number): Step[] {
  const way: Step[] = [];
  for (let at = n; graph.parents[at] !== -1; at = graph.parents[at]!) {
    way.push(graph.model.steps(graph.states[graph.parents[at]!]!)[graph.parentSteps[at]!]!);
  }
  return way.reverse();
}

/** The first state from which no end can be reached, whatever is done; -1: there is none. */
function firstThatReachesNone({ states, targets, firstTarget }: Graph, ends: readonly number[]): number {
  const sources: number[][] = states.map(() => []);
  for (let n = 0; n < states.length; n++) {
    for (let i = firstTarget[n]!; i < firstTarget[n + 1]!; i++) sources[targets[i]!]!.push(n);
  }
  const reaches = new Uint8Array(states.length);
  const queue = [...ends];
  for (const end of ends) reaches[end] = 1;
  for (let n = queue.pop(); n !== undefined; n = queue.pop()) {
    for (const source of sources[n]!) {
      if (reaches[source] !== 0) continue;
      reaches[source] = 1;
      queue.push(source);
    }
  }
  return reaches.indexOf(0);
}
