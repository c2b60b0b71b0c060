// The PCI bus of a VM: configuration by both ways, base addresses, shared interrupt wires (PCI Local Bus 3.0).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PciMachine, randomNumbers } from "./pci-machine.ts";
import { DATA_REGISTER, FUNCTIONS, SpaceModel } from "./pci-space.ts";

const hex = (value: number | bigint): string => value.toString(16);

describe("the configuration space", () => {
  test("has at start what the specifications and the firmware's assignment say, by ports and by memory", async () => {
    const machine = await PciMachine.create();
    for (let device = 0; device < 32; device++) {
      const rows = FUNCTIONS[device];
      const model = rows && new SpaceModel(rows);
      for (let offset = 0; offset < 256; offset++) {
        const expected = model ? model.bytes[offset] : 0xff;
        assert.equal(machine.configuration(device, offset, 1), expected, `port ${device} ${hex(offset)}`);
        assert.equal(machine.ecam(device, offset, 1), expected, `memory ${device} ${hex(offset)}`);
      }
    }
  });

  test("behaves as a second model does, whoever writes what, by either way", async () => {
    const machine = await PciMachine.create();
    const models = FUNCTIONS.map((rows) => new SpaceModel(rows));
    const random = randomNumbers(1);
    for (let step = 0; step < 40_000; step++) {
      const device = random(8) === 0 ? random(32) : random(7);
      const byPorts = random(2) === 0;
      const bytes = 1 << random(byPorts ? 3 : 4);
      // By ports an access stays within the double word's four ports; memory may be accessed at any address.
      const within = byPorts ? random(64) * 4 + random(5 - bytes) : random(300);
      const isData = (i: number): boolean => (within + i) >> 2 === DATA_REGISTER >> 2;
      const touchesData = [1, 5, 6].includes(device) && [...Array(bytes).keys()].some(isData);
      if (touchesData) continue;
      const model = models[device];
      const what = `step ${step}: ${device} ${hex(within)} ${bytes} ${byPorts ? "port" : "memory"}`;
      if (random(2) === 0) {
        const low = random(2) === 0 ? 0xffff_ffff : random(2 ** 32);
        const value = (BigInt(random(2 ** 32)) << 32n) | BigInt(low);
        if (byPorts) machine.configure(device, within, bytes, low);
        else machine.write(0xe000_0000 + (device << 15) + within, bytes, value);
        for (let i = 0; i < bytes; i++) model?.write(within + i, Number((value >> BigInt(8 * i)) & 0xffn));
      } else {
        const byte = (at: number): number => (model ? (model.bytes[at] ?? 0) : 0xff);
        let expected = 0n;
        for (let i = 0; i < bytes; i++) expected |= BigInt(byte(within + i)) << BigInt(8 * i);
        const found = byPorts
          ? BigInt(machine.configuration(device, within, bytes))
          : machine.read(0xe000_0000 + (device << 15) + within, bytes);
        assert.equal(hex(found), hex(expected), what);
      }
    }
  });

  test("is nowhere behind bus 0, functions beyond 0, or an address register without its enable bit", async () => {
    const machine = await PciMachine.create();
    for (const address of [0x8001_0000, 0x80ff_0000, 0x8000_0100, 0x8000_0700, 0x0000_0000, 0x0000_0800]) {
      machine.out(0xcf8, 4, address);
      assert.equal(machine.in(0xcfc, 4), 0xffff_ffff, hex(address));
      machine.out(0xcfc, 4, 0);
    }
    assert.equal(machine.read(0xe000_1000, 4), 0xffff_ffffn, "00:00.1");
    assert.equal(machine.configuration(0, 0, 4), 0x0008_1b36);
  });

  test("reads 0 behind its 256 bytes in memory, to the end of the function's 4 KiB", async () => {
    const machine = await PciMachine.create();
    for (let offset = 256; offset < 4096; offset += 4) assert.equal(machine.ecam(1, offset, 4), 0);
    machine.configureByEcam(1, 0x104, 4, 0xffff_ffff);
    assert.equal(machine.ecam(1, 0x104, 4), 0);
    assert.equal(machine.ecam(1, 0x004, 4), 0x0010_0003, "the command register is not at 0x104 too");
  });

  test("is addressed by a double word at 0xcf8, whose reserved bits read 0; a byte at 0xcf9 resets the machine", async () => {
    const machine = await PciMachine.create();
    machine.out(0xcf8, 4, 0xffff_ffff);
    assert.equal(machine.in(0xcf8, 4), 0x80ff_fffc);
    machine.takeReset();
    for (const [port, bytes] of [
      [0xcf8, 1],
      [0xcfa, 1],
      [0xcfb, 1],
      [0xcfa, 2],
    ] as const) {
      machine.out(port, bytes, 0x0606);
      assert.equal(machine.in(port, bytes), bytes === 1 ? 0xff : 0xffff);
    }
    assert.equal(machine.takeReset(), false);
    machine.out(0xcf9, 1, 6);
    assert.equal(machine.takeReset(), true);
    assert.equal(machine.in(0xcf9, 1), 6);
    assert.equal(machine.in(0xcf8, 4), 0x80ff_fffc);
  });
});

describe("a base address register", () => {
  const ports = { bar: 0x1c, at: 0xc040, bytes: 64 };
  const memory = { bar: 0x10, at: 0xc001_0000, bytes: 0x8000 };

  test("tells its size and kind when all ones are written", async () => {
    const machine = await PciMachine.create();
    for (const { bar, at, bytes } of [ports, memory]) {
      const kind = bar === ports.bar ? 1 : 0;
      assert.equal(machine.configuration(3, bar, 4), (at | kind) >>> 0);
      machine.configure(3, bar, 4, 0xffff_ffff);
      assert.equal(machine.configuration(3, bar, 4), (~(bytes - 1) | kind) >>> 0);
    }
    for (const bar of [0x14, 0x18, 0x20, 0x24, 0x30]) {
      machine.configure(3, bar, 4, 0xffff_ffff);
      assert.equal(machine.configuration(3, bar, 4), 0, "there is no other");
    }
  });

  test("leads to the function's device at the first and at the last of its addresses, and not beyond", async () => {
    const machine = await PciMachine.create();
    machine.deviceValue = 0x1122_3344_5566_7788n;
    assert.equal(machine.read(0xc001_0000, 8), 0x1122_3344_5566_7788n);
    assert.equal(machine.read(0xc001_7fff, 1), 0x88n);
    assert.equal(machine.read(0xc001_7fff, 2), 0xffffn, "half of it is no device's");
    assert.equal(machine.in(0xc040, 4), 0x5566_7788);
    machine.out(0xc07c, 4, 0x1234_5678);
    machine.write(0xc001_7ffc, 4, 0x9abc_def0n);
    machine.write(0xc001_7ffe, 4, 1n);
    assert.deepEqual(machine.takeLog(), [
      "3 reads 8 at 0",
      "3 reads 1 at 7fff",
      "3 reads 4 at 0",
      "3 writes 12345678 (4) at 3c",
      "3 writes 9abcdef0 (4) at 7ffc",
    ]);
  });

  test("moves its device: what was there is gone, and the new addresses answer", async () => {
    const machine = await PciMachine.create();
    machine.deviceValue = 0x42n;
    for (const to of [0xdfff_8000, 0xc800_0000, 0xc001_0000]) {
      machine.configure(3, 0x10, 4, to);
      assert.equal(machine.read(to + 0x10, 1), 0x42n);
    }
    for (const to of [0xcfc0, 0xc800]) {
      machine.configureByEcam(3, 0x1c, 4, to);
      assert.equal(machine.in(to + 5, 1), 0x42);
      assert.equal(machine.in(0xc040 + 5, 1), 0xff, "the old ports");
    }
    machine.configure(3, 0x10, 4, 0xd000_0000);
    assert.equal(machine.read(0xc001_0010, 1), 0xffn, "the old addresses");
    assert.deepEqual(
      machine.takeLog(),
      ["10", "10", "10", "5", "5"].map((offset) => `3 reads 1 at ${offset}`),
    );
  });

  test("is not reached outside of the host's windows", async () => {
    const machine = await PciMachine.create();
    for (const to of [0x0000_0000, 0xbfff_8000, 0xe000_0000, 0xffff_8000]) {
      machine.configure(3, 0x10, 4, to);
      machine.read(to, 1);
    }
    for (const to of [0x0000, 0xbfc0, 0xd000, 0x1_c040]) {
      machine.configure(3, 0x1c, 4, to);
      machine.in(to & 0xffff, 1);
    }
    assert.deepEqual(machine.takeLog(), []);
    assert.equal(machine.read(0xe000_0000, 4), 0x0008_1b36n, "ECAM stays where it is");
  });

  test("is decoded while the command register says so, memory and ports each by its own bit", async () => {
    const machine = await PciMachine.create();
    machine.deviceValue = 0n;
    const seen = (): boolean[] => [machine.in(0xc040, 1) === 0, machine.read(0xc001_0000, 1) === 0n];
    for (const command of [0, 1, 2, 3, 0, 3]) {
      machine.configure(3, 4, 2, command);
      assert.deepEqual(seen(), [(command & 1) !== 0, (command & 2) !== 0]);
    }
  });
});

describe("interrupt wires", () => {
  test("lead from INTA# of device n to input 16 + n % 4", async () => {
    const machine = await PciMachine.create();
    for (const device of [2, 3, 4]) {
      machine.setInterrupt(device, true);
      assert.deepEqual(machine.highInputs, [16 + (device % 4)]);
      assert.equal(machine.configuration(device, 0x3c, 1), 16 + (device % 4));
      assert.equal(machine.configuration(device, 6, 2) & 8, 8, "the status register tells it");
      machine.setInterrupt(device, false);
      assert.deepEqual(machine.highInputs, []);
      assert.equal(machine.configuration(device, 6, 2) & 8, 0);
    }
  });

  test("are high while any of the functions that share one asserts it", async () => {
    const machine = await PciMachine.create();
    // 00:01.0 and 00:05.0 share input 17; both interrupt by pin as long as MSI-X is off.
    machine.interruptQueue(0, 0);
    machine.interruptQueue(1, 0);
    assert.deepEqual(machine.highInputs, [17]);
    machine.read(0xc000_1000, 1);
    assert.deepEqual(machine.highInputs, [17]);
    machine.read(0xc003_1000, 1);
    assert.deepEqual(machine.highInputs, []);
  });

  test("are quiet while the command register disables the pin, which hides no status", async () => {
    const machine = await PciMachine.create();
    machine.setInterrupt(2, true);
    machine.configure(2, 4, 2, 0x400);
    assert.deepEqual(machine.highInputs, []);
    assert.equal(machine.configuration(2, 6, 2) & 8, 8);
    machine.configure(2, 4, 2, 0);
    assert.deepEqual(machine.highInputs, [18]);
  });
});

describe("the state", () => {
  async function used(): Promise<PciMachine> {
    const machine = await PciMachine.create();
    machine.configure(2, 0x10, 4, 0xd000_0000);
    machine.configure(3, 4, 2, 0x405);
    machine.configure(1, 0x3c, 1, 0x0b);
    machine.setInterrupt(4, true);
    machine.configure(4, 0x1c, 4, 0xc400);
    return machine;
  }

  test("is saved and restored into a new machine, with base addresses and wires at work", async () => {
    const saved = (await used()).save();
    const machine = await PciMachine.create();
    assert.equal(machine.restore(saved), 0);
    assert.deepEqual(machine.save(), saved);
    assert.deepEqual(machine.highInputs, [16]);
    machine.read(0xd000_0000, 4);
    machine.in(0xc400, 4);
    machine.in(0xc041, 1);
    assert.deepEqual(machine.takeLog(), ["2 reads 4 at 0", "4 reads 4 at 0", "3 reads 1 at 1"]);
  });

  test("of a damaged table changes nothing that cannot be written, and is survived", async () => {
    const saved = (await used()).save();
    const random = randomNumbers(3);
    for (let round = 0; round < 300; round++) {
      const machine = await PciMachine.create();
      const damaged = saved.map((number) =>
        random(8) === 0 ? (BigInt(random(2 ** 32)) << BigInt(random(33))) & 0xffff_ffff_ffff_ffffn : number,
      );
      machine.restore(damaged.slice(0, damaged.length - (random(4) === 0 ? random(damaged.length) : 0)));
      for (const device of [0, 1, 2, 3, 4, 5, 6]) {
        assert.equal(
          machine.configuration(device, 0, 4),
          new DataView(new SpaceModel(FUNCTIONS[device]!).bytes.buffer).getUint32(0, true),
        );
      }
      machine.interruptQueue(0, 1);
      machine.interruptConfiguration(1);
      for (const port of [0xc000, 0xc100, 0xc104]) machine.out(port, 2, random(4));
    }
  });

  test("after a reset is that of the start", async () => {
    const machine = await PciMachine.create();
    const start = machine.save();
    machine.configure(2, 0x10, 4, 0xd000_0000);
    machine.setInterrupt(2, true);
    machine.interruptQueue(0, 0);
    machine.configure(5, 0x42, 2, 0xc000);
    machine.write(0xc003_3000, 4, 0xfee0_0000n);
    machine.reset();
    assert.deepEqual(machine.highInputs, []);
    assert.deepEqual(machine.save(), start);
  });
});

test("no traffic at ports and addresses of the bus traps", async () => {
  const machine = await PciMachine.create();
  const random = randomNumbers(7);
  for (let step = 0; step < 150_000; step++) {
    const value = random(2) === 0 ? random(16) : random(2 ** 32);
    const place = random(6);
    if (place === 0) machine.out(0xcf8, 4, (0x8000_0000 | random(0x4000)) >>> 0);
    else if (place === 1) machine.out(0xcf8 + random(8), 1 << random(3), value);
    else if (place === 2) machine.out(0xc000 + random(0x1000), 1 << random(3), value);
    else if (place === 3) machine.write(0xe000_0000 + random(0x30000), 1 << random(4), BigInt(value));
    else if (place === 4) machine.write(0xc000_0000 + random(0x40000), 1 << random(4), BigInt(value));
    else machine.read(0xc000_0000 + random(0x40000), 1 << random(4));
    if (random(64) === 0) machine.interruptQueue(random(2), random(4));
    if (random(64) === 0) machine.interruptConfiguration(random(2));
    if (random(500) === 0) machine.fail(random(2));
    if (random(5000) === 0) machine.reset();
  }
  machine.reset();
  assert.equal(machine.configuration(0, 0, 4), 0x0008_1b36);
});
