// Holds that the ISO is small, the same whenever it is made of the same ELF, and laid out for each way to boot it.
import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { withDependencies } from "../../../tools/build/grub.ts";
import { writeIso } from "../../../tools/build/iso.ts";
import { runOn } from "../../../tools/emulators/run.ts";
import { root } from "../../../tools/paths.ts";
import { buildRunnerImage } from "./runner-image.ts";

const sectorBytes = 512;
const cdSectorBytes = 2048;

let image: Awaited<ReturnType<typeof buildRunnerImage>>;
let iso: Buffer;
before(async () => {
  image = await buildRunnerImage();
  iso = await readFile(image.iso);
});
after(() => rm(image.directory, { recursive: true }));

describe("an ISO", () => {
  test("has at most 5,000,000 bytes", () => {
    assert.ok(iso.length <= 5_000_000, `${iso.length} bytes`);
  });

  test("made again of the same ELF is the same to the byte: later, in another time zone, with other permissions", async () => {
    const again = join(image.directory, "again.iso");
    await chmod(image.elf, 0o600);
    // The dates in an ISO count seconds, or hundredths of one; those of FAT count two seconds.
    const second = Math.floor(Date.now() / 2000);
    while (Math.floor(Date.now() / 2000) === second) await new Promise((resolve) => setImmediate(resolve));
    await execa(
      "sh",
      ["-c", 'umask 077; exec node --import tsx tools/build/write-iso.ts "$@"', "sh", image.elf, again],
      {
        cwd: root,
        env: { TZ: "Asia/Tokyo", SOURCE_DATE_EPOCH: "1" },
      },
    );
    assert.ok(iso.equals(await readFile(again)), "the ISOs differ");
  });

  test("holds nothing that an interrupted making left, and leaves nothing beside it", async () => {
    const again = join(image.directory, "after.iso");
    const left = join(image.directory, "after.iso.making/tree/boot");
    await mkdir(left, { recursive: true });
    await writeFile(join(left, "left"), "left");
    await writeIso(image.elf, again);
    assert.ok(iso.equals(await readFile(again)), "the ISOs differ");
    const beside = (await readdir(image.directory)).filter((name) => name.startsWith("after.iso"));
    assert.deepEqual(beside, ["after.iso"]);
  });

  test("of an ELF that is not there is not made", async () => {
    await assert.rejects(writeIso("/nonexistent/basalt.elf", "/nonexistent/basalt.iso"), /ENOENT/);
  });

  test("of a file that is no multiboot2 image has GRUB say so on COM1", async () => {
    const [elf, broken] = [join(image.directory, "text"), join(image.directory, "broken.iso")];
    await writeFile(elf, "no image\n".repeat(10_000));
    await writeIso(elf, broken);
    const controller = new AbortController();
    const seen: string[] = [];
    const onLine = (line: string): void => {
      seen.push(line);
      if (/error: no multiboot header found/.test(line)) controller.abort();
    };
    const options = { image: { elf, iso: broken }, timeoutSeconds: 100, onLine, signal: controller.signal };
    const run = await runOn("tcg", options);
    assert.equal(run.ended, "interrupted", `GRUB said nothing of it:\n${seen.join("\n")}`);
  });
});

describe("as a CD the ISO", () => {
  test("has an El Torito entry for each firmware: a GRUB image for the BIOS, a FAT file system for UEFI", () => {
    // El Torito 1.0 2.0: the boot record names the catalog; its entries name platform, load size and first sector.
    const bootRecord = iso.subarray(17 * cdSectorBytes);
    assert.equal(bootRecord.toString("latin1", 7, 30), "EL TORITO SPECIFICATION");
    const catalog = iso.subarray(bootRecord.readUInt32LE(0x47) * cdSectorBytes);
    const [bios, uefiHeader, uefi] = [catalog.subarray(32), catalog.subarray(64), catalog.subarray(96)];
    assert.deepEqual([catalog[1], bios[0], bios[1], bios.readUInt16LE(6)], [0, 0x88, 0, 4]);
    assert.deepEqual([uefiHeader[0], uefiHeader[1], uefi[0], uefi[1]], [0x91, 0xef, 0x88, 0]);
    const systemPartition = iso.subarray(uefi.readUInt32LE(8) * cdSectorBytes);
    assert.equal(systemPartition.toString("latin1", 0x36, 0x3e), "FAT12   ");
    assert.equal(uefi.readUInt16LE(6), systemPartition.readUInt16LE(0x13), "sectors of the file system");
  });
});

describe("on a disk the ISO", () => {
  test("has an MBR whose code loads what a BIOS starts from the CD too", () => {
    assert.equal(iso.readUInt16LE(510), 0xaa55);
    const catalog = iso.subarray(iso.readUInt32LE(17 * cdSectorBytes + 0x47) * cdSectorBytes);
    const biosImage = catalog.readUInt32LE(32 + 8) * (cdSectorBytes / sectorBytes);
    // GRUB's boot_hybrid.img holds the sector to go on with at 0x1b0; what cdboot.img took is not loaded again.
    assert.equal(Number(iso.readBigUInt64LE(0x1b0)), biosImage + 4);
  });

  test("has a protective partition, and an active one for a BIOS that asks for one", () => {
    const partitions = [0, 1, 2, 3].map((index) => iso.subarray(0x1be + 16 * index));
    assert.equal(partitions.filter((partition) => partition[4] === 0xee).length, 1);
    assert.equal(partitions.filter((partition) => partition[0] === 0x80).length, 1);
  });

  test("has a GPT at both ends with an EFI system partition that is the FAT file system", () => {
    const last = iso.length / sectorBytes - 1;
    assert.equal(iso.toString("latin1", sectorBytes, sectorBytes + 8), "EFI PART");
    assert.equal(iso.toString("latin1", last * sectorBytes, last * sectorBytes + 8), "EFI PART");
    const entries = iso.subarray(Number(iso.readBigUInt64LE(sectorBytes + 72)) * sectorBytes);
    const systemPartitionType = Buffer.from("28732ac11ff8d211ba4b00a0c93ec93b", "hex");
    const entry = entries.subarray(entries.indexOf(systemPartitionType));
    const start = Number(entry.readBigUInt64LE(32)) * sectorBytes;
    assert.equal(iso.toString("latin1", start + 0x36, start + 0x3e), "FAT12   ");
  });
});

test("modules come with all that they need, once each", () => {
  const moddep = "a: b c\nb: c d\nc:\nd: a\ne: f\n";
  assert.deepEqual(withDependencies(moddep, ["a"]).sort(), ["a", "b", "c", "d"]);
  assert.deepEqual(withDependencies(moddep, ["c", "unknown"]).sort(), ["c", "unknown"]);
});
