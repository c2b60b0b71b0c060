// `basalt run --vms`: VMs of a vm.json, side by side in Bochs and TCG, each as the file describes it.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { exitCodes } from "../../tools/exit-codes.ts";
import type { RunResult } from "../../tools/emulators/run.ts";
import { root } from "../../tools/paths.ts";
import { onlyLine } from "./support/boot.ts";
import { makeKernel } from "./support/kernels.ts";
import { exitLine, places } from "./support/places.ts";

let directory: string;
let file: string;
before(async () => {
  const kernel = await makeKernel("multiboot1", 32, 0x100000);
  directory = await mkdtemp(join(tmpdir(), "basalt-vms-"));
  file = join(directory, "vm.json");
  const vms = [
    { name: "load", guest: "count", iterations: 5000, weight: 20 },
    {
      name: "web",
      kernel: join(relative(directory, dirname(kernel)), basename(kernel)),
      commandLine: "one=1 t*o  \"three\" 'four' \\",
      memory: "64M",
      cpu: "any",
    },
    { name: "idle", guest: "hlt", iterations: 300, memory: "4M", cpu: 0, watches: ["30000-31000:noaccess:count"] },
  ];
  await writeFile(file, JSON.stringify({ vms }, null, 2));
});
after(() => rm(directory, { recursive: true }));

for (const { name, vendor, on } of places) {
  describe(name, () => {
    let run: RunResult;
    before(async () => {
      const words = ["run", "--no-build", "--on", on, "--vms", file, "--append", "loglevel=info", "--json"];
      const ended = await execa(process.execPath, ["tools/basalt.mjs", ...words], { cwd: root, reject: false });
      run = JSON.parse(ended.stdout) as RunResult;
      assert.equal(ended.exitCode, exitCodes.guestValue.code, ended.stderr);
    });

    test("each VM has its name, its RAM and its iterations", () => {
      onlyLine(run, /^basalt: load: vm0, guest count, 16 MiB of RAM$/);
      onlyLine(run, /^basalt: web: vm1, guest module, 64 MiB of RAM$/);
      onlyLine(run, /^basalt: idle: vm2, guest hlt, 4 MiB of RAM$/);
      onlyLine(run, new RegExp(`^basalt: load: ${exitLine(vendor, "cpuid", 5000)}`));
      onlyLine(run, new RegExp(`^basalt: idle: ${exitLine(vendor, "hlt", 300)}`));
      onlyLine(run, /^basalt: idle: watch 0x30000-0x31000:noaccess:count: 0 accesses$/);
    });

    test("the kernel is told its command line letter by letter, and each line of it carries its VM's name", () => {
      onlyLine(run, /^basalt: web: command line: multiboot1\.elf one=1 t\*o {2}"three" 'four' \\$/);
      onlyLine(run, /^basalt: web: ended: guest-exit with the value 42 /);
      assert.ok(run.lines.every((line) => !/^basalt: vm\d/.test(line)));
    });

    test("they run side by side, and the result is the kernel's", () => {
      const created = run.lines.findIndex((line) => line === "basalt: idle: loaded guest hlt");
      assert.ok(created > 0 && created < run.lines.findIndex((line) => line.includes(": ended: ")));
      assert.equal(run.result?.value, 42);
    });
  });
}
