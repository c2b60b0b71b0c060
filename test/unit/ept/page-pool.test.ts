// The page pool: zeroed, aligned pages, each handed out to one owner at a time.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { Machine } from "./fixture.ts";
import { compileHarness } from "./machine.ts";

const PAGES = 5;

describe("the page pool", () => {
  let module: WebAssembly.Module;
  before(async () => {
    module = await compileHarness();
  });

  async function drainedPool(): Promise<{ machine: Machine; pages: number[] }> {
    const machine = await Machine.create(module, { poolPages: PAGES });
    const pages = Array.from({ length: PAGES }, () => machine.harness.poolAllocate(machine.pool));
    return { machine, pages };
  }

  function isZeroed(machine: Machine, page: number): boolean {
    return new Uint8Array(machine.harness.memory.buffer, page, 4096).every((byte) => byte === 0);
  }

  test("hands out each page once, 4-KiB aligned and zeroed, and then returns 0", async () => {
    const { machine, pages } = await drainedPool();
    assert.equal(new Set(pages).size, PAGES);
    for (const page of pages) {
      assert.notEqual(page, 0);
      assert.equal(page % 4096, 0);
      assert.ok(isZeroed(machine, page));
    }
    assert.equal(machine.harness.poolAllocate(machine.pool), 0);
  });

  test("counts the pages in use and those available", async () => {
    const { machine, pages } = await drainedPool();
    assert.equal(machine.harness.poolInUse(machine.pool), PAGES);
    assert.equal(machine.harness.poolAvailable(machine.pool), 0);
    machine.harness.poolFree(machine.pool, pages[2] as number);
    assert.equal(machine.harness.poolInUse(machine.pool), PAGES - 1);
    assert.equal(machine.harness.poolAvailable(machine.pool), 1);
  });

  test("hands out freed pages again, zeroed whatever was written to them", async () => {
    const { machine, pages } = await drainedPool();
    for (const page of pages) {
      new Uint8Array(machine.harness.memory.buffer, page, 4096).fill(0xff);
      machine.harness.poolFree(machine.pool, page);
    }
    const again = pages.map(() => machine.harness.poolAllocate(machine.pool));
    assert.deepEqual(again.toSorted(), pages.toSorted());
    for (const page of again) assert.ok(isZeroed(machine, page));
  });

  test("gives a page's host-physical address as the base of core memory plus its pointer", async () => {
    const machine = await Machine.create(module, { physicalBase: 0x7_0000_0000n });
    const page = machine.harness.poolAllocate(machine.pool);
    assert.equal(machine.harness.poolPhysicalAddress(machine.pool, page), 0x7_0000_0000n + BigInt(page));
  });

  test("ends the run when a page is freed that it never handed out", async () => {
    const { machine, pages } = await drainedPool();
    const first = Math.min(...pages);
    const last = Math.max(...pages);
    for (const foreign of [first - 4096, first + 8, last + 4096, 0]) {
      assert.throws(() => machine.harness.poolFree(machine.pool, foreign), /never handed out/);
    }
    assert.equal(machine.harness.poolInUse(machine.pool), PAGES);
  });
});
