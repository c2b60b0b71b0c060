// Boots kernels of the test's own as guests, in Bochs and TCG: what they were told, what they print, and how they end.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { RunResult } from "../../tools/emulators/run.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { makeKernel } from "./support/kernels.ts";

/** The memory map that the kernel printed. */
const mapOf = (run: RunResult): string[] =>
  run.lines.flatMap((line) => /^basalt: vm0: map (.*)$/.exec(line)?.[1] ?? []);

let multiboot1: string;
let multiboot2: string;
before(async () => {
  multiboot1 = await makeKernel("multiboot1", 32, 0x100000);
  multiboot2 = await makeKernel("multiboot2", 64, 0x200000);
});

describe("a Multiboot kernel", () => {
  for (const media of ["iso", "disk"] as const) {
    test(`on --media ${media} starts in the specified state, is told all, and ends with its value`, async () => {
      const kernel = { path: multiboot1, append: "one=1 t*o  three", memory: 64 };
      const run = await boot("bochs", "", { kernel, media });
      assertEnded(run, "53 guest-exit", "guestValue");
      assert.equal(run.result?.value, 0x2a);
      assert.match(run.summary, /the guest's value is 42 \(0x2a\)/);
      onlyLine(run, /^basalt: vm0: guest module, 64 MiB of RAM$/);
      // CR0: PE and ET; RFLAGS: neither IF nor VM.
      onlyLine(run, /^basalt: vm0: magic 2badb002 cr0 00000011 flags 00000002 bss 00000000$/);
      onlyLine(run, /^basalt: vm0: information flags 0000024d lower 0000027f upper 0000fc00 modules 00000000$/);
      onlyLine(run, /^basalt: vm0: command line: multiboot1\.elf one=1 t\*o three$/);
      onlyLine(run, /^basalt: vm0: loader: Basalt$/);
      assert.deepEqual(mapOf(run), [
        "0000000000000000 + 000000000009fc00 type 00000001",
        "000000000009fc00 + 0000000000000400 type 00000002",
        "00000000000e0000 + 0000000000020000 type 00000002",
        "0000000000100000 + 0000000003f00000 type 00000001",
        "00000000e0000000 + 0000000000100000 type 00000002",
      ]);
      onlyLine(run, /^basalt: vm0: ended: guest-exit with the value 42 \(0x2a\), \d+ VM entries, /);
      assert.ok(!run.lines.some((line) => line.includes("this is not reached")));
    });
  }

  test("runs with a GiB of RAM, for which the machine gets more", async () => {
    const run = await boot("bochs", "", { kernel: { path: multiboot1, memory: 1024 } });
    assertEnded(run, "53 guest-exit", "guestValue");
    onlyLine(run, /^basalt: vm0: information flags 0000024d lower 0000027f upper 000ffc00 /);
  });

  test("runs in two VMs of one boot", async () => {
    const run = await boot("bochs", "guest=module,hlt,module iterations=3", { kernel: { path: multiboot1 } });
    assertEnded(run, "53 guest-exit", "guestValue");
    for (const vm of [0, 2]) onlyLine(run, new RegExp(`^basalt: vm${vm}: ended: guest-exit with the value 42 `));
    onlyLine(run, /^basalt: vm1: ended: ok, /);
  });
});

test("a Multiboot2 kernel in an ELF of 64 bits reads its tags to the end, and ends well with the value 0", async () => {
  const run = await boot("bochs", "", { kernel: { path: multiboot2, append: "words" } });
  assertEnded(run, "0 ok", "ok");
  onlyLine(run, /^basalt: vm0: magic 36d76289$/);
  onlyLine(run, /^basalt: vm0: tag 00000001 bytes [0-9a-f]{8}: multiboot2\.elf words$/);
  onlyLine(run, /^basalt: vm0: tag 00000002 bytes [0-9a-f]{8}: Basalt$/);
  onlyLine(run, /^basalt: vm0: tag 00000004 bytes 00000010 lower 0000027f upper 0001fc00$/);
  const map = onlyLine(run, /^basalt: vm0: tag 00000006 bytes /);
  assert.deepEqual(map.split(": ").slice(3), [
    "00000000+0009fc00 00000001",
    "0009fc00+00000400 00000002",
    "000e0000+00020000 00000002",
    "00100000+07f00000 00000001",
    "e0000000+00100000 00000002",
  ]);
});

test("a kernel that needs more RAM than its VM has is refused with what to do", async () => {
  const run = await boot("bochs", "", { kernel: { path: multiboot2, memory: 2 } });
  assertEnded(run, "52 guest-not-loaded", "guest");
  onlyLine(run, /^basalt: error: vm0: the boot module cannot be started: .*give the VM more \(memory=\)/);
});

test("guest=module without a module says how to give one", async () => {
  const run = await boot("bochs", "guest=module");
  assertEnded(run, "52 guest-not-loaded", "guest");
  onlyLine(run, /^basalt: error: vm0: there is no boot module 1: .*GRUB's module2 or QEMU's -initrd$/);
});

test("QEMU that loads Basalt's ELF itself passes the kernel and its command line", async () => {
  const run = await boot("tcg", "loglevel=debug", { kernel: { path: multiboot1, append: 'a "b"' }, media: "kernel" });
  assertEnded(run, "53 guest-exit", "guestValue");
  onlyLine(run, /boot command line: guest=module loglevel=debug -- multiboot1\.elf a "b"$/);
  onlyLine(run, /^basalt: vm0: command line: multiboot1\.elf a "b"$/);
});
