// Map, unmap, protect and query of an EPT, by example: page sizes, splitting, refusals, and what a refusal leaves behind.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import {
  ALL_CAPABILITIES,
  EXECUTE_ONLY,
  GIB_1,
  GUEST_END,
  KIB_4,
  Machine,
  type MachineOptions,
  MIB_2,
  PAGES_1_GIB,
  PAGES_2_MIB,
  R,
  RW,
  RWX,
  RX,
  type TestEpt,
  TYPE_UC,
  TYPE_WB,
  W,
  X,
} from "./fixture.ts";
import { compileHarness } from "./machine.ts";
import { plainMtrrs, range } from "./mtrr-model.ts";

describe("the EPT builder", () => {
  let module: WebAssembly.Module;
  before(async () => {
    module = await compileHarness();
  });

  async function create(options: MachineOptions = {}): Promise<{ machine: Machine; ept: TestEpt }> {
    const machine = await Machine.create(module, options);
    const ept = machine.createEpt();
    assert.equal(ept.status, "MAPPING_OK");
    return { machine, ept };
  }

  /** The size and the number of pages in a tree, such as ["2 MiB x 3"]. */
  function sizes(ept: TestEpt): string[] {
    const counts = new Map<bigint, number>();
    for (const page of ept.survey().pages) counts.set(page.bytes, (counts.get(page.bytes) ?? 0) + 1);
    const names = new Map([
      [KIB_4, "4 KiB"],
      [MIB_2, "2 MiB"],
      [GIB_1, "1 GiB"],
    ]);
    return [...counts].toSorted(([a], [b]) => Number(b - a)).map(([bytes, count]) => `${names.get(bytes)} x ${count}`);
  }

  /** Every entry of a tree, to see that a refused operation changed nothing. */
  function snapshot(machine: Machine, ept: TestEpt): string {
    const { pages, tables } = ept.survey();
    const entries = pages.map((page) => page.entries.map((address) => machine.memory.read64(address)));
    return JSON.stringify({ tables, entries }, (_key, value: unknown) =>
      typeof value === "bigint" ? value.toString(16) : value,
    );
  }

  describe("chooses the largest page that fits", () => {
    test("a 1-GiB page for an aligned gibibyte", async () => {
      const { ept } = await create();
      assert.equal(ept.map(0n, GIB_1, GIB_1, RWX), "MAPPING_OK");
      assert.deepEqual(sizes(ept), ["1 GiB x 1"]);
    });

    test("2-MiB pages where the processor has no 1-GiB pages", async () => {
      const { ept } = await create({ capabilities: ALL_CAPABILITIES & ~PAGES_1_GIB });
      assert.equal(ept.map(0n, GIB_1, GIB_1, RWX), "MAPPING_OK");
      assert.deepEqual(sizes(ept), ["2 MiB x 512"]);
    });

    test("4-KiB pages where the processor has no larger ones", async () => {
      const { ept } = await create({ capabilities: ALL_CAPABILITIES & ~(PAGES_1_GIB | PAGES_2_MIB) });
      assert.equal(ept.map(0n, 0n, 2n * MIB_2, RWX), "MAPPING_OK");
      assert.deepEqual(sizes(ept), ["4 KiB x 1024"]);
    });

    test("4-KiB pages where guest and host are not aligned alike", async () => {
      const { ept } = await create();
      assert.equal(ept.map(0n, KIB_4, 2n * MIB_2, RWX), "MAPPING_OK");
      assert.deepEqual(sizes(ept), ["4 KiB x 1024"]);
    });

    test("all three sizes for a range that begins and ends between them", async () => {
      const { ept } = await create();
      const guest = GIB_1 - MIB_2 - KIB_4;
      assert.equal(ept.map(guest, 4n * GIB_1 + guest, GIB_1 + 2n * MIB_2 + 2n * KIB_4, RWX), "MAPPING_OK");
      assert.deepEqual(sizes(ept), ["1 GiB x 1", "2 MiB x 2", "4 KiB x 2"]);
      ept.walk(GIB_1 - 1n);
    });

    test("none that spans two memory types", async () => {
      const variable = [range(3n * GIB_1, KIB_4, TYPE_UC, 39)];
      const { ept } = await create({ mtrrs: { ...plainMtrrs(TYPE_WB), variable } });
      assert.equal(ept.map(0n, 3n * GIB_1, GIB_1, RWX), "MAPPING_OK");
      assert.deepEqual(sizes(ept), ["2 MiB x 511", "4 KiB x 512"]);
      const first = ept.walk(0n);
      const second = ept.walk(KIB_4);
      assert.ok(first.kind === "page" && first.memoryType === TYPE_UC);
      assert.ok(second.kind === "page" && second.memoryType === TYPE_WB);
    });

    test("one of UC where the MTRRs are disabled, never a default", async () => {
      const { ept } = await create({ mtrrs: { ...plainMtrrs(TYPE_WB), isEnabled: false } });
      assert.equal(ept.map(0n, GIB_1, GIB_1, RWX), "MAPPING_OK");
      const walk = ept.walk(0n);
      assert.ok(walk.kind === "page" && walk.memoryType === TYPE_UC && walk.bytes === GIB_1);
    });
  });

  describe("splits a large page", () => {
    test("into 2-MiB and 4-KiB pages when 4 KiB of a gibibyte are unmapped, and frees the tables with the rest", async () => {
      const { machine, ept } = await create();
      const before = machine.inUse;
      assert.equal(ept.map(0n, GIB_1, GIB_1, RW), "MAPPING_OK");
      assert.equal(ept.unmap(MIB_2 + KIB_4, KIB_4), "MAPPING_OK");
      assert.deepEqual(sizes(ept), ["2 MiB x 511", "4 KiB x 511"]);
      assert.equal(ept.walk(MIB_2 + KIB_4).kind, "not present");
      const walk = ept.walk(MIB_2 + 2n * KIB_4);
      assert.ok(walk.kind === "page" && walk.host === GIB_1 + MIB_2 + 2n * KIB_4 && walk.permissions === RW);
      assert.equal(ept.unmap(0n, MIB_2 + KIB_4), "MAPPING_OK");
      assert.equal(ept.unmap(MIB_2 + 2n * KIB_4, GIB_1 - MIB_2 - 2n * KIB_4), "MAPPING_OK");
      assert.equal(machine.inUse, before);
    });

    test("only where an end of the range cuts it", async () => {
      const { ept } = await create();
      ept.map(0n, 0n, 4n * MIB_2, RWX);
      assert.equal(ept.protect(MIB_2 - KIB_4, MIB_2 + 2n * KIB_4, R), "MAPPING_OK");
      assert.deepEqual(sizes(ept), ["2 MiB x 2", "4 KiB x 1024"]);
    });

    test("not when its permissions are already those asked for", async () => {
      const { ept } = await create();
      ept.map(0n, 0n, GIB_1, RX);
      assert.equal(ept.protect(KIB_4, KIB_4, RX), "MAPPING_OK");
      assert.deepEqual(sizes(ept), ["1 GiB x 1"]);
    });

    test("and keeps type, permissions and the accessed and dirty flags in every part", async () => {
      const { machine, ept } = await create();
      ept.map(0n, GIB_1, MIB_2, RW);
      const walk = ept.walk(0n);
      assert.ok(walk.kind === "page");
      const leaf = walk.entries.at(-1) as bigint;
      machine.memory.write64(leaf, machine.memory.read64(leaf) | (3n << 8n));
      assert.equal(ept.unmap(0n, KIB_4), "MAPPING_OK");
      for (const page of ept.survey().pages) {
        assert.ok(page.isAccessed && page.isDirty && page.permissions === RW && page.memoryType === TYPE_WB);
        assert.equal(page.host - GIB_1, page.guest);
      }
      ept.walk(KIB_4);
    });
  });

  describe("refuses", () => {
    const refusals: [string, (ept: TestEpt) => string, string][] = [
      ["an empty range", (ept) => ept.map(0n, 0n, 0n, RWX), "MAPPING_RANGE_EMPTY"],
      ["a guest address that is not aligned", (ept) => ept.map(1n, 0n, KIB_4, RWX), "MAPPING_NOT_ALIGNED"],
      ["a host address that is not aligned", (ept) => ept.map(0n, 0x800n, KIB_4, RWX), "MAPPING_NOT_ALIGNED"],
      ["a length that is not aligned", (ept) => ept.map(0n, 0n, KIB_4 + 8n, RWX), "MAPPING_NOT_ALIGNED"],
      [
        "a guest range that passes 2^48",
        (ept) => ept.map(GUEST_END - KIB_4, 0n, 2n * KIB_4, RWX),
        "MAPPING_GUEST_ADDRESS_TOO_WIDE",
      ],
      ["a guest address of 2^48", (ept) => ept.map(GUEST_END, 0n, KIB_4, RWX), "MAPPING_GUEST_ADDRESS_TOO_WIDE"],
      [
        "a guest range that wraps around 2^64",
        (ept) => ept.map((1n << 64n) - KIB_4, 0n, 2n * KIB_4, RWX),
        "MAPPING_GUEST_ADDRESS_TOO_WIDE",
      ],
      [
        "a length that wraps around 2^64",
        (ept) => ept.map(KIB_4, 0n, (1n << 64n) - KIB_4, RWX),
        "MAPPING_GUEST_ADDRESS_TOO_WIDE",
      ],
      [
        "a host range that passes MAXPHYADDR",
        (ept) => ept.map(0n, (1n << 39n) - KIB_4, 2n * KIB_4, RWX),
        "MAPPING_HOST_ADDRESS_TOO_WIDE",
      ],
      [
        "a host range that wraps around 2^64",
        (ept) => ept.map(0n, (1n << 64n) - KIB_4, 2n * KIB_4, RWX),
        "MAPPING_HOST_ADDRESS_TOO_WIDE",
      ],
      ["a page without any access", (ept) => ept.map(0n, 0n, KIB_4, 0), "MAPPING_WITHOUT_ACCESS"],
      ["an unknown permission", (ept) => ept.map(0n, 0n, KIB_4, 8 | R), "MAPPING_UNKNOWN_PERMISSION"],
      ["a page that is writable but not readable", (ept) => ept.map(0n, 0n, KIB_4, W), "MAPPING_WRITE_WITHOUT_READ"],
      ["W and X without R", (ept) => ept.map(0n, 0n, KIB_4, W | X), "MAPPING_WRITE_WITHOUT_READ"],
      ["to protect with no access", (ept) => ept.protect(GIB_1, KIB_4, 0), "MAPPING_WITHOUT_ACCESS"],
      ["to unmap what is not mapped", (ept) => ept.unmap(0n, KIB_4), "MAPPING_NOT_MAPPED"],
      ["to protect what is not mapped", (ept) => ept.protect(0n, KIB_4, R), "MAPPING_NOT_MAPPED"],
      [
        "to unmap a range with a gap at its end",
        (ept) => ept.unmap(GIB_1 + 3n * MIB_2, 2n * MIB_2),
        "MAPPING_NOT_MAPPED",
      ],
      [
        "to protect a range with a gap at its start",
        (ept) => ept.protect(GIB_1 - KIB_4, 2n * KIB_4, R),
        "MAPPING_NOT_MAPPED",
      ],
      ["an overlap in a large page", (ept) => ept.map(GIB_1 + KIB_4, 0n, KIB_4, RWX), "MAPPING_OVERLAPS"],
      ["an overlap at the end", (ept) => ept.map(GIB_1 - MIB_2, 0n, MIB_2 + KIB_4, RWX), "MAPPING_OVERLAPS"],
      ["a large page over smaller ones", (ept) => ept.map(GIB_1, 4n * GIB_1, GIB_1, RWX), "MAPPING_OVERLAPS"],
      ["an unaligned unmap", (ept) => ept.unmap(GIB_1 + 1n, KIB_4), "MAPPING_NOT_ALIGNED"],
      ["an unmap past 2^48", (ept) => ept.unmap(GUEST_END - KIB_4, 2n * KIB_4), "MAPPING_GUEST_ADDRESS_TOO_WIDE"],
    ];
    for (const [what, operation, status] of refusals) {
      test(`${what} with ${status}, and changes nothing`, async () => {
        const { machine, ept } = await create();
        assert.equal(ept.map(GIB_1, 2n * GIB_1, 4n * MIB_2, RWX), "MAPPING_OK");
        const inUse = machine.inUse;
        const before = snapshot(machine, ept);
        assert.equal(operation(ept), status);
        assert.equal(snapshot(machine, ept), before);
        assert.equal(machine.inUse, inUse);
      });
    }

    test("execute-only pages unless the processor has them", async () => {
      const with_ = await create();
      assert.equal(with_.ept.map(0n, 0n, KIB_4, X), "MAPPING_OK");
      const walk = with_.ept.walk(0n);
      assert.ok(walk.kind === "page" && walk.permissions === X);
      const without = await create({ capabilities: ALL_CAPABILITIES & ~EXECUTE_ONLY });
      assert.equal(without.ept.map(0n, 0n, KIB_4, X), "MAPPING_EXECUTE_ONLY_UNSUPPORTED");
      assert.equal(without.ept.map(0n, 0n, KIB_4, RX), "MAPPING_OK");
      assert.equal(without.ept.protect(0n, KIB_4, X), "MAPPING_EXECUTE_ONLY_UNSUPPORTED");
    });

    test("memory types 2, 3 and 7 and whatever is no type", async () => {
      const machine = await Machine.create(module);
      const { harness } = machine;
      const tables = harness.createEptTables(machine.pool, ALL_CAPABILITIES, 39);
      const map = (type: number): string => machine.name(harness.tablesMap(tables, 0n, 0n, KIB_4, RWX, type));
      for (const type of [2, 3, 7, 8, 14, 32, 0x107, 0x200]) assert.equal(map(type), "MAPPING_MEMORY_TYPE_ILLEGAL");
      for (const type of [0, 1, 4, 5, 6]) {
        assert.equal(map(type), "MAPPING_OK");
        const walk = machine.walker.walk(harness.poolPhysicalAddress(machine.pool, harness.tablesRoot(tables)), 0n);
        assert.ok(walk.kind === "page" && walk.memoryType === type && !walk.ignoresPat);
        harness.tablesUnmap(tables, 0n, KIB_4);
      }
    });

    test("an illegal type that firmware left in an MTRR", async () => {
      const { ept } = await create({ mtrrs: plainMtrrs(3) });
      assert.equal(ept.map(0n, 0n, KIB_4, RWX), "MAPPING_MEMORY_TYPE_ILLEGAL");
    });
  });

  test("sets ignore-PAT, bit 6, only when asked to, and query returns it", async () => {
    const machine = await Machine.create(module);
    const { harness } = machine;
    const tables = harness.createEptTables(machine.pool, ALL_CAPABILITIES, 39);
    assert.equal(harness.tablesMap(tables, 0n, 0n, MIB_2, RWX, TYPE_WB | 0x100), 0);
    assert.equal(harness.tablesUnmap(tables, 0n, KIB_4), 0);
    const walk = machine.walker.walk(harness.poolPhysicalAddress(machine.pool, harness.tablesRoot(tables)), KIB_4);
    assert.ok(walk.kind === "page" && walk.memoryType === TYPE_WB && walk.ignoresPat);
    const found = machine.query((into) => harness.tablesQuery(tables, KIB_4, into));
    assert.ok(typeof found === "object" && found.memoryType === (TYPE_WB | 0x100));
  });

  describe("when the pool is exhausted", () => {
    test("refuses to map and leaves the tree as it was, however far the mapping would have come", async () => {
      for (let pages = 1; pages <= 7; pages++) {
        const { machine, ept } = await create({ poolPages: pages });
        // Three tables for each half, PDPT and PD shared: PDPT, PD, PT; and PDPT, PD, PT behind the next 512 GiB.
        const status = ept.map((1n << 39n) - KIB_4, KIB_4, 2n * KIB_4, RWX);
        assert.equal(status, pages === 7 ? "MAPPING_OK" : "MAPPING_POOL_EXHAUSTED", `${pages} pages`);
        assert.equal(machine.inUse, pages === 7 ? 7 : 1);
        assert.equal(ept.survey().pages.length, pages === 7 ? 2 : 0);
      }
    });

    test("refuses a mapping whose second memory type no longer fits, and takes the first back", async () => {
      const variable = [range(MIB_2, MIB_2, TYPE_UC, 39)];
      const { machine, ept } = await create({ poolPages: 4, mtrrs: { ...plainMtrrs(TYPE_WB), variable } });
      // The first 2 MiB take PDPT, PD and PT; the UC page behind them needs one more PT.
      assert.equal(ept.map(MIB_2 - KIB_4, MIB_2 - KIB_4, 2n * KIB_4, RWX), "MAPPING_POOL_EXHAUSTED");
      assert.equal(machine.inUse, 1);
      assert.deepEqual(ept.survey(), { pages: [], tables: 1 });
    });

    test("refuses to split, and leaves the large page whole", async () => {
      for (const poolPages of [2, 3]) {
        const { machine, ept } = await create({ poolPages });
        assert.equal(ept.map(0n, 0n, GIB_1, RWX), "MAPPING_OK");
        assert.equal(ept.unmap(KIB_4, KIB_4), "MAPPING_POOL_EXHAUSTED");
        assert.equal(ept.protect(KIB_4, KIB_4, R), "MAPPING_POOL_EXHAUSTED");
        assert.deepEqual(sizes(ept), ["1 GiB x 1"]);
        assert.equal(machine.inUse, 2);
        assert.equal(ept.unmap(0n, GIB_1), "MAPPING_OK");
      }
    });

    test("still protects part of a large page that has these permissions already", async () => {
      const { ept } = await create({ poolPages: 2 });
      assert.equal(ept.map(0n, 0n, GIB_1, RX), "MAPPING_OK");
      assert.equal(ept.protect(KIB_4, KIB_4, RX), "MAPPING_OK");
    });

    test("refuses a range that it could never map at once, rather than count its pages", async () => {
      const { ept } = await create({ capabilities: ALL_CAPABILITIES & ~(PAGES_1_GIB | PAGES_2_MIB), addressBits: 48 });
      assert.equal(ept.map(0n, 0n, 1n << 47n, RWX), "MAPPING_POOL_EXHAUSTED");
    });

    test("refuses to make an EPT at all", async () => {
      const machine = await Machine.create(module, { poolPages: 1 });
      machine.createEpt();
      const second = machine.createEpt();
      assert.equal(second.status, "MAPPING_POOL_EXHAUSTED");
      assert.equal(second.pointer, 0n);
      assert.equal(second.map(0n, 0n, KIB_4, RWX), "MAPPING_POOL_EXHAUSTED");
    });
  });

  test("maps up to the last page below 2^48 and the last host page below MAXPHYADDR", async () => {
    const { machine, ept } = await create();
    const before = machine.inUse;
    assert.equal(ept.map(GUEST_END - GIB_1, (1n << 39n) - GIB_1, GIB_1, RWX), "MAPPING_OK");
    assert.deepEqual(sizes(ept), ["1 GiB x 1"]);
    const walk = ept.walk(GUEST_END - 1n);
    assert.ok(walk.kind === "page" && walk.host === (1n << 39n) - GIB_1);
    assert.equal(ept.query(GUEST_END), "MAPPING_GUEST_ADDRESS_TOO_WIDE");
    assert.equal(ept.unmap(GUEST_END - KIB_4, KIB_4), "MAPPING_OK");
    assert.equal(ept.unmap(GUEST_END - GIB_1, GIB_1 - KIB_4), "MAPPING_OK");
    assert.equal(machine.inUse, before);
  });

  test("gives all its tables back when it is released, and then has no root", async () => {
    const { machine, ept } = await create();
    ept.map(0n, KIB_4, 3n * MIB_2, RWX);
    ept.map(1n << 40n, 0n, GIB_1, RWX);
    ept.release();
    assert.equal(machine.inUse, 0);
    assert.equal(ept.map(0n, 0n, KIB_4, RWX), "MAPPING_NO_ROOT");
    assert.equal(ept.unmap(0n, KIB_4), "MAPPING_NO_ROOT");
    assert.equal(ept.query(0n), "MAPPING_NO_ROOT");
    ept.release();
    assert.equal(machine.inUse, 0);
  });

  test("gives every status a name and a sentence of its own", async () => {
    const machine = await Machine.create(module);
    const names = Array.from({ length: 25 }, (_, status) => machine.name(status));
    assert.equal(new Set(names).size, 25);
    for (const name of names) assert.match(name, /^[A-Z_]+$/);
    assert.match(machine.name(25), /unknown/);
  });
});
