// The capabilities run in a browser as they do in Node: they import nothing but each other.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { it } from "node:test";

const folder = fileURLToPath(new URL("../../../../tools/doctor/capabilities/", import.meta.url));

it("no file of the capabilities imports anything outside their folder, or asks what it runs on", () => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  assert.ok(files.length > 30);
  for (const file of files) {
    const source = readFileSync(join(folder, file), "utf8");
    for (const [, specifier] of source.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      assert.match(specifier!, /^\.{1,2}\//, `${file} imports ${specifier}`);
      assert.doesNotMatch(
        relative(folder, join(folder, dirname(file), specifier!)),
        /^\.\./,
        `${file} imports ${specifier}`,
      );
    }
    assert.doesNotMatch(source, /\b(?:process|Buffer|require|document|window)\b[.(]/, file);
  }
});
