// VMs whose kernels cannot be loaded beside one whose kernel can, in one boot: each is told why, and the other runs.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { RunResult } from "../../tools/emulators/run.ts";
import type { Vm } from "../../tools/vms/vm.ts";
import { bzImage } from "../unit/vmm/linux-images.ts";
import { boot, onlyLine } from "./support/boot.ts";
import { makeBinary } from "./support/kernels.ts";

const MIB = 1 << 20;
const code = Buffer.alloc(0x10000, 0x90);
const whole = bzImage(code);

/** By VM: the kernel, what its VM has beside it, and why it is refused. */
const refused: Readonly<Record<string, readonly [Buffer, Partial<Vm>, RegExp]>> = {
  truncated: [
    whole.subarray(0, -5000),
    {},
    /it is a truncated Linux kernel: it ends before setup_sects and syssize say/,
  ],
  zimage: [bzImage(code, { loadflags: 0 }), {}, /it is a Linux zImage, not a bzImage/],
  "of-32-bits": [bzImage(code, { xloadflags: 0 }), {}, /it is a Linux kernel of 32 bits/],
  damaged: [bzImage(code, { kernel_alignment: 12345 }), {}, /header is damaged: kernel_alignment is no power of two/],
  small: [bzImage(code, { init_size: 32 * MIB }), {}, /this VM has too little RAM for this Linux kernel .*memory=/],
  "with-initrd": [whole, { initrd: "initrd" }, /this VM has too little RAM for its initial RAM disk beside the kernel/],
};

let directory: string;
let vms: Vm[];
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "basalt-refused-"));
  const path = (name: string): string => join(directory, name);
  await writeFile(path("initrd"), Buffer.alloc(20 * MIB, 0x5a));
  vms = await Promise.all(
    Object.entries(refused).map(async ([name, [bytes, { initrd }]]) => {
      await writeFile(path(name), bytes);
      const more = initrd === undefined ? {} : { initrd: path(initrd) };
      return { name, kernel: path(name), memory: "16M", ...more };
    }),
  );
  vms.splice(3, 0, { name: "good", kernel: await makeBinary("flat"), flat: true, memory: "16M" });
});
after(() => rm(directory, { recursive: true }));

for (const on of ["bochs", "tcg"] as const) {
  describe(`on ${on}`, () => {
    let run: RunResult;
    before(async () => {
      run = await boot(on, "", { vms });
    });

    for (const [name, [, , why]] of Object.entries(refused)) {
      test(`kernel ${name} is refused with what is wrong`, () => {
        const line = onlyLine(run, new RegExp(`^basalt: error: ${name}: the boot module cannot be started: `));
        assert.match(line, why);
      });
    }

    test("the VM amid them runs to its end, and so does Basalt", () => {
      onlyLine(run, /^basalt: good: hello from a flat binary$/);
      onlyLine(run, /^basalt: good: ended: guest-exit with the value 42 /);
      assert.equal(run.ended, "result");
      assert.equal(run.result?.name, "guest-not-loaded");
    });
  });
}
