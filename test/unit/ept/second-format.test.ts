// The builder with a format other than EPT, and a walker for that format: nested paging as AMD has it (APM 2 5.3, 15.25).

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { GIB_1, KIB_4, Machine, MIB_2, R, RW, RWX, RX, W } from "./fixture.ts";
import { compileHarness, type Handle } from "./machine.ts";
import { Random } from "./random.ts";

interface NestedPage {
  host: bigint;
  bytes: bigint;
  permissions: number;
  patIndex: number;
}

describe("the builder with the nested-paging format", () => {
  let module: WebAssembly.Module;
  before(async () => {
    module = await compileHarness();
  });

  /** Translates an address from the raw bytes; undefined where it is not present. */
  function walk(machine: Machine, root: bigint, guest: bigint): NestedPage | undefined {
    let table = root;
    for (const shift of [39n, 30n, 21n, 12n]) {
      const entry = machine.memory.read64(table + 8n * ((guest >> shift) & 0x1ffn));
      const bit = (n: bigint): boolean => ((entry >> n) & 1n) === 1n;
      if (!bit(0n)) {
        assert.equal(entry, 0n);
        return undefined;
      }
      assert.ok(bit(2n), "every nested entry is a user entry");
      const isLarge = shift > 12n && bit(7n);
      if (shift > 12n && !isLarge) {
        assert.ok(bit(1n) && !bit(63n), "a reference to a table restricts nothing");
        table = entry & 0xffffffffff000n;
        continue;
      }
      const bytes = 1n << shift;
      const addressLow = isLarge ? 0x1fffn : 0xfffn;
      const host = entry & 0xfffffffffffffn & ~addressLow;
      assert.equal(host % bytes, 0n, "a large page is aligned to its size");
      const patIndex = Number(bit(3n)) + 2 * Number(bit(4n)) + 4 * Number(bit(isLarge ? 12n : 7n));
      const permissions = R | (bit(1n) ? W : 0) | (bit(63n) ? 0 : 4);
      return { host: host + (guest & (bytes - 1n)), bytes, permissions, patIndex };
    }
    throw new Error("a PTE is never a reference to a table");
  }

  async function create(): Promise<{ machine: Machine; tables: Handle; root: bigint }> {
    const machine = await Machine.create(module);
    const tables = machine.harness.createNestedPagingTables(machine.pool, machine.addressBits);
    const root = machine.harness.poolPhysicalAddress(machine.pool, machine.harness.tablesRoot(tables));
    return { machine, tables, root };
  }

  test("moves the PAT bit when it splits pages of all sizes", async () => {
    const { machine, tables, root } = await create();
    const { harness } = machine;
    assert.equal(harness.tablesMap(tables, 0n, GIB_1, GIB_1, RX, 5), 0);
    assert.deepEqual(walk(machine, root, 0x5123n), {
      host: GIB_1 + 0x5123n,
      bytes: GIB_1,
      permissions: RX,
      patIndex: 5,
    });
    assert.equal(harness.tablesProtect(tables, 0n, KIB_4, RW), 0);
    assert.deepEqual(walk(machine, root, 0n), { host: GIB_1, bytes: KIB_4, permissions: RW, patIndex: 5 });
    const beside = { host: GIB_1 + KIB_4, bytes: KIB_4, permissions: RX, patIndex: 5 };
    assert.deepEqual(walk(machine, root, KIB_4), beside);
    const behind = { host: GIB_1 + MIB_2, bytes: MIB_2, permissions: RX, patIndex: 5 };
    assert.deepEqual(walk(machine, root, MIB_2), behind);
  });

  test("reports changes by the format's own rule", async () => {
    const { machine, tables } = await create();
    const { harness } = machine;
    assert.equal(harness.tablesInvalidationIsPending(tables), 1);
    harness.tablesClearPendingInvalidation(tables);
    harness.tablesMap(tables, 0n, 0n, KIB_4, R, 0);
    assert.equal(harness.tablesInvalidationIsPending(tables), 0);
    // EPT needs no invalidation to give a permission; this format asks for one at every change.
    harness.tablesProtect(tables, 0n, KIB_4, RWX);
    assert.equal(harness.tablesInvalidationIsPending(tables), 1);
  });

  test("agrees with a walker of its own over a random map, and leaks no table", async () => {
    const { machine, tables, root } = await create();
    const { harness } = machine;
    const random = new Random(4);
    const model = new Map<bigint, { host: bigint; permissions: number; patIndex: number }>();
    const window = 3 * 512;
    for (let step = 0; step < 1200; step++) {
      const pages = random.pick([1, 5, 512, 512, 700]);
      const guest =
        GIB_1 - MIB_2 + KIB_4 * BigInt(pages === 512 ? 512 * random.below(3) : random.below(window - pages));
      const bytes = KIB_4 * BigInt(pages);
      const permissions = random.pick([R, RW, RX, RWX]);
      const inRange = Array.from({ length: pages }, (_, n) => guest + KIB_4 * BigInt(n));
      const mapped = inRange.filter((page) => model.has(page));
      if (mapped.length === 0) {
        const host = MIB_2 * BigInt(random.below(64)) + (random.chance(30) ? KIB_4 : 0n);
        const patIndex = random.below(8);
        assert.equal(machine.name(harness.tablesMap(tables, guest, host, bytes, permissions, patIndex)), "MAPPING_OK");
        for (const page of inRange) model.set(page, { host: host + (page - guest), permissions, patIndex });
      } else if (mapped.length < pages) {
        assert.equal(machine.name(harness.tablesUnmap(tables, guest, bytes)), "MAPPING_NOT_MAPPED");
        for (const page of mapped) {
          assert.equal(machine.name(harness.tablesUnmap(tables, page, KIB_4)), "MAPPING_OK");
          model.delete(page);
        }
      } else if (random.chance(50)) {
        assert.equal(machine.name(harness.tablesProtect(tables, guest, bytes, permissions)), "MAPPING_OK");
        for (const page of inRange) model.set(page, { ...model.get(page), permissions } as never);
      } else {
        assert.equal(machine.name(harness.tablesUnmap(tables, guest, bytes)), "MAPPING_OK");
        for (const page of inRange) model.delete(page);
      }
      for (let sample = 0; sample < 12; sample++) {
        const page = GIB_1 - MIB_2 + KIB_4 * BigInt(random.below(window));
        const found = walk(machine, root, page);
        const expected = model.get(page);
        assert.deepEqual(
          found && { host: found.host, permissions: found.permissions, patIndex: found.patIndex },
          expected,
        );
        const query = machine.query((into) => harness.tablesQuery(tables, page, into));
        if (typeof query === "string") assert.equal(found, undefined);
        else {
          assert.deepEqual(
            { host: query.host, bytes: query.bytes, permissions: query.permissions, patIndex: query.memoryType },
            found,
          );
        }
      }
    }
    for (const page of model.keys()) harness.tablesUnmap(tables, page, KIB_4);
    assert.equal(machine.inUse, 1);
    harness.tablesRelease(tables);
    assert.equal(machine.inUse, 0);
  });
});
