// Machines as firmware and boot loaders may leave them: GRUB makes the state, Basalt meets it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { machineEnd, readStoppedMachine, type Monitor } from "../../tools/emulators/qemu-monitor.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { withLeftoverIso } from "./support/leftover-iso.ts";

/** Booted by BIOS from the ISO, to the machine's own end. */
const toEnd = { media: "iso", firmware: "bios", stopAt: machineEnd } as const;
const GIB = 1n << 30n;
const BUS_MASTER = 4;

test("x2APIC mode, an open I/O APIC line and RAM that lies above 4 GiB: the vmm's time is bounded, a guest runs", async () => {
  // Line 15 to vector 0x30; 16 MiB to 4 GiB are no RAM, and below there are fewer blocks than four VMs touch; x2APIC mode comes last, as GRUB's disk reads need the BIOS.
  const before = ["write_dword 0xfec00000 0x2e", "write_dword 0xfec00010 0x30", "cutmem 0x1000000 0xfffff000"];
  const after = ["wrmsr 0x1b 0xfee00d00"];
  const run = await withLeftoverIso({ before, after }, (image) =>
    boot("bochs", "guest=hlt+hlt+hlt+hlt,fault-loop iterations=100 loglevel=debug", { image, memory: 4224 }),
  );
  assertEnded(run, "50 vmm-stopped", "guest");
  onlyLine(run, /^basalt: debug: local APIC in x2APIC mode/);
  onlyLine(run, /^basalt: debug: I\/O APIC at 0xfec00000: 24 lines, 1 were open$/);
  onlyLine(run, /^basalt: error: vm4: vmm stopped: time budget spent/);
  const ram = /vmm at (0x[0-9a-f]+)/.exec(onlyLine(run, /^basalt: debug: vm3: vmm at/))?.[1];
  assert.ok(BigInt(ram!) >= 4n * GIB, ram);
  onlyLine(run, /^basalt: vm3: ended: ok, 1\d\d VM entries/);
});

test("other CPUs are woken in x2APIC mode, join it, are rung in it, and are stopped in it by a panic", async () => {
  await withLeftoverIso({ after: ["wrmsr 0x1b 0xfee00d00"] }, async (image) => {
    const guests = "guest=count+count+loop+loop iterations=1000 ticks=20000000 loglevel=debug";
    const run = await boot("bochs", guests, { image, processors: 2 });
    assertEnded(run, "54 time-limit", "guest");
    onlyLine(run, /^basalt: debug: local APIC in x2APIC mode/);
    onlyLine(run, /^basalt: 2 of 2 CPUs work$/);
    for (const vm of [0, 1]) onlyLine(run, new RegExp(`^basalt: vm${vm}: ended: ok, `));
    for (const vm of [2, 3]) onlyLine(run, new RegExp(`^basalt: vm${vm}: ended: time-limit, `));

    const panic = await boot("bochs", "guest=loop+hlt fail=processor-panics", { image, processors: 2 });
    assertEnded(panic, "61 assertion", "panic");
    onlyLine(panic, /^basalt: panic: CPU 1: the boot option fail=processor-panics asks for it/);
  });
});

test("more than 4 GiB of RAM are counted", async () => {
  const run = await boot("tcg", "iterations=10", { memory: 6144 });
  assertEnded(run, "0 ok", "ok");
  const mib = Number(/(\d+) MiB of RAM free/.exec(onlyLine(run, /MiB of RAM free$/))?.[1]);
  assert.ok(mib > 6100 && mib < 6144, `${mib} MiB`);
});

/** The functions that QEMU's monitor lists: bus, device, function, and whether it is a display. */
async function functionsOf(monitor: Monitor): Promise<{ place: string; ecam: bigint; isDisplay: boolean }[]> {
  const listed = (await monitor.ask("info pci")).matchAll(/Bus +(\d+), device +(\d+), function (\d+):\s+([^:]+):/g);
  return [...listed].map(([, bus, device, func, kind]) => ({
    place: `${bus}:${device}.${func} ${kind}`,
    ecam: 0xb0000000n + BigInt((Number(bus) << 20) | (Number(device) << 15) | (Number(func) << 12)),
    isDisplay: /VGA|Display/.test(kind!),
  }));
}

async function commandRegister(monitor: Monitor, ecam: bigint): Promise<number> {
  const word = /: 0x([0-9a-f]{8})/.exec(await monitor.ask(`xp /1wx 0x${(ecam + 4n).toString(16)}`))?.[1];
  assert.ok(word !== undefined, "QEMU's monitor reads the enhanced configuration space");
  return Number(`0x${word}`) & 0xffff;
}

test("bus mastering that GRUB switched on everywhere is off everywhere but at the display, says QEMU's monitor", async () => {
  const devices = [
    ...["e1000", "qemu-xhci", "nec-usb-xhci,multifunction=on,addr=5.0", "e1000e,addr=5.1"],
    ...["pcie-root-port,id=below,chassis=1", "virtio-net-pci,bus=below", "pcie-pci-bridge,id=bridge"],
    ...["pci-bridge,id=second,bus=bridge,chassis_nr=2,addr=1", "rtl8139,bus=second,addr=3"],
  ];
  const options = ["-machine", "q35", ...devices.flatMap((device) => ["-device", device])];
  const before = ["setpci 0x4.w=0x7"];
  await withLeftoverIso({ before }, (image) =>
    readStoppedMachine({ ...toEnd, append: "iterations=10", image, options }, async ({ monitor, lines }) => {
      const found = await functionsOf(monitor);
      const printed = lines.find((line) => line.startsWith("basalt: PCI: ")) ?? "";
      const counts = /^basalt: PCI: (\d+) functions, bus mastering switched off on (\d+), left on for 1 /.exec(printed);
      assert.equal(Number(counts?.[1]), found.length, `${printed}\n${found.map(({ place }) => place).join("\n")}`);
      assert.ok(Number(counts?.[2]) >= 9, printed);
      for (const { place, ecam, isDisplay } of found) {
        const isMaster = ((await commandRegister(monitor, ecam)) & BUS_MASTER) !== 0;
        assert.equal(isMaster, isDisplay, `${place} ${isMaster ? "is" : "is no"} bus master`);
      }
    }),
  );
});

describe("at its end the machine", () => {
  for (const machine of ["pc", "q35"]) {
    test(`powers off by ACPI as a ${machine}`, async () => {
      const boot = { ...toEnd, append: "iterations=10", options: ["-machine", machine] };
      await readStoppedMachine(boot, async ({ monitor, lines }) => {
        assert.match(await monitor.ask("info status"), /paused \(shutdown\)/);
        assert.ok(lines.includes("basalt: result 0 ok"), lines.join("\n"));
        assert.ok(!lines.some((line) => /will not power itself off|safe to switch off/.test(line)), lines.join("\n"));
      });
    });
  }

  test("resets with end=reset", async () => {
    // -no-reboot makes a reset a shutdown; a power-off would be one too, but there is no ACPI.
    const boot = { ...toEnd, append: "end=reset iterations=10", options: ["-machine", "pc,acpi=off"] };
    await readStoppedMachine(boot, async ({ lines }) => {
      assert.ok(lines.includes("basalt: result 0 ok"), lines.join("\n"));
      assert.ok(lines.some((line) => /will not power itself off/.test(line)));
    });
  });
});
