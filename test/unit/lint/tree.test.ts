// The whole tree passes the lint, the formatter and the type checks. The longest of these takes as long as the other three.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { execa } from "execa";
import { root } from "../../../tools/paths.ts";

/** What each check is, and the program of node_modules with its arguments; as `npm run lint` and `typecheck` have them. */
const CHECKS: readonly (readonly [says: string, program: string, ...args: string[]])[] = [
  ["the lint finds nothing", "eslint/bin/eslint.js", "--max-warnings", "0", "."],
  ["prettier would change nothing", "prettier/bin/prettier.cjs", "--check", "."],
  ["the types of tools/ and test/ are right", "typescript/bin/tsc", "-p", "tsconfig.json"],
  ["the types of hv/ are right as TypeScript too", "typescript/bin/tsc", "-p", "hv/tsconfig.json"],
];

for (const [says, program, ...args] of CHECKS) {
  test(says, async () => {
    const run = await execa(process.execPath, [join(root, "node_modules", program), ...args], {
      cwd: root,
      reject: false,
      all: true,
    });
    assert.equal(run.exitCode, 0, run.all);
  });
}
