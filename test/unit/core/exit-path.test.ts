// What an exit costs: VMCS accesses, and memory, of which it may take none.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertEnd } from "./assertions.ts";
import { cpuid, externalInterrupt, nmi, vmcall, type Exit, type Script } from "./machine/exits.ts";
import type { Guest } from "./machine/guest.ts";
import { interpreted } from "./machine/interpreter.ts";
import { boot, Machine } from "./machine/machine.ts";
import { reason } from "./machine/tables.ts";

/** VMCS accesses of each exit of guest `guest` but its last, whose end is the summary's. */
function costs(guest: string, name: string): number[] {
  const run = boot({ commandLine: `guest=${guest} iterations=20` });
  assertEnd(run, "ok");
  const exits = run.machine.entry.records.filter((record) => record.reason === reason(name));
  assert.equal(exits.length, 20);
  return exits.slice(0, 19).map(({ accesses }) => accesses);
}

test("a CPUID exit makes 4 VMCS accesses where the same instruction exits again and again", () => {
  const [first, ...further] = costs("count", "EXIT_REASON_CPUID");
  assert.equal(first, 6);
  assert.deepEqual(new Set(further), new Set([4]), "EXIT_REASON, RIP, the instruction length, and RIP again");
});

test("an instruction that exits for the first time costs two more, for its shadow and its single step", () => {
  assert.deepEqual(new Set(costs("hlt", "EXIT_REASON_HLT")), new Set([6]));
});

test("an external interrupt and an NMI make no more VMCS accesses than they have to", () => {
  const script: Script = () => [externalInterrupt, nmi, vmcall][Symbol.iterator]();
  const { records } = boot({ commandLine: "guest=count", scripts: [script] }).machine.entry;
  assert.deepEqual(
    records.slice(0, 2).map(({ accesses }) => accesses),
    [1, 2],
  );
});

/** Core's own part of its memory, and the part of an area that objects are in (hv/core/vm-area.ts). */
const HEAP = [0, 0x400000] as const;
const OBJECT_BYTES = 0x10000;

/** The end of what objects have taken of a part of core's memory: their headers are not 0, and all behind them is 0. */
function end(machine: Machine, start: number, bytes: number): number {
  const words = new BigUint64Array(machine.core.buffer, start, bytes / 8);
  return words.findLastIndex((word) => word !== 0n) * 8;
}

/** Of core's own heap, and of the objects of the only VM. */
function heapEnd(machine: Machine): [number, number] {
  const [area = 0] = machine.areas.values();
  return [end(machine, ...HEAP), end(machine, area, OBJECT_BYTES)];
}

type Ends = readonly [number, number];

/** Runs guests, and notes the heap's end at the tenth exit and at the thousandth of each. */
function heapEnds(commandLine: string): [Ends, Ends][] {
  const ends: [Ends, Ends][] = [];
  const script: Script = function* (guest: Guest): Generator<Exit> {
    const exits = interpreted(guest);
    let atStart: Ends = [0, 0];
    for (let count = 1; ; count++) {
      const next = exits.next();
      if (next.done) return;
      if (count === 10) atStart = heapEnd(machine);
      if (count === 1000) ends.push([atStart, heapEnd(machine)]);
      yield next.value;
    }
  };
  const machine = new Machine({ commandLine, scripts: [script] });
  assertEnd(machine.run(), "ok");
  return ends;
}

test("a thousand exits take no memory, and another VM takes none of core's own", () => {
  const ends = heapEnds("guest=count,hlt iterations=1000");
  assert.equal(ends.length, 2);
  for (const [before, after] of ends) {
    assert.deepEqual(after, before);
    assert.ok(before[1] > 10000, "the VM's objects are in its area, so that more of them would be seen");
  }
  assert.equal(ends[0]?.[0][0], ends[1]?.[0][0]);
});

test("the ticks of exits are summed up by reason", () => {
  const run = boot({ commandLine: "guest=count iterations=500" });
  assertEnd(run, "ok", /exit 10 CPUID: 500 exits, 500 ticks, 1 each$/);
  assert.ok(run.machine.entry.records.every(({ reason }) => reason === cpuid.reason || reason === vmcall.reason));
});
