// Random sequences of map, unmap and protect: the builder against an independent walker and a reference model.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import {
  ALL_CAPABILITIES,
  EXECUTE_ONLY,
  Machine,
  PAGES_1_GIB,
  PAGES_2_MIB,
  R,
  RW,
  RWX,
  RX,
  type TestEpt,
  TYPE_UC,
  TYPE_WB,
  X,
} from "./fixture.ts";
import { compileHarness } from "./machine.ts";
import { type MtrrSettings, mtrrTypeOfPage, plainMtrrs, range } from "./mtrr-model.ts";
import { Random } from "./random.ts";
import { GIB_1, KIB_4, MIB_2, ReferenceModel } from "./reference-model.ts";

const ADDRESS_BITS = 39;

/** One kind of random sequence. */
interface Scenario {
  name: string;
  seed: number;
  operations: number;
  capabilities: bigint;
  poolPages: number;
  /** Addresses and lengths are multiples of this. */
  unit: number;
  /** Lengths that are tried, in units; the last page size makes aligned ranges frequent. */
  lengths: number[];
  /** Guest ranges that operations fall into: start and length. */
  windows: [number, number][];
  /** The host range that guests are mapped to: start and length. */
  host: [number, number];
  mtrrs: MtrrSettings;
}

const mixedTypes: MtrrSettings = {
  ...plainMtrrs(TYPE_WB),
  isFixedEnabled: true,
  fixedTypes: Array.from({ length: 88 }, (_, n) => [0, 6, 4, 1, 5][n % 5] as number),
  variable: [
    range(0x300000n, 0x100000n, TYPE_UC, ADDRESS_BITS),
    range(0x800000n, 0x4000n, 4, ADDRESS_BITS),
    range(0xc00000n, 0x200000n, TYPE_UC, ADDRESS_BITS),
  ],
};

const uncachedGibibyte: MtrrSettings = {
  ...plainMtrrs(TYPE_WB),
  variable: [range(3n << 30n, 1n << 30n, TYPE_UC, ADDRESS_BITS), range(0x1_4020_0000n, 0x200000n, 1, ADDRESS_BITS)],
};

const smallWindows: [number, number][] = [
  [0, 4 * MIB_2],
  [GIB_1 - 2 * MIB_2, 4 * MIB_2],
  [2 ** 39 - 2 * MIB_2, 4 * MIB_2],
  [2 ** 48 - 4 * MIB_2, 4 * MIB_2],
];

const scenarios: Scenario[] = [
  {
    name: "4-KiB to 2-MiB ranges around the boundaries of every level",
    seed: 1,
    operations: 4000,
    capabilities: ALL_CAPABILITIES,
    poolPages: 1024,
    unit: KIB_4,
    lengths: [1, 1, 2, 3, 17, 511, 512, 513, 1024],
    windows: smallWindows,
    host: [0, 8 * MIB_2],
    mtrrs: mixedTypes,
  },
  {
    name: "the same in a pool that is often exhausted",
    seed: 2,
    operations: 6000,
    capabilities: ALL_CAPABILITIES,
    poolPages: 11,
    unit: KIB_4,
    lengths: [1, 2, 17, 512, 1024],
    windows: smallWindows,
    host: [0, 8 * MIB_2],
    mtrrs: mixedTypes,
  },
  {
    name: "the same on a processor with neither large nor execute-only pages",
    seed: 3,
    operations: 1500,
    capabilities: ALL_CAPABILITIES & ~(EXECUTE_ONLY | PAGES_1_GIB | PAGES_2_MIB),
    poolPages: 1024,
    unit: KIB_4,
    lengths: [1, 2, 17, 512, 1024],
    windows: smallWindows,
    host: [0, 8 * MIB_2],
    mtrrs: mixedTypes,
  },
  {
    name: "2-MiB to 3-GiB ranges",
    seed: 4,
    operations: 3000,
    capabilities: ALL_CAPABILITIES,
    poolPages: 1024,
    unit: MIB_2,
    lengths: [1, 2, 5, 511, 512, 513, 1024, 1536],
    windows: [
      [0, 4 * GIB_1],
      [2 ** 39 - 2 * GIB_1, 4 * GIB_1],
      [2 ** 48 - 4 * GIB_1, 4 * GIB_1],
    ],
    host: [0, 8 * GIB_1],
    mtrrs: uncachedGibibyte,
  },
];

describe("random sequences of map, unmap and protect", () => {
  let module: WebAssembly.Module;
  before(async () => {
    module = await compileHarness();
  });

  for (const scenario of scenarios) {
    test(`agree with walker and model: ${scenario.name}`, async () => {
      const machine = await Machine.create(module, { ...scenario, addressBits: ADDRESS_BITS });
      const ept = machine.createEpt();
      const pagesAtStart = machine.inUse;
      const run = new Run(scenario, machine, ept);
      for (let step = 0; step < scenario.operations; step++) {
        run.step();
        if (step % 250 === 249) run.compareAll();
      }
      run.compareAll();
      run.assertVariety();
      run.unmapAll();
      assert.deepEqual(ept.survey(), { pages: [], tables: 1 });
      assert.equal(machine.inUse, pagesAtStart, "pages of the pool leaked");
    });
  }

  test("4-KiB cuts in gibibyte pages agree with walker and model", async () => {
    const scenario: Scenario = {
      name: "",
      seed: 5,
      operations: 40,
      capabilities: ALL_CAPABILITIES,
      poolPages: 1024,
      unit: KIB_4,
      lengths: [1, 3, 512, 1000],
      windows: [[GIB_1, GIB_1]],
      host: [0, GIB_1],
      mtrrs: plainMtrrs(TYPE_WB),
    };
    const machine = await Machine.create(module, { ...scenario, addressBits: ADDRESS_BITS });
    const run = new Run(scenario, machine, machine.createEpt());
    run.map(GIB_1, 2 * GIB_1, GIB_1, RWX);
    for (let step = 0; step < scenario.operations; step++) run.step();
    run.compareAll();
    run.unmapAll();
    assert.equal(machine.inUse, 1);
  });
});

/** One sequence under way: does each operation to both the EPT and the model and compares them. */
class Run {
  readonly #scenario: Scenario;
  readonly #machine: Machine;
  readonly #ept: TestEpt;
  readonly #model: ReferenceModel;
  readonly #random: Random;
  readonly #permissions: number[];
  readonly #statuses = new Map<string, number>();
  /** How often a page of this size was met. */
  readonly #sizesMet = new Map<number, number>();
  /** Large pages that the start of a range cut, when it was unmapped or protected. */
  #cuts = 0;

  constructor(scenario: Scenario, machine: Machine, ept: TestEpt) {
    this.#scenario = scenario;
    this.#machine = machine;
    this.#ept = ept;
    this.#random = new Random(scenario.seed);
    const { capabilities, unit, mtrrs } = scenario;
    const sizes = [KIB_4];
    if ((capabilities & PAGES_2_MIB) !== 0n) sizes.push(MIB_2);
    if ((capabilities & PAGES_1_GIB) !== 0n) sizes.push(GIB_1);
    const known = new Map<number, number>();
    const typeOf = (host: number): number => {
      let type = known.get(host);
      if (type === undefined) known.set(host, (type = mtrrTypeOfPage(mtrrs, BigInt(host))));
      return type;
    };
    this.#model = new ReferenceModel(
      unit,
      sizes.filter((size) => size >= unit),
      typeOf,
    );
    this.#permissions = (capabilities & EXECUTE_ONLY) !== 0n ? [R, RW, RX, RWX, X] : [R, RW, RX, RWX];
  }

  step(): void {
    const [guest, bytes] = this.#range(this.#random.pick(this.#scenario.windows));
    const permissions = this.#random.pick(this.#permissions);
    const choice = this.#random.below(10);
    if (this.#random.chance(4)) this.#clear(this.#random.pick(this.#scenario.windows));
    else if (choice < 5) this.map(guest, this.#hostFor(guest, bytes), bytes, permissions);
    else if (choice < 8) this.#unmap(...this.#mappedRange(guest, bytes));
    else this.#protect(...this.#mappedRange(guest, bytes), permissions);
  }

  map(guest: number, host: number, bytes: number, permissions: number): void {
    const status = this.#ept.map(BigInt(guest), BigInt(host), BigInt(bytes), permissions);
    if (this.#isDone(status, this.#model.isFree(guest, bytes), "MAPPING_OVERLAPS")) {
      this.#model.map(guest, host, bytes, permissions);
    }
    this.#compareAround(guest, bytes);
  }

  /** Unmaps all of a window, so that there is room for large pages again. */
  #clear([start, length]: [number, number]): void {
    for (let page = start; page < start + length;) {
      const bytes = this.#model.pages.get(page)?.bytes;
      if (bytes !== undefined) this.#unmap(page - (page % bytes), bytes);
      page += bytes ?? this.#scenario.unit;
    }
  }

  #unmap(guest: number, bytes: number): void {
    const isCut = this.#isCut(guest);
    const status = this.#ept.unmap(BigInt(guest), BigInt(bytes));
    if (isCut && status === "MAPPING_OK") this.#cuts++;
    if (this.#isDone(status, this.#model.isMapped(guest, bytes), "MAPPING_NOT_MAPPED")) this.#model.unmap(guest, bytes);
    this.#compareAround(guest, bytes);
  }

  #protect(guest: number, bytes: number, permissions: number): void {
    const isCut = this.#isCut(guest) && this.#model.pages.get(guest)?.permissions !== permissions;
    const status = this.#ept.protect(BigInt(guest), BigInt(bytes), permissions);
    if (isCut && status === "MAPPING_OK") this.#cuts++;
    if (this.#isDone(status, this.#model.isMapped(guest, bytes), "MAPPING_NOT_MAPPED")) {
      this.#model.protect(guest, bytes, permissions);
    }
    this.#compareAround(guest, bytes);
  }

  /** Whether a range from `guest` on begins inside a page. */
  #isCut(guest: number): boolean {
    return guest % (this.#model.pages.get(guest)?.bytes ?? 1) !== 0;
  }

  /** Whether the operation was carried out; fails where its status is not the one that the model calls for. */
  #isDone(status: string, isAllowed: boolean, refusal: string): boolean {
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    // A walk that meets the end of the pool before the gap or the overlap reports the pool.
    if (status === "MAPPING_POOL_EXHAUSTED") return false;
    assert.equal(status, isAllowed ? "MAPPING_OK" : refusal);
    return isAllowed;
  }

  /** Every kind of answer, page size and split must have occurred, or the sequence tests less than it claims. */
  assertVariety(): void {
    for (const status of ["MAPPING_OK", "MAPPING_OVERLAPS", "MAPPING_NOT_MAPPED"]) {
      assert.ok((this.#statuses.get(status) ?? 0) > 50, `${status} occurred too rarely`);
    }
    const wasExhausted = (this.#statuses.get("MAPPING_POOL_EXHAUSTED") ?? 0) > 50;
    assert.equal(wasExhausted, this.#scenario.poolPages < 100);
    for (const size of this.#model.pageSizes) {
      const met = this.#sizesMet.get(size) ?? 0;
      const isReachable = size <= Math.max(...this.#scenario.lengths) * this.#scenario.unit;
      if (isReachable) assert.ok(met > 50, `pages of ${size} bytes were met ${met} times`);
    }
    if (this.#model.pageSizes.length > 1) assert.ok(this.#cuts > 20, `large pages were cut ${this.#cuts} times`);
  }

  unmapAll(): void {
    for (const window of this.#scenario.windows) this.#clear(window);
    assert.equal(this.#model.pages.size, 0);
  }

  /** Compares the pages at both ends of a range, those beside them, and a few elsewhere. */
  #compareAround(guest: number, bytes: number): void {
    const { unit, windows } = this.#scenario;
    const end = guest + bytes;
    const pages = [guest - unit, guest, guest + unit, end - 2 * unit, end - unit, end];
    for (const size of [MIB_2, GIB_1]) pages.push(guest - (guest % size), end - (end % size) + size - unit);
    for (let n = 0; n < 4; n++) {
      const [start, length] = this.#random.pick(windows);
      pages.push(start + unit * this.#random.below(length / unit));
    }
    for (const page of pages) if (page >= 0 && page < 2 ** 48) this.#compare(page);
  }

  #compare(page: number): void {
    const expected = this.#model.pages.get(page);
    const offset = this.#random.below(KIB_4);
    const walk = this.#ept.walk(BigInt(page + offset));
    const at = `at ${page.toString(16)}`;
    if (expected === undefined) {
      assert.equal(walk.kind, "not present", at);
      return;
    }
    assert.ok(walk.kind === "page", `${at}: ${walk.kind}, expected a page`);
    const actual = {
      host: Number(walk.host) + page - Number(walk.guest),
      permissions: walk.permissions,
      memoryType: walk.memoryType,
      bytes: Number(walk.bytes),
    };
    assert.deepEqual(actual, expected, at);
    this.#sizesMet.set(expected.bytes, (this.#sizesMet.get(expected.bytes) ?? 0) + 1);
  }

  /** Compares the whole tree with the whole model, and the tables of the tree with the pages that the pool gave out. */
  compareAll(): void {
    const { unit } = this.#scenario;
    const { pages, tables } = this.#ept.survey();
    assert.equal(tables, this.#machine.inUse, "tables in the tree and pages taken from the pool");
    let count = 0;
    for (const page of pages) {
      for (let offset = 0; offset < Number(page.bytes); offset += unit) {
        const expected = this.#model.pages.get(Number(page.guest) + offset);
        const isRight =
          expected !== undefined &&
          expected.host === Number(page.host) + offset &&
          expected.permissions === page.permissions &&
          expected.memoryType === page.memoryType &&
          expected.bytes === Number(page.bytes);
        assert.ok(isRight, `at ${(Number(page.guest) + offset).toString(16)}`);
        count++;
      }
    }
    assert.equal(count, this.#model.pages.size, "pages in the tree and in the model");
  }

  /** A range in a window, often aligned to its own length. */
  #range([start, length]: [number, number]): [number, number] {
    const { unit, lengths } = this.#scenario;
    const units = Math.min(this.#random.pick(lengths), length / unit);
    const step = this.#random.chance(60) ? units : 1;
    const places = Math.floor((length / unit - units) / step) + 1;
    return [start + unit * step * this.#random.below(places), unit * units];
  }

  /** Mostly a range that is mapped for sure: one in a large page, or the mapped part of the range given. */
  #mappedRange(guest: number, bytes: number): [number, number] {
    const { unit, windows } = this.#scenario;
    if (this.#random.chance(30)) return [guest, bytes];
    const [windowStart, length] = this.#random.pick(windows);
    const inside = windowStart + unit * this.#random.below(length / unit);
    const large = this.#model.pages.get(inside)?.bytes ?? unit;
    if (large > unit) return [inside, Math.min(bytes, large - (inside % large))];
    let start = guest;
    while (start < guest + bytes && !this.#model.pages.has(start)) start += unit;
    let end = start;
    while (end < guest + bytes && this.#model.pages.has(end)) end += unit;
    return end === start ? [guest, bytes] : [start, end - start];
  }

  /** A host range; congruent to the guest's modulo 1 GiB or 2 MiB, or not at all, so that each page size occurs. */
  #hostFor(guest: number, bytes: number): number {
    const { unit, host } = this.#scenario;
    const [start, length] = host;
    const step = this.#random.pick([unit, MIB_2, GIB_1].filter((size) => size >= unit && size <= length));
    const places = Math.floor((length - bytes - (guest % step)) / step) + 1;
    if (places < 1) return start;
    return start + (guest % step) + step * this.#random.below(places);
  }
}
