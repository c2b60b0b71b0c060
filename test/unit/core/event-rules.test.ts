// Which event a guest gets, and what two of them make: each case there is, held against the SDM's tables.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadHarness } from "../vmm/harness.ts";

interface Harness {
  combine(first: number, vector: number): number;
  nextEvent(state: number): number;
}
const harness = await loadHarness<Harness>("../core/events-harness.ts");

/** SDM 3A table 6-4; what is in no row is benign. */
const contributory = [0, 10, 11, 12, 13, 21];
const pageFaults = [14, 20];
const classOf = (vector: number): string =>
  vector === 8
    ? "double"
    : contributory.includes(vector)
      ? "contributory"
      : pageFaults.includes(vector)
        ? "page"
        : "benign";

/** SDM 3A table 6-5: rows are the first exception, columns the second. */
const table: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  benign: { benign: "second", contributory: "second", page: "second", double: "second" },
  contributory: { benign: "second", contributory: "double fault", page: "second", double: "second" },
  page: { benign: "second", contributory: "double fault", page: "double fault", double: "second" },
  double: { benign: "second", contributory: "triple fault", page: "triple fault", double: "second" },
};
const outcomes = ["second", "double fault", "triple fault"];
const HARDWARE_EXCEPTION = 3;

test("each pair of exceptions is delivered, makes a double fault or a triple fault, as the SDM's table says", () => {
  for (let first = 0; first < 32; first++) {
    for (let second = 0; second < 32; second++) {
      const found = outcomes[harness.combine(0x80000000 | (HARDWARE_EXCEPTION << 8) | first, second)];
      assert.equal(found, table[classOf(first)]?.[classOf(second)], `${second} while ${first} is delivered`);
    }
  }
});

test("interrupts, NMIs and INT n never make a double fault, whatever their vector and the exception are", () => {
  for (const type of [0, 2, 4, 5, 6]) {
    for (let vector = 0; vector < 256; vector++) {
      for (let second = 0; second < 32; second++) {
        assert.equal(harness.combine(0x80000000 | (type << 8) | vector, second), 0, `type ${type}, vector ${vector}`);
      }
    }
  }
});

test("of all that waits, and all that blocks, the SDM's order of priority decides", () => {
  const names = ["recognised", "trap", "nmi", "interrupt", "nmiBlocked", "sti", "movSs", "if"] as const;
  let delivered = 0;
  for (let state = 0; state < 256; state++) {
    const is = Object.fromEntries(names.map((name, i) => [name, (state >> i) % 2 === 1])) as Record<
      (typeof names)[number],
      boolean
    >;
    // SDM 3A table 6-2 from the top, 6.8.1 and 6.8.3 for what blocks.
    const order: readonly (readonly [number, boolean])[] = [
      [1, is.recognised],
      [0, is.trap],
      [2, is.nmi && !is.nmiBlocked && !is.movSs],
      [3, is.interrupt && is.if && !is.sti && !is.movSs],
    ];
    const expected = order.find(([, isDue]) => isDue)?.[0] ?? 0;
    assert.equal(harness.nextEvent(state), expected, JSON.stringify(is));
    if (expected !== 0) delivered++;
  }
  assert.ok(delivered > 128 && delivered < 256);
});
