// Holds how a run's command line gets into its copy of the ISO.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { copyIsoWithCommandLine } from "../../../tools/image/append.ts";
import { fieldLength, joinOptions, marker, toField } from "../../../tools/image/command-line.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "basalt-append-"));
});
after(() => rm(directory, { recursive: true }));

/** Writes an "ISO" of the given text, copies it with `commandLine`, and returns what the copy holds. */
async function copyOf(text: string, commandLine: string): Promise<string> {
  const [iso, copy] = [join(directory, "in.iso"), join(directory, "out.iso")];
  await writeFile(iso, text, "latin1");
  await copyIsoWithCommandLine(iso, copy, commandLine);
  assert.equal(await readFile(iso, "latin1"), text, "the original is untouched");
  return readFile(copy, "latin1");
}

const padded = (commandLine: string): string => commandLine.padEnd(fieldLength);

describe("a copy of the ISO", () => {
  test("differs from it in the command line only", async () => {
    const copy = await copyOf(`\xff\x00${marker}${padded("old=1 words")}\n\xfe`, "guest=hlt");
    assert.equal(copy, `\xff\x00${marker}${padded("guest=hlt")}\n\xfe`);
  });

  test("takes a command line of exactly 256 characters", async () => {
    const longest = "x".repeat(fieldLength);
    assert.equal(await copyOf(`${marker}${padded("")}\n`, longest), `${marker}${longest}\n`);
  });

  for (const [what, text] of [
    ["no Basalt line", "menuentry"],
    ["two Basalt lines", `${marker}${padded("")}\n${marker}${padded("")}\n`],
    ["a line padded too short", `${marker}${" ".repeat(fieldLength - 1)}\n${" ".repeat(99)}`],
    ["a line padded too long", `${marker}${" ".repeat(fieldLength + 1)}\n`],
    ["a line cut off by the end of the file", `${marker}${padded("")}`],
  ] as const) {
    test(`is not made of an image with ${what}`, async () => {
      await assert.rejects(copyOf(text, "guest=hlt"), { exit: "build", message: /Build the image again/ });
    });
  }

  test("of an image that is not built is refused with the way to build it", async () => {
    const missing = copyIsoWithCommandLine(join(directory, "none.iso"), join(directory, "copy.iso"), "");
    await assert.rejects(missing, { exit: "build", message: /npm run build/ });
  });
});

describe("the boot command line", () => {
  test("of 257 characters is refused, and both numbers are named", () => {
    assert.throws(() => toField("x".repeat(257)), { exit: "usage", message: /257 characters, 256 fit/ });
  });

  for (const character of ['"', "'", "$", "\\", ";", "|", "&", "{", "}", "#", "<", "\n", "\t", "é"]) {
    test(`with ${JSON.stringify(character)}, which GRUB would interpret or cut, is refused by name`, () => {
      assert.throws(
        () => toField(`guest=a${character}b`),
        (error: Error) => error.message.includes(`holds ${JSON.stringify(character)}`),
      );
    });
  }

  test("is joined of the options that are there", () => {
    assert.equal(joinOptions(undefined, "guest=hlt", "", "probe"), "guest=hlt probe");
  });
});
