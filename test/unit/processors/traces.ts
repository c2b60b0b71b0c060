// Ways through a state graph: a set that takes every edge, and ways at random.

import { type Graph, wayTo } from "./explore.ts";

/** Ways from the start, as edges, that together take each edge of the graph. */
export function* coveringTraces(graph: Graph): Generator<number[]> {
  const isTaken = new Uint8Array(graph.targets.length);
  const next = [...graph.firstEdge];
  const freshEdgeOf = (n: number): number | null => {
    const end = graph.firstEdge[n + 1]!;
    while (next[n]! < end && isTaken[next[n]!] !== 0) next[n]!++;
    return next[n]! < end ? next[n]! : null;
  };
  for (let n = 0; n < graph.states.length; n++) {
    while (freshEdgeOf(n) !== null) {
      const trace = wayTo(graph, n);
      for (const edge of trace) isTaken[edge] = 1;
      for (let edge = freshEdgeOf(n); edge !== null; edge = freshEdgeOf(graph.targets[edge]!)) {
        isTaken[edge] = 1;
        trace.push(edge);
      }
      yield trace;
    }
  }
}

/** A way of `length` edges, or up to where nothing is left to do, chosen by `random`: 0 to below 1. */
export function randomTrace(graph: Graph, length: number, random: () => number): number[] {
  const trace: number[] = [];
  for (let n = 0; trace.length < length; n = graph.targets[trace.at(-1)!]!) {
    const first = graph.firstEdge[n]!;
    const edges = graph.firstEdge[n + 1]! - first;
    if (edges === 0) break;
    trace.push(first + Math.floor(random() * edges));
  }
  return trace;
}
