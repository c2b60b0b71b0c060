// Boots the guests that public cases are about (mirror, rdtsc, ept) and the real-mode guest.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { builtElf } from "../../tools/paths.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { bootAt, exitLine, notOffered, places } from "./support/places.ts";
import { stopInBochs } from "./support/bochs-snapshot.ts";
import { ImageSymbols } from "./support/image-symbols.ts";

describe("the guest mirror", () => {
  for (const [cpu, how] of [
    ["corei7_skylake_x", "with EPT"],
    ["corei7_sandy_bridge_2600k", "with EPT"],
    ["corei5_lynnfield_750", "with EPT"],
    ["core2_penryn_t9600", "without EPT"],
  ] as const) {
    test(`runs on a ${cpu} ${how}, to its VMCALL and back into the host`, async () => {
      const run = await boot("bochs", "guest=mirror", { cpu });
      assertEnded(run, "0 ok", "ok");
      onlyLine(run, new RegExp(`^basalt: vm0: guest mirror, in Basalt's own memory, ${how}$`));
      onlyLine(run, /^basalt: vm0: exit 18 VMCALL: 1 exits, /);
      const back = onlyLine(run, /^basalt: vm0: back in the host: its state is given up, /);
      assert.match(back, /, and its area, with \d+ pages and \d+ bytes of objects$/);
      assert.deepEqual(run.lines.slice(-2), ["basalt: VMX operation is off", "basalt: result 0 ok"]);
    });
  }

  test("leaves CR0 and CR4 as they were before VMX operation: CR4.VMXE is 0", async () => {
    const symbols = await ImageSymbols.of(builtElf);
    // The first line comes before VMX operation.
    const before = await stopInBochs(symbols, "serial_write", "guest=mirror");
    const after = await stopInBochs(symbols, "announce", "guest=mirror");
    assert.equal(after.cr4 & (1n << 13n), 0n);
    for (const register of ["cr0", "cr3", "cr4", "efer", "gdtBase", "taskSelector"] as const) {
      assert.equal(after[register], before[register], register);
    }
  });

  test("runs again and again in one boot", async () => {
    const run = await boot("bochs", "guest=mirror,hlt,mirror,rdtsc,mirror,ept,mirror,real iterations=9");
    assertEnded(run, "0 ok", "ok");
    for (let vm = 0; vm < 8; vm++) onlyLine(run, new RegExp(`^basalt: vm${vm}: ended: ok, `));
  });
});

for (const place of places) {
  const { name, vendor } = place;
  const whyNot = (guest: string): string | false => notOffered[vendor][guest] ?? false;
  describe(name, () => {
    test(
      "the guest rdtsc exits at each RDTSC, then makes one hypercall and ends",
      { skip: whyNot("rdtsc") },
      async () => {
        const run = await bootAt(place, "guest=rdtsc,rdtsc iterations=123");
        assertEnded(run, "0 ok", "ok");
        for (const vm of [0, 1]) {
          onlyLine(run, new RegExp(`^basalt: vm${vm}: ${exitLine(vendor, "rdtsc", 123)}`));
          onlyLine(run, new RegExp(`^basalt: vm${vm}: ${exitLine(vendor, "hypercall", 1)}`));
        }
      },
    );

    test(
      "the guest ept, a page of HLT behind a null descriptor table, exits as often as it is told",
      { skip: whyNot("ept") },
      async () => {
        const run = await bootAt(place, "guest=ept iterations=5000");
        assertEnded(run, "0 ok", "ok");
        onlyLine(run, new RegExp(`^basalt: vm0: ${exitLine(vendor, "hlt", 5000)}`));
        onlyLine(
          run,
          new RegExp(
            `^basalt: vm0: ended: ok, \\d+ VM entries, final RIP 0x${(0x10000 + (5000 % 4091)).toString(16).padStart(16, "0")}$`,
          ),
        );
      },
    );

    test("the guest real prints a line from 16-bit real mode through COM1, polling it, and halts", async () => {
      const run = await bootAt(place, "guest=real");
      assertEnded(run, "0 ok", "ok");
      onlyLine(run, /^basalt: vm0: hello from 16-bit real mode$/);
      onlyLine(run, new RegExp(`^basalt: vm0: ${exitLine(vendor, "port", 58)}`));
      onlyLine(run, new RegExp(`^basalt: vm0: ${exitLine(vendor, "hlt", 1)}`));
      onlyLine(run, /^basalt: vm0: ended: ok, \d+ VM entries, final RIP 0x0000000000007c1b$/);
    });
  });
}
