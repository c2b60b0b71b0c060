// Every interleaving of three CPUs that ask each other and take a lock, and the defects that would show there.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Action, explore } from "./explore.ts";
import { Model } from "./model.ts";
import {
  BROADCAST,
  CHAIN,
  GIVE_UP_TOGETHER,
  GIVES_UP,
  LOCK,
  LOCK_AND_MAIL,
  PAIR,
  RING,
  type Scenario,
  SCENARIOS,
  TWO_ASK_ONE,
} from "./scenario.ts";
import type { Defect } from "./turn.ts";

const FOREVER = "the CPUs wait for each other forever";
const SLEEPS = "CPU 2 sleeps, and has mail";
const BOTH_HOLD = "two CPUs hold the lock";
const OTHER_ANSWER = "a CPU takes another answer for its own";

const DEFECTS: readonly (readonly [Defect, Scenario, string])[] = [
  ["bit before request", TWO_ASK_ONE, FOREVER],
  ["ring before bit", CHAIN, SLEEPS],
  ["no ring", TWO_ASK_ONE, SLEEPS],
  ["sleep without a look", RING, SLEEPS],
  ["clear without taking", TWO_ASK_ONE, FOREVER],
  ["no serving while waiting", RING, FOREVER],
  ["no serving while waiting", PAIR, FOREVER],
  ["no serving while waiting", BROADCAST, FOREVER],
  ["no sequence", GIVES_UP, OTHER_ANSWER],
  ["no sequence", TWO_ASK_ONE, OTHER_ANSWER],
  ["no withdrawal", GIVES_UP, "what was withdrawn is carried out"],
  ["no last look", GIVE_UP_TOGETHER, "an answer that is there counts as none"],
  ["node marked behind the exchange", LOCK, BOTH_HOLD],
  ["no wait for the node", LOCK_AND_MAIL, BOTH_HOLD],
  ["node kept", LOCK, FOREVER],
  ["plain lock", LOCK, "CPU 1 was passed in the lock's queue"],
  ["no barrier", LOCK, BOTH_HOLD],
  ["no barrier", GIVES_UP, "a request is carried out twice"],
];

describe("the model of mailbox and lock", () => {
  for (const scenario of SCENARIOS) {
    it(`${scenario.name}: none waits forever, every request is answered once, and one holds the lock`, (t) => {
      const found = explore(new Model(scenario));
      assert.ok(!("text" in found), "text" in found ? `${found.text}:\n${textOf(found.trace)}` : "");
      t.diagnostic(`${found.states.length} states, ${found.targets.length} steps`);
      assert.ok(found.states.length > 1000, "so few states are not all interleavings");
    });
  }

  for (const [defect, scenario, text] of DEFECTS) {
    it(`with the defect "${defect}" breaks a property where ${scenario.name}`, () => {
      const found = explore(new Model(scenario, defect));
      assert.ok("text" in found, "the defect is not found");
      assert.equal(found.text, text);
    });
  }
});

function textOf(trace: readonly Action[]): string {
  return trace.map(({ cpu, operation }) => `CPU ${cpu}: ${JSON.stringify(operation)}`).join("\n");
}
