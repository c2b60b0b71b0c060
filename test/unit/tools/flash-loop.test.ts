// Flashes loop devices with the real command: what reaches the device, what Linux itself refuses, what a user is asked.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { execa, execaSync } from "execa";
import { exitCodes } from "../../../tools/exit-codes.ts";
import { openDevice } from "../../../tools/flash/target.ts";
import { isoWithCommandLine } from "../../../tools/image/append.ts";
import { builtElf, builtIso, root } from "../../../tools/paths.ts";
import { isInstalled } from "../../../tools/programs.ts";
import { runOn } from "../../../tools/emulators/run.ts";

const deviceBytes = 8_000_000;
const filler = 0xa5;

/** Why there are no loop devices here, or false. In a container `losetup --find` may name one that has no node in /dev. */
function whyNot(): string | false {
  if (process.getuid?.() !== 0) return "loop devices take root";
  const directory = mkdtempSync(join(tmpdir(), "basalt-flash-loop-"));
  const file = join(directory, "small");
  try {
    writeFileSync(file, Buffer.alloc(4096));
    const attached = execaSync("losetup", ["--find", "--show", file], { reject: false, all: true });
    if (attached.failed) return `losetup attaches no loop device: ${attached.all}`;
    execaSync("losetup", ["--detach", attached.stdout]);
    return false;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Why no file system can be mounted here, or false. */
function whyNoMount(): string | false {
  if (!isInstalled("mke2fs")) return "mke2fs (package e2fsprogs) is not installed";
  return /\text[234]$/m.test(readFileSync("/proc/filesystems", "utf8")) ? false : "this kernel has no ext4";
}

describe("flash on a loop device", { skip: whyNot() }, () => {
  let directory: string;
  let backing: string;
  let device: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "basalt-flash-loop-"));
    backing = join(directory, "stick");
    await writeFile(backing, Buffer.alloc(deviceBytes, filler));
    device = await attach();
  });
  afterEach(async () => {
    await execa("losetup", ["--detach", device]);
    await rm(directory, { recursive: true });
  });

  /** Makes a loop device of the backing file. */
  async function attach(...options: string[]): Promise<string> {
    return (await execa("losetup", ["--find", "--show", ...options, backing])).stdout;
  }

  async function attachAgain(...options: string[]): Promise<void> {
    await execa("losetup", ["--detach", device]);
    device = await attach(...options);
  }

  function basaltFlash(...options: string[]): Promise<{ exitCode?: number; stdout: string; stderr: string }> {
    const words = ["tools/basalt.mjs", "flash", device, ...options];
    return execa(process.execPath, words, { cwd: root, reject: false, stdin: "ignore" });
  }

  /** Runs the command on a terminal of its own; when it asks, does `first` and types `answer`. */
  async function basaltFlashAnswering(
    answer: string,
    first = async (): Promise<void> => {},
  ): Promise<{ exitCode?: number; stdout: string }> {
    const command = `${process.execPath} tools/basalt.mjs flash ${device}`;
    const run = execa("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
      cwd: root,
      reject: false,
    });
    let seen = "";
    let isAsked = false;
    let done = Promise.resolve();
    run.stdout.on("data", (data) => {
      seen += String(data);
      if (isAsked || !seen.includes(`Type ${basename(device)} to overwrite it: `)) return;
      isAsked = true;
      done = first().then(() => void run.stdin.write(answer));
    });
    const { exitCode, stdout } = await run;
    await done;
    return { ...(exitCode === undefined ? {} : { exitCode }), stdout };
  }

  async function assertUntouched(): Promise<void> {
    assert.ok(
      (await readFile(backing)).every((byte) => byte === filler),
      "something was written",
    );
  }

  test("with --yes writes the image with its boot options and leaves the rest alone; the stick boots", async () => {
    const { exitCode, stdout, stderr } = await basaltFlash("--yes", "--json", "--append", "iterations=100");
    assert.equal(exitCode, 0, stderr);
    const image = await isoWithCommandLine(builtIso, "iterations=100");
    assert.deepEqual(JSON.parse(stdout), { path: device, bytes: image.length, isWritten: true, isVerified: true });
    const stick = await readFile(backing);
    assert.ok(stick.subarray(0, image.length).equals(image), "the image is not on it");
    assert.ok(
      stick.subarray(image.length).every((byte) => byte === filler),
      "more was written than the image",
    );
    // On a stick the GPT's second copy does not stand at the end, as it does in the file.
    for (const firmware of ["bios", "uefi"] as const) {
      const run = await runOn("tcg", { media: "usb", firmware, image: { elf: builtElf, iso: backing } });
      assert.equal(run.result?.name, "ok", `${firmware}: ${run.summary}`);
    }
  });

  test("writes after the device's name was typed", async () => {
    const { exitCode, stdout } = await basaltFlashAnswering(`${basename(device)}\n`);
    assert.equal(exitCode, 0, stdout);
    assert.match(stdout, /holds Basalt: .*, each byte read back and compared/);
    const image = await readFile(builtIso);
    assert.ok((await readFile(backing)).subarray(0, image.length).equals(image));
  });

  test("lets no other program have the device while it asks, and writes nothing if its size has changed since", async () => {
    const { exitCode, stdout } = await basaltFlashAnswering(`${basename(device)}\n`, async () => {
      await assert.rejects(open(device, constants.O_RDONLY | constants.O_EXCL), { code: "EBUSY" });
      await truncate(backing, deviceBytes / 2);
      await execa("losetup", ["--set-capacity", device]);
    });
    assert.equal(exitCode, exitCodes.device.code, stdout);
    assert.match(stdout, /no longer what was shown, it is now: .*4 MB.*Nothing was written/s);
    await assertUntouched();
  });

  for (const [what, answer, exit] of [
    ["another answer", "y\n", "device"],
    ["an end of input", "\x04", "device"],
    ["Ctrl-C", "\x03", "interrupted"],
  ] as const) {
    test(`writes nothing after ${what}`, async () => {
      const { exitCode, stdout } = await basaltFlashAnswering(answer);
      assert.equal(exitCode, exitCodes[exit].code, stdout);
      assert.match(stdout, /Nothing was written/);
      await assertUntouched();
    });
  }

  test("without a terminal and without --yes writes nothing and says what to add", async () => {
    const { exitCode, stderr } = await basaltFlash();
    assert.deepEqual([exitCode, /add --yes/.test(stderr)], [exitCodes.device.code, true], stderr);
    await assertUntouched();
  });

  test("with --dry-run writes nothing", async () => {
    const { exitCode, stderr } = await basaltFlash("--dry-run", "--yes");
    assert.deepEqual([exitCode, /nothing was written/.test(stderr)], [0, true], stderr);
    await assertUntouched();
  });

  test("refuses a device that another program has opened for itself, as a mount does", async () => {
    const other = await open(device, constants.O_RDONLY | constants.O_EXCL);
    try {
      const { exitCode, stderr } = await basaltFlash("--yes");
      assert.equal(exitCode, exitCodes.device.code);
      assert.match(stderr, /is in use; unmount it .*Nothing was written/);
    } finally {
      await other.close();
    }
    await assertUntouched();
  });

  test("refuses a mounted device by the place where it is mounted", { skip: whyNoMount() }, async () => {
    await execa("mke2fs", ["-q", device]);
    await execa("mount", ["-o", "ro", device, directory]);
    const before = await readFile(device);
    try {
      const { exitCode, stderr } = await basaltFlash("--yes");
      assert.equal(exitCode, exitCodes.device.code);
      assert.ok(
        stderr.includes(`is in use: ${device} is mounted on ${directory}; run \`umount ${device}\` first`),
        stderr,
      );
    } finally {
      await execa("umount", [device]);
    }
    assert.ok(before.equals(await readFile(device)), "something was written");
  });

  test("refuses a device that this user may not write, and says how to", async () => {
    const nobody = 65534;
    process.seteuid!(nobody);
    try {
      await assert.rejects(openDevice(device), { exit: "device", message: /as root, for example with sudo/ });
    } finally {
      process.seteuid!(0);
    }
  });

  test("refuses a read-only device", async () => {
    await attachAgain("--read-only");
    const { exitCode, stderr } = await basaltFlash("--yes");
    assert.deepEqual([exitCode, /is read-only/.test(stderr)], [exitCodes.device.code, true], stderr);
    await assertUntouched();
  });

  test("refuses a device that is smaller than the image", async () => {
    await truncate(backing, 1_000_448);
    await attachAgain();
    const { exitCode, stderr } = await basaltFlash("--yes");
    assert.deepEqual(
      [exitCode, /has 1000448 bytes, the image has/.test(stderr)],
      [exitCodes.device.code, true],
      stderr,
    );
    await assertUntouched();
  });
});
