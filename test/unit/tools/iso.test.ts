// Holds that the ISO is the same whenever it is made of the same ELF.
import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { writeIso } from "../../../tools/build/iso.ts";
import { buildRunnerImage } from "./runner-image.ts";

test("two ISOs of one ELF are the same to the byte, and small", async () => {
  const { directory, elf, iso } = await buildRunnerImage();
  try {
    const first = await readFile(iso);
    // The dates in an ISO count seconds, or hundredths of one.
    const second = new Date().getSeconds();
    while (new Date().getSeconds() === second) await new Promise((resolve) => setImmediate(resolve));
    const again = join(directory, "again.iso");
    await writeIso(elf, again);
    assert.ok(first.equals(await readFile(again)), "the ISOs differ");
    assert.ok(first.length < 6_000_000, `${first.length} bytes`);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("an ELF that is not there makes no ISO", async () => {
  await assert.rejects(writeIso("/nonexistent/basalt.elf", "/nonexistent/basalt.iso"), /ENOENT/);
});
