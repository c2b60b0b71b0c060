// Holds that the same sources give the same image, in whatever folder they lie.
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { execa } from "execa";
import { builtElf, builtIso, root } from "../../../tools/paths.ts";

/** What a build makes or does not read. */
const leftOut = new Set([".git", "build", "node_modules"]);

let copy: string;
before(async () => {
  copy = await mkdtemp(join(tmpdir(), "basalt-another-folder-"));
  await cp(root, copy, {
    recursive: true,
    filter: (path) => dirname(path) !== dirname(join(root, "build")) || !leftOut.has(basename(path)),
  });
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
  await execa(process.execPath, ["tools/basalt.mjs", "build"], { cwd: copy });
});
after(() => rm(copy, { recursive: true }));

test("a build in another folder gives the same ELF and the same ISO, byte for byte", async () => {
  for (const built of [builtElf, builtIso]) {
    const [here, there] = [await readFile(built), await readFile(join(copy, "build", basename(built)))];
    const same = here.equals(there);
    assert.ok(
      same,
      `${built} differs from its like built in another folder (run \`npm run build\` if it is not current)`,
    );
  }
  assert.equal((await readFile(builtElf)).includes(Buffer.from(root)), false, "the image holds this folder's path");
});
