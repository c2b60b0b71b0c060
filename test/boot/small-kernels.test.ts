// Boots a PVH kernel with an initrd and a flat binary beside each other, in Bochs and TCG: what they were told.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { RunResult } from "../../tools/emulators/run.ts";
import type { Vm } from "../../tools/vms/vm.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { makeBinary } from "./support/kernels.ts";

const initrdBytes = Buffer.from(Array.from({ length: 70_001 }, (_, n) => (n * 7 + (n >> 8)) & 0xff));
const hex = (value: number): string => value.toString(16).padStart(8, "0");

let directory: string;
let vms: Vm[];
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "basalt-kernels-"));
  const initrd = join(directory, "initrd");
  await writeFile(initrd, initrdBytes);
  const [pvh, flat] = await Promise.all(["pvh", "flat"].map(makeBinary));
  vms = [
    { name: "pvh", kernel: pvh!, initrd, commandLine: "one=1  two", memory: "64M" },
    { name: "flat", kernel: flat!, flat: true, commandLine: "flat words", memory: "16M" },
    { name: "unsaid", kernel: flat!, memory: "16M" },
  ];
});
after(() => rm(directory, { recursive: true }));

for (const on of ["bochs", "tcg"] as const) {
  describe(`on ${on}`, () => {
    let run: RunResult;
    before(async () => {
      run = await boot(on, "", { vms });
    });

    test("all kernels end with their value", () => {
      assertEnded(run, "53 guest-exit", "guestValue");
      for (const { name } of vms.slice(0, 2)) {
        onlyLine(run, new RegExp(`^basalt: ${name}: ended: guest-exit with the value 42 `));
      }
    });

    test("a PVH kernel starts in flat protected mode without paging, with a start info of version 1", () => {
      // CR0: PE and ET; RFLAGS: neither IF nor VM.
      onlyLine(run, /^basalt: pvh: state: cr0 00000011 cr4 00000000 flags 00000002$/);
      onlyLine(run, /^basalt: pvh: info: magic 336ec578 version 00000001 flags 00000000 modules 00000001$/);
      onlyLine(run, /^basalt: pvh: command line: pvh\.bin one=1 {2}two$/);
    });

    test("its memory map has RAM below 640 KiB and from 1 MiB to the end", () => {
      const map = run.lines.flatMap((line) => /^basalt: pvh: map (.*)$/.exec(line)?.[1] ?? []);
      assert.deepEqual(
        map.filter((entry) => entry.endsWith("type 00000001")),
        ["0000000000000000 + 000000000009fc00 type 00000001", "0000000000100000 + 0000000003f00000 type 00000001"],
      );
    });

    test("its initrd is its only module, byte by byte", () => {
      const sum = initrdBytes.reduce((all, byte) => all + byte, 0);
      const expected = `module: bytes ${hex(initrdBytes.length)} sum ${hex(sum)} above 4 GiB 00000000`;
      onlyLine(run, new RegExp(`^basalt: pvh: ${expected}$`));
    });

    test("it is told where ACPI's RSDP is, whose sums and whose XSDT's are right", () => {
      onlyLine(run, /^basalt: pvh: rsdp: RSD PTR {2}sum 00000000 extended sum 00000000 XSDT sum 00000000$/);
    });

    test("a flat binary is entered at its first byte, with a start info, whatever its bytes look like", () => {
      onlyLine(run, /^basalt: flat: hello from a flat binary$/);
      onlyLine(run, /^basalt: flat: magic 336ec578 version 00000001$/);
      onlyLine(run, /^basalt: flat: command line: flat\.bin flat words$/);
    });

    test("the same file without flat is the Multiboot kernel that it looks like", () => {
      onlyLine(run, /^basalt: error: unsaid: the boot module cannot be started: /);
    });
  });
}
