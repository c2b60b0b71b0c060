// The defects and habits of asc that lint rules keep the sources away from. Where one of these tests fails after an update
// of asc, its rule can go.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, test } from "node:test";
import { compile } from "./compile.ts";

/** Loops that end in an unconditional break, with a statement behind them. */
const LOOPS = {
  withoutTest: "for (;;) { mark(1); break; }",
  withLiteral: "for (; true;) { mark(1); break; }",
  withExpression: "for (; 1 < 2;) { mark(1); break; }",
  withConstant: "for (; ALWAYS;) { mark(1); break; }",
  withLocalConstant: "const always = true; for (; always;) { mark(1); break; }",
  withBuiltin: "for (; sizeof<u32>() == 4;) { mark(1); break; }",
  withBreakOnEachPath: "for (;;) { if (marks > 0) { mark(2); break; } else { mark(1); break; } }",
  withTest: "for (let n = 0; n < 2; n++) { mark(1); break; }",
  whileTrue: "while (true) { mark(1); break; }",
  whileConstant: "while (ALWAYS) { mark(1); break; }",
  doWhileTrue: "do { mark(1); break; } while (true);",
} as const;

type Loop = keyof typeof LOOPS;

const SOURCE = `
  const ALWAYS: bool = true;
  const FLAG: u32 = 0x80000000;
  enum Flags { FLAG = 0x80000000 }
  let marks: u32 = 0;
  function mark(bits: u32): void { marks |= bits; }
  export function takeMarks(): u32 { const taken = marks; marks = 0; return taken; }
  ${Object.entries(LOOPS)
    .map(([name, loop]) => `export function ${name}(): void { ${loop} mark(8); }`)
    .join("\n  ")}
  export function orEnum(value: u64): u64 { return value | Flags.FLAG; }
  export function orConstant(value: u64): u64 { return value | FLAG; }
`;

type Sample = Record<Loop, () => void> & {
  takeMarks(): number;
  orEnum(value: bigint): bigint;
  orConstant(value: bigint): bigint;
};

for (const level of ["-O0", "-O3"]) {
  describe(`with ${level}`, () => {
    let sample: Sample;

    before(async () => {
      const { instance } = await compile(SOURCE, [level], async (path) =>
        WebAssembly.instantiate(await readFile(path)),
      );
      sample = instance.exports as unknown as Sample;
    });

    function marksOf(loop: Loop): number {
      sample[loop]();
      return sample.takeMarks();
    }

    test("asc still drops the statements behind a for without a test (when this fails, the lint rule can go)", () => {
      assert.equal(marksOf("withoutTest"), 1);
      assert.equal(marksOf("withBreakOnEachPath"), 1);
    });

    test("asc still drops the statements behind a for over a literal (when this fails, the lint rule can go)", () => {
      assert.equal(marksOf("withLiteral"), 1);
    });

    test("asc still drops the statements behind a for over any constant (when this fails, the lint rule can go)", () => {
      for (const loop of ["withExpression", "withConstant", "withLocalConstant", "withBuiltin"] as const)
        assert.equal(marksOf(loop), 1, loop);
    });

    test("asc keeps the statements behind the loops that the lint allows", () => {
      for (const loop of ["withTest", "whileTrue", "whileConstant", "doWhileTrue"] as const)
        assert.equal(marksOf(loop), 1 | 8, loop);
    });

    test("asc still sign-extends an enum's member in a u64 (when this fails, the lint rule can go)", () => {
      assert.equal(BigInt.asUintN(64, sample.orEnum(1n)), 0xffffffff_80000001n);
    });

    test("asc zero-extends a u32 constant in a u64", () => {
      assert.equal(BigInt.asUintN(64, sample.orConstant(1n)), 0x80000001n);
    });
  });
}
