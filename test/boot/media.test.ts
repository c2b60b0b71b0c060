// Boots the image from every medium by every firmware, up to what a machine without VMX is told.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { firmwareNames, mediaNames } from "../../tools/emulators/machine.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";

const vendor = /^basalt: error: no VMX: CPUID\.0 names the vendor "AuthenticAMD"; Basalt needs an Intel CPU with VMX/;

describe("in QEMU without KVM", () => {
  for (const firmware of firmwareNames) {
    for (const media of mediaNames.filter((name) => firmware === "bios" || name !== "kernel")) {
      test(`--media ${media} --firmware ${firmware} comes to not-intel, with the run's boot options`, async () => {
        const run = await boot("tcg", "loglevel=debug", { media, firmware });
        assertEnded(run, "20 not-intel", "refused");
        onlyLine(run, vendor);
        onlyLine(run, /^basalt: debug: boot command line: loglevel=debug$/);
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
      onlyLine(run, /^basalt: vm0: exit 10 CPUID: 10 exits, /);
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
