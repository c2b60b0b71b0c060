// `basalt image`: the image of VMs with initrds and disks boots by itself, by BIOS and by UEFI, from CD and from a USB stick; and
// `basalt run --kernel` with an initrd and a disk runs the same.
import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { execa } from "execa";
import { exitCodes } from "../../tools/exit-codes.ts";
import { runOn, type RunResult } from "../../tools/emulators/run.ts";
import { builtElf, root } from "../../tools/paths.ts";
import { onlyLine } from "./support/boot.ts";
import { makeKernel } from "./support/kernels.ts";

let directory: string;
let kernel: string;
let iso: string;

function basalt(...words: string[]): ReturnType<typeof execa> {
  return execa(process.execPath, ["tools/basalt.mjs", ...words], { cwd: root, reject: false });
}

before(async () => {
  kernel = await makeKernel("multiboot1", 32, 0x100000);
  directory = await mkdtemp(join(tmpdir(), "basalt-appliance-"));
  iso = join(directory, "appliance.iso");
  const file = join(directory, "vm.json");
  await writeFile(join(directory, "initrd"), "an initrd");
  await writeFile(join(directory, "disk"), Buffer.alloc(5 << 20, "disk"));
  const own = { kernel, initrd: "initrd", memory: "16M" };
  const vms = [
    { name: "web", ...own, disk: "disk", commandLine: "first words" },
    { name: "db", ...own, disk: "disk", diskReadOnly: true },
    { name: "scratch", ...own, disk: "8M" },
  ];
  await writeFile(file, JSON.stringify({ vms }));
  const made = await basalt("image", file, "-o", iso, "--no-build", "--options", "loglevel=debug");
  assert.equal(made.exitCode, 0, String(made.stderr));
  assert.match(String(made.stderr), /holds Basalt and 3 VMs: .*\n.*basalt flash --image/);
});
after(() => rm(directory, { recursive: true }));

/** Basalt's command line is in the image; that of the run would take its place. */
const options = "loglevel=debug";

describe("an appliance boots", () => {
  for (const [firmware, media] of [
    ["bios", "iso"],
    ["bios", "disk"],
    ["uefi", "iso"],
    ["uefi", "usb"],
  ] as const) {
    test(`by ${firmware} with --media ${media}, and each VM has what it was given`, async () => {
      const run: RunResult = await runOn("tcg", { image: { elf: builtElf, iso }, append: options, firmware, media });
      assert.equal(run.exitCode, exitCodes.guestValue.code, run.serial);
      for (const name of ["web", "db", "scratch"]) {
        onlyLine(run, new RegExp(`^basalt: ${name}: ended: guest-exit with the value 42 `));
      }
      onlyLine(run, /^basalt: web: command line: multiboot1\.elf first words$/);
      onlyLine(run, /^basalt: scratch: vm2, guest module, 16 MiB of RAM, a RAM disk of 8 MiB$/);
      onlyLine(run, /boot command line: loglevel=debug\s*$/);
    });
  }
});

test("an appliance holds each file once, though a disk that is written is a module of its own in memory", async () => {
  const { size } = await stat(iso);
  const { size: bare } = await stat(join(root, "build/basalt.iso"));
  const added = (size - bare) / 2 ** 20;
  assert.ok(added > 5 && added < 6, `${added} MiB`);
});

test("a kernel with an initrd and a disk runs as the VM of a file does", async () => {
  const words = ["run", "--no-build", "--on", "tcg", "--json", "--kernel", kernel, "--append", "some words"];
  const own = ["--initrd", join(directory, "initrd"), "--disk", join(directory, "disk"), "--memory", "32M"];
  const ended = await basalt(...words, ...own);
  assert.equal(ended.exitCode, exitCodes.guestValue.code, String(ended.stderr));
  const run = JSON.parse(String(ended.stdout)) as RunResult;
  onlyLine(run, /^basalt: vm0: guest module, 32 MiB of RAM$/);
  onlyLine(run, /^basalt: vm0: command line: multiboot1\.elf some words$/);
});

test("a packed file is in memory as it is: GRUB does not unpack it", async () => {
  const packed = join(directory, "initrd.gz");
  await writeFile(packed, gzipOf512Bytes(Buffer.alloc(1000)));
  const own = ["--kernel", kernel, "--disk", packed, "--disk-read-only"];
  // Unpacked it would have no multiple of 512 bytes, and be refused as a disk.
  const ended = await basalt("run", "--no-build", "--on", "tcg", "--json", ...own);
  assert.equal(ended.exitCode, exitCodes.guestValue.code, String(ended.stdout));
});

/** `bytes` packed by gzip (RFC 1952), with a name that fills the file up to 512 bytes. */
function gzipOf512Bytes(bytes: Buffer): Buffer {
  const whole = gzipSync(bytes);
  const [head, rest] = [Buffer.from(whole.subarray(0, 10)), whole.subarray(10)];
  head[3] = 8;
  return Buffer.concat([head, Buffer.from("n".repeat(512 - whole.length - 1)), Buffer.alloc(1), rest]);
}
