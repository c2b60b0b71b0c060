// Runs `basalt bench` and holds Basalt against its bars; and the judging itself.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { execa } from "execa";
import { judgeMeasure, repeatable, wordBar, type Measured } from "../../tools/bench/measures.ts";
import { countNativeLines } from "../../tools/bench/native-lines.ts";
import { root } from "../../tools/paths.ts";

describe("basalt bench", () => {
  let rows: Measured[];
  let exitCode: number | undefined;
  before(async () => {
    const words = ["tools/basalt.mjs", "bench", "--json", "--no-build", "--no-start", "--no-nested", "--no-linux"];
    const run = await execa(process.execPath, words, { cwd: root, reject: false, stdin: "ignore" });
    assert.ok(run.stdout.startsWith("["), run.stderr);
    rows = JSON.parse(run.stdout) as Measured[];
    exitCode = run.exitCode;
  });

  for (const [index, measure] of repeatable.entries()) {
    const { name, unit, bar } = measure;
    test(`${name}: ${bar === null ? "is measured" : wordBar(measure)}`, (t) => {
      const row = rows[index];
      t.diagnostic(`${row?.value} ${unit}`);
      assert.equal(row?.name, name);
      assert.ok(row.value > 0, "nothing was measured");
      assert.ok(judgeMeasure(measure, row.value).isMet, `found ${row.value} ${unit}`);
    });
  }

  test("ends with exit code 9 where a bar is missed, else with 0", () => {
    assert.equal(exitCode, rows.every(({ isMet }) => isMet) ? 0 : 9);
  });
});

describe("a measure", () => {
  const measure = { name: "cost", unit: "ticks", bar: 150, measure: () => Promise.resolve(0) };

  test("at its bar meets it, and above misses it", () => {
    assert.equal(judgeMeasure(measure, 150).isMet, true);
    assert.equal(judgeMeasure(measure, 150.001).isMet, false);
  });

  test("at a bar that is the least meets it, and below misses it", () => {
    const least = { ...measure, isLeast: true };
    assert.equal(judgeMeasure(least, 150).isMet, true);
    assert.equal(judgeMeasure(least, 149.999).isMet, false);
    assert.equal(wordBar(least), "at least 150 ticks");
  });

  test("without a bar cannot miss it", () => {
    assert.equal(judgeMeasure({ ...measure, bar: null }, 1e9).isMet, true);
  });
});

test("lines of C and assembly are all counted, in folders too, and nothing else is", async () => {
  const directory = await mkdtemp(join(tmpdir(), "basalt-lines-"));
  try {
    await mkdir(join(directory, "runtime"));
    await writeFile(join(directory, "entry.asm"), "bits 64\n\n; a comment\n");
    await writeFile(join(directory, "runtime/traps.c"), "int x;\n");
    await writeFile(join(directory, "runtime/traps.h"), "\n");
    await writeFile(join(directory, "README.md"), "\n\n\n");
    assert.equal(await countNativeLines(directory), 5);
  } finally {
    await rm(directory, { recursive: true });
  }
});
