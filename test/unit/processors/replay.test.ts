// The code of hv/core/processors does, operation by operation, what the model does.
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { explore, type Graph } from "./explore.ts";
import { compileHarness, type Mutation } from "./harness.ts";
import { Model } from "./model.ts";
import { Replayer } from "./replay.ts";
import { RING, CHAIN, GIVES_UP, LOCK, LOCK_AND_RING, PAIR, type Scenario, SCENARIOS } from "./scenario.ts";
import { coveringTraces, randomTrace } from "./traces.ts";

const RANDOM_TRACES = 500;
const RANDOM_STEPS = 400;
const SEED = 0x2545f491;

/** Operations on shared words with interrupts off, as hv/core/processors/mailbox.ts says: no wait is longer. */
const MOST_OPERATIONS = 5;

/** Defects of the code, and where they show. */
const MUTATIONS: readonly (Mutation & { readonly says: string; readonly scenario: Scenario })[] = [
  {
    says: "rings before the bit is set",
    scenario: CHAIN,
    file: "mailbox.ts",
    from: "    sharedOr(pendingWord(receiver), (<u64>1) << this.cpu);\n    this.bell.ring(receiver);\n",
    to: "    this.bell.ring(receiver);\n    sharedOr(pendingWord(receiver), (<u64>1) << this.cpu);\n",
  },
  {
    says: "does not serve while it waits",
    scenario: PAIR,
    file: "mailbox.ts",
    from: "      this.serve();\n      relax();\n",
    to: "      relax();\n",
  },
  {
    says: "sleeps without a look",
    scenario: CHAIN,
    file: "mailbox.ts",
    from: "if (!this.serve()) waitForInterrupt();",
    to: "waitForInterrupt();\n    this.serve();",
  },
  {
    says: "takes any answer for its own",
    scenario: GIVES_UP,
    file: "mail.ts",
    from: "return answer >> SEQUENCE_SHIFT == request >> SEQUENCE_SHIFT;",
    to: "return answer != 0 && request != 0;",
  },
  {
    says: "does not withdraw what it gives up",
    scenario: GIVES_UP,
    file: "mailbox.ts",
    from: "if (sharedExchange(requestWord(this.cpu, receiver), 0) != 0)",
    to: "if (sharedLoad(requestWord(this.cpu, receiver)) != 0)",
  },
  {
    says: "tells a withdrawn request and a running one apart wrongly",
    scenario: GIVES_UP,
    file: "mailbox.ts",
    from: "valueOf(answer) : MAIL_UNANSWERED",
    to: "valueOf(answer) : MAIL_WITHDRAWN",
  },
  {
    says: "keeps its node in the lock's queue",
    scenario: LOCK,
    file: "lock.ts",
    from: "    this.node = this.before;\n",
    to: "",
  },
  {
    says: "waits for a lock with interrupts off",
    scenario: LOCK_AND_RING,
    file: "lock.ts",
    from: "      relax();\n",
    to: "",
  },
];

describe("the code of mailbox and lock", () => {
  let module: WebAssembly.Module;
  before(async () => (module = await compileHarness()));

  for (const scenario of SCENARIOS) {
    it(`goes every way of the model's where ${scenario.name}`, (t) => {
      const graph = graphOf(scenario);
      const replayer = new Replayer(module, scenario, graph);
      let traces = 0;
      for (const trace of coveringTraces(graph)) {
        replayer.replay(trace);
        traces++;
      }
      const random = randomNumbers(SEED);
      for (let n = 0; n < RANDOM_TRACES; n++) replayer.replay(randomTrace(graph, RANDOM_STEPS, random));
      t.diagnostic(`${graph.targets.length} steps of the model in ${traces} traces, and ${RANDOM_TRACES} at random`);
      assert.ok(
        replayer.mostOperations <= MOST_OPERATIONS,
        `${replayer.mostOperations} operations with interrupts off`,
      );
      if (scenario === RING) assert.equal(replayer.mostOperations, MOST_OPERATIONS);
    });
  }

  for (const { says, scenario, ...mutation } of MUTATIONS) {
    it(`differs from the model if it ${says}`, async () => {
      const graph = graphOf(scenario);
      const replayer = new Replayer(await compileHarness(mutation), scenario, graph);
      assert.throws(() => {
        for (const trace of coveringTraces(graph)) replayer.replay(trace);
      }, /in the code, and .* in the model|the model is not|has \d+ from ask \d+, the model/);
    });
  }
});

function graphOf(scenario: Scenario): Graph {
  const graph = explore(new Model(scenario));
  assert.ok(!("text" in graph), "model.test.ts finds this scenario right");
  return graph;
}

/** xorshift32: the same numbers each time, 0 to below 1. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
