// Boots the image from every medium by every firmware to a guest's end: by SVM in TCG, by VMX in Bochs.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { firmwareNames, mediaNames } from "../../tools/emulators/machine.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { exitLine } from "./support/places.ts";

describe("in QEMU without KVM", () => {
  for (const firmware of firmwareNames) {
    for (const media of mediaNames.filter((name) => firmware === "bios" || name !== "kernel")) {
      test(`--media ${media} --firmware ${firmware} runs a guest, with the run's boot options`, async () => {
        const run = await boot("tcg", "guest=count iterations=10 loglevel=debug", { media, firmware });
        assertEnded(run, "0 ok", "ok");
        onlyLine(run, new RegExp(`^basalt: vm0: ${exitLine("amd", "cpuid", 10)}`));
        onlyLine(run, /^basalt: debug: boot command line: guest=count iterations=10 loglevel=debug$/);
      });
    }
  }

  test("UEFI with the ELF alone is refused with what to leave out", async () => {
    await assert.rejects(boot("tcg", "", { media: "kernel", firmware: "uefi" }), {
      exit: "usage",
      message: /^UEFI boots from a medium only, .*Leave out --media kernel or --firmware uefi\.$/,
    });
  });
});

describe("in Bochs", () => {
  for (const media of ["iso", "disk"] as const) {
    test(`--media ${media} runs a guest`, async () => {
      const run = await boot("bochs", "guest=count iterations=10", { media });
      assertEnded(run, "0 ok", "ok");
      onlyLine(run, new RegExp(`^basalt: vm0: ${exitLine("intel", "cpuid", 10)}`));
    });
  }

  for (const media of ["usb", "virtio", "kernel"] as const) {
    test(`--media ${media} is refused with what boots there, and where it does`, async () => {
      await assert.rejects(boot("bochs", "", { media }), {
        exit: "usage",
        message: `Bochs boots from CD and disk only. Use --media iso or disk, or run --media ${media} --on tcg.`,
      });
    });
  }
});
