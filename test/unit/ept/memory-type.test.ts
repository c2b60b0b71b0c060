// Memory types from the MTRRs, compared page by page with a second evaluation of SDM 3A 12.11.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { GIB_1, KIB_4, Machine, MIB_2 } from "./fixture.ts";
import { compileHarness } from "./machine.ts";
import { type MtrrSettings, mtrrTypeOfPage, plainMtrrs, range } from "./mtrr-model.ts";
import { Random } from "./random.ts";

const BITS = 36;
const MIXED = 0x100;
const UC = 0;
const WC = 1;
const WT = 4;
const WP = 5;
const WB = 6;

describe("the memory type of host-physical memory", () => {
  let module: WebAssembly.Module;
  before(async () => {
    module = await compileHarness();
  });

  async function machineWith(mtrrs: MtrrSettings): Promise<Machine> {
    return Machine.create(module, { mtrrs, addressBits: BITS });
  }

  async function typeWith(mtrrs: MtrrSettings, address: bigint): Promise<number> {
    const machine = await machineWith(mtrrs);
    return machine.harness.mtrrType(machine.mtrrs, address);
  }

  test("is UC everywhere while the MTRRs are disabled, whatever their ranges say", async () => {
    const mtrrs = { ...plainMtrrs(WB), isEnabled: false, variable: [range(0n, GIB_1, WB, BITS)] };
    for (const address of [0n, 0xa0000n, GIB_1, (1n << 36n) - KIB_4]) assert.equal(await typeWith(mtrrs, address), UC);
  });

  test("is the default type where no range matches", async () => {
    const mtrrs = { ...plainMtrrs(WP), variable: [range(GIB_1, GIB_1, WB, BITS)] };
    assert.equal(await typeWith(mtrrs, GIB_1 - KIB_4), WP);
    assert.equal(await typeWith(mtrrs, GIB_1), WB);
    assert.equal(await typeWith(mtrrs, 2n * GIB_1 - KIB_4), WB);
    assert.equal(await typeWith(mtrrs, 2n * GIB_1), WP);
  });

  test("ignores a variable range that is not valid", async () => {
    const mtrrs = { ...plainMtrrs(UC), variable: [{ ...range(0n, GIB_1, WB, BITS), isValid: false }] };
    assert.equal(await typeWith(mtrrs, 0n), UC);
  });

  const overlaps: [string, number, number, number][] = [
    ["UC wins over WB", UC, WB, UC],
    ["UC wins over WC", WC, UC, UC],
    ["WT wins over WB", WB, WT, WT],
    ["the same type stays", WP, WP, WP],
    ["an undefined pair, WC and WB, is taken as UC", WC, WB, UC],
    ["an undefined pair, WP and WT, is taken as UC", WP, WT, UC],
  ];
  for (const [rule, first, second, expected] of overlaps) {
    test(`follows the overlap rule: ${rule}`, async () => {
      for (const [one, other] of [
        [first, second],
        [second, first],
      ] as const) {
        const variable = [range(0n, 2n * GIB_1, one, BITS), range(GIB_1, GIB_1, other, BITS)];
        assert.equal(await typeWith({ ...plainMtrrs(WB), variable }, GIB_1), expected);
      }
    });
  }

  test("comes from the fixed ranges below 1 MiB, even against a variable range of UC", async () => {
    const fixedTypes = Array.from({ length: 88 }, (_, n) => [UC, WC, WT, WP, WB][n % 5] as number);
    const variable = [range(0n, GIB_1, UC, BITS)];
    const mtrrs = { ...plainMtrrs(WB), isFixedEnabled: true, fixedTypes, variable };
    const machine = await machineWith(mtrrs);
    for (let address = 0n; address < 0x110000n; address += KIB_4) {
      const expected = mtrrTypeOfPage(mtrrs, address);
      assert.equal(machine.harness.mtrrType(machine.mtrrs, address), expected, `at ${address.toString(16)}`);
    }
  });

  test("comes from the variable ranges below 1 MiB where the fixed ranges are disabled", async () => {
    const mtrrs = {
      ...plainMtrrs(UC),
      fixedTypes: new Array<number>(88).fill(WC),
      variable: [range(0n, MIB_2, WB, BITS)],
    };
    assert.equal(await typeWith(mtrrs, 0xa0000n), WB);
  });

  test("does not read fixed-range MSRs that the processor does not have", async () => {
    const mtrrs = { ...plainMtrrs(WB), hasFixed: false, isFixedEnabled: true };
    assert.equal(await typeWith(mtrrs, 0n), WB);
  });

  test("of a block is one type only if all of its pages have it", async () => {
    const variable = [range(GIB_1, MIB_2, UC, BITS)];
    const machine = await machineWith({ ...plainMtrrs(WB), variable });
    const blockType = (address: bigint, bytes: bigint): number =>
      machine.harness.mtrrTypeOfBlock(machine.mtrrs, address, bytes);
    assert.equal(blockType(0n, GIB_1), WB);
    assert.equal(blockType(GIB_1, MIB_2), UC);
    assert.equal(blockType(GIB_1, GIB_1), MIXED);
    assert.equal(blockType(0n, 2n * GIB_1), MIXED);
    assert.equal(blockType(2n * GIB_1, GIB_1), WB);
  });

  test("of a block is found through ranges that cut it without changing the type", async () => {
    const variable = [range(0n, MIB_2, WB, BITS), range(MIB_2, MIB_2, WB, BITS)];
    const machine = await machineWith({ ...plainMtrrs(WB), variable });
    assert.equal(machine.harness.mtrrTypeOfBlock(machine.mtrrs, 0n, GIB_1), WB);
    assert.equal(machine.harness.mtrrUniformBytes(machine.mtrrs, 0n, 3n * GIB_1), 3n * GIB_1);
  });

  test("agrees with a second evaluation for random MTRRs, masks with gaps included", async () => {
    const random = new Random(20251);
    for (let round = 0; round < 150; round++) {
      const mtrrs = randomMtrrs(random);
      const machine = await machineWith(mtrrs);
      for (let sample = 0; sample < 60; sample++) {
        const address = KIB_4 * BigInt(random.below(random.pick([0x200, 0x2000, 0x1000000])));
        const expected = mtrrTypeOfPage(mtrrs, address);
        const actual = machine.harness.mtrrType(machine.mtrrs, address);
        assert.equal(actual, expected === -1 ? UC : expected, `round ${round}, at ${address.toString(16)}`);
      }
    }
  });

  test("holds for exactly the uniform bytes, for random MTRRs", async () => {
    const random = new Random(777);
    for (let round = 0; round < 150; round++) {
      const mtrrs = randomMtrrs(random);
      const machine = await machineWith(mtrrs);
      const start = KIB_4 * BigInt(random.below(0x800));
      const limit = KIB_4 * BigInt(1 + random.below(0x400));
      // An undefined overlap is -1 and taken as UC.
      const typeOf = (address: bigint): number => Math.max(mtrrTypeOfPage(mtrrs, address), UC);
      let expected = 0n;
      while (expected < limit && typeOf(start + expected) === typeOf(start)) expected += KIB_4;
      const actual = machine.harness.mtrrUniformBytes(machine.mtrrs, start, limit);
      assert.equal(actual, expected, `round ${round}, from ${start.toString(16)}`);
    }
  });

  function randomMtrrs(random: Random): MtrrSettings {
    const types = [UC, WC, WT, WP, WB];
    const addressMask = (1n << BigInt(BITS)) - 1n;
    const variable = Array.from({ length: random.below(9) }, () => {
      const bytes = KIB_4 << BigInt(random.below(14));
      const chosen = range(bytes * BigInt(random.below(64)), bytes, random.pick(types), BITS);
      const gap = random.chance(20) ? KIB_4 << BigInt(random.below(12)) : 0n;
      return { ...chosen, mask: chosen.mask & ~gap & addressMask, isValid: random.chance(85) };
    });
    return {
      isEnabled: random.chance(95),
      isFixedEnabled: random.chance(50),
      hasFixed: random.chance(90),
      defaultType: random.pick(types),
      fixedTypes: Array.from({ length: 88 }, () => random.pick(types)),
      variable,
    };
  }
});
