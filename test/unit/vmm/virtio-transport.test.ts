// Virtio over PCI (virtio 1.2, 2.1 to 2.4, 3.1, 4.1), by a driver that goes the specified way, and each way that it must not go.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PciMachine, randomNumbers, type Virtio } from "./pci-machine.ts";
import {
  ACKNOWLEDGE,
  DRIVER,
  DRIVER_OK,
  EVENT_IDX,
  FAILED,
  FEATURES_OK,
  INDIRECT_DESC,
  NEEDS_RESET,
  NO_VECTOR,
  VERSION_1,
  VirtioDriver,
} from "./virtio-driver.ts";

const QUEUES = [1, 3] as const;
const OWN_FEATURES = [0x2640n, 0x1n] as const;
const MESSAGE = (data: number): string => `message ${data.toString(16)} to fee00000`;

async function driver(virtio: Virtio = 1): Promise<VirtioDriver> {
  const made = new VirtioDriver(await PciMachine.create(), virtio);
  made.machine.takeLog();
  return made;
}

describe("what a driver finds", () => {
  test("is the structures by their capabilities: the notification at ports, the rest in memory", async () => {
    for (const virtio of [0, 1] as const) {
      const found = await driver(virtio);
      for (const [type, isIo, bytes] of [
        [1, false, 0x38],
        [2, true, 2],
        [3, false, 1],
        [4, false, 1],
      ] as const) {
        assert.equal(found.structure(type).isIo, isIo);
        assert.ok(found.structure(type).length >= bytes);
      }
      assert.equal(found.machine.configuration(found.device, found.structure(2).capability + 16, 4), 0, "one address");
      assert.equal(found.get("numQueues"), QUEUES[virtio]);
    }
  });

  test("is its own features with those of the transport, and no more", async () => {
    for (const virtio of [0, 1] as const) {
      const found = await driver(virtio);
      assert.equal(found.offered, OWN_FEATURES[virtio] | VERSION_1 | EVENT_IDX | INDIRECT_DESC);
      for (const select of [2, 3, 0xffff_ffff]) {
        found.set("deviceFeatureSelect", select);
        assert.equal(found.get("deviceFeature"), 0);
      }
    }
  });

  test("is queues of at most 256 entries, none of them enabled; the others have the size 0", async () => {
    const found = await driver();
    for (let queue = 0; queue < 6; queue++) {
      found.set("queueSelect", queue);
      assert.equal(found.get("queueSize"), queue < 3 ? 256 : 0);
      assert.equal(found.get("queueEnable"), 0);
      if (queue < 3) assert.equal(found.get("queueVector"), NO_VECTOR);
    }
  });

  test("is the device's configuration, at every width and offset", async () => {
    const found = await driver();
    const { machine } = found;
    const at = found.structure(4).address;
    machine.deviceValue = 0x1122_3344_5566_7788n;
    assert.equal(machine.read(at + 8, 8), 0x1122_3344_5566_7788n);
    assert.equal(machine.read(at + 3, 1), 0x88n);
    machine.write(at + 0xffe, 2, 0xbeefn);
    assert.deepEqual(machine.takeLog(), ["5 reads 8 at 8", "5 reads 1 at 3", "5 writes beef (2) at ffe"]);
  });
});

describe("the initialization of 3.1.1", () => {
  test("ends with a device that runs, with the features and the queues that were chosen", async () => {
    const started = await driver();
    started.initialize(VERSION_1 | EVENT_IDX | 1n);
    const { machine } = started;
    assert.equal(started.get("status"), ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    assert.equal(machine.features(1), VERSION_1 | EVENT_IDX | 1n);
    assert.equal(machine.isRunning(1), true);
    assert.deepEqual(machine.queue(1, 2), {
      size: 128n,
      enabled: 1n,
      descriptors: 0x30000n,
      available: 0x34000n,
      used: 0x38000n,
      vector: 0xffffn,
      eventIndex: 1n,
      indirect: 0n,
    });
  });

  test("sets a bit of the status only if those before it are set, in every order of the four", async () => {
    const bits = [ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK];
    const orders = (rest: number[]): number[][] =>
      rest.length === 0
        ? [[]]
        : rest.flatMap((bit) => orders(rest.filter((other) => other !== bit)).map((o) => [bit, ...o]));
    const tried = await driver();
    for (const order of orders(bits)) {
      tried.set("status", 0);
      tried.accept(VERSION_1);
      let done = 0;
      for (const bit of order) {
        // The bits before it are set exactly if the next that is due is this one.
        const isDue = bits[done] === bit;
        assert.equal(tried.advance(bit), isDue, `${order.join()} at ${bit}`);
        if (isDue) done++;
      }
      assert.equal(tried.machine.isRunning(1), done === 4, order.join());
    }
  });

  test("may set several bits at once, and clears none but by a reset", async () => {
    const tried = await driver();
    tried.accept(VERSION_1);
    tried.set("status", ACKNOWLEDGE | DRIVER | FEATURES_OK);
    assert.equal(tried.get("status"), 11);
    tried.set("status", FAILED);
    assert.equal(tried.get("status"), 11 | FAILED);
    tried.set("status", NEEDS_RESET | 0x30);
    assert.equal(tried.get("status"), 11 | FAILED, "what is the device's or nobody's is not set");
    tried.set("status", 0);
    assert.equal(tried.get("status"), 0);
  });

  test("is refused FEATURES_OK for a feature that is not offered, and without VERSION_1", async () => {
    const tried = await driver();
    const offered = tried.offered;
    for (let bit = 0n; bit < 64n; bit++) {
      tried.set("status", 0);
      tried.advance(ACKNOWLEDGE);
      tried.advance(DRIVER);
      tried.accept(VERSION_1 | (1n << bit));
      assert.equal(tried.advance(FEATURES_OK), ((offered >> bit) & 1n) === 1n, `bit ${bit}`);
    }
    tried.set("status", 0);
    tried.advance(ACKNOWLEDGE | DRIVER);
    tried.accept(offered & ~VERSION_1);
    assert.equal(tried.advance(FEATURES_OK), false);
    assert.equal(tried.machine.features(1), 0n);
    tried.accept(offered);
    assert.equal(tried.advance(FEATURES_OK), true, "the driver may choose again");
    assert.equal(tried.machine.features(1), offered);
  });

  test("leaves the features as they are after FEATURES_OK", async () => {
    const tried = await driver();
    tried.initialize(VERSION_1);
    tried.accept(VERSION_1 | INDIRECT_DESC);
    assert.equal(tried.get("driverFeature"), 1, "the high half");
    tried.set("driverFeatureSelect", 0);
    assert.equal(tried.get("driverFeature"), 0, "the low half");
    tried.advance(FEATURES_OK);
    assert.equal(tried.machine.features(1), VERSION_1);
    assert.equal(tried.machine.queue(1, 0).indirect, 0n);
  });

  test("enables no queue before FEATURES_OK, and leaves an enabled queue as it is", async () => {
    const tried = await driver();
    tried.set("status", ACKNOWLEDGE | DRIVER);
    tried.setUpQueue(1, 64);
    assert.equal(tried.get("queueEnable"), 0);
    tried.accept(VERSION_1);
    tried.advance(FEATURES_OK);
    tried.set("queueEnable", 2);
    assert.equal(tried.get("queueEnable"), 0, "only 1 enables");
    tried.setUpQueue(1, 64);
    const before = tried.machine.queue(1, 1);
    assert.equal(before.enabled, 1n);
    tried.setUpQueue(1, 32);
    for (const field of ["queueDescriptors", "queueDriverHigh", "queueDevice"] as const) tried.set(field, 0x1234);
    tried.set("queueEnable", 0);
    assert.deepEqual(tried.machine.queue(1, 1), before);
  });

  test("takes no size that is no power of 2, is 0, or larger than the queue", async () => {
    const tried = await driver();
    for (let size = 0; size < 0x10000; size += size < 1030 ? 1 : 251) {
      tried.set("queueSize", 4);
      tried.set("queueSize", size);
      const isGood = size !== 0 && (size & (size - 1)) === 0 && size <= 256;
      assert.equal(tried.get("queueSize"), isGood ? size : 4, `${size}`);
    }
  });

  test("takes addresses by halves or at once, and no field by another width", async () => {
    const tried = await driver();
    const { machine } = tried;
    const common = tried.structure(1).address;
    machine.write(common + 0x20, 8, 0x0123_4567_89ab_c000n);
    tried.set("queueDriverHigh", 0xfedc_ba98);
    tried.set("queueDriver", 0x7654_3210);
    const queue = machine.queue(1, 0);
    assert.equal(queue.descriptors, 0x0123_4567_89ab_c000n);
    assert.equal(queue.available, 0xfedc_ba98_7654_3210n);
    assert.equal(machine.read(common + 0x20, 8), 0x0123_4567_89ab_c000n);
    const before = Array.from({ length: 0x38 }, (_, at) => machine.read(common + at, 1));
    const widths: Record<number, number> = { 0: 4, 8: 4, 0xc: 4, 0x10: 2, 0x14: 1, 0x16: 2, 0x18: 2, 0x1a: 2, 0x1c: 2 };
    for (let at = 0; at < 0x40; at++) {
      for (const bytes of [1, 2, 4]) {
        if (widths[at] === bytes || (at >= 0x20 && at % 4 === 0 && bytes === 4)) continue;
        machine.write(common + at, bytes, 0xffff_ffffn);
      }
    }
    assert.deepEqual(
      Array.from({ length: 0x38 }, (_, at) => machine.read(common + at, 1)),
      before,
    );
  });
});

describe("a notification", () => {
  test("reaches the device for each enabled queue, by its index", async () => {
    const started = await driver();
    started.initialize();
    started.machine.takeLog();
    for (let queue = 0; queue < 3; queue++) started.notify(queue);
    assert.deepEqual(
      started.machine.takeLog(),
      [0, 1, 2].map((queue) => `5 is notified of ${queue}`),
    );
  });

  test("is nothing for a queue that is not enabled or not there, and at any other width", async () => {
    const started = await driver();
    started.set("status", 0);
    started.accept(VERSION_1);
    started.set("status", ACKNOWLEDGE | DRIVER | FEATURES_OK);
    started.setUpQueue(1, 16);
    started.notify(1);
    assert.deepEqual(started.machine.takeLog(), ["5 is reset"], "before DRIVER_OK the device does not run");
    started.advance(DRIVER_OK);
    started.machine.takeLog();
    for (const queue of [0, 2, 3, 4, 0x101, 0xffff]) started.notify(queue);
    started.notify(1, 1);
    started.notify(1, 4);
    started.machine.out(started.structure(2).address + 2, 2, 1);
    assert.deepEqual(started.machine.takeLog(), []);
  });

  test("that came too early is made up for when DRIVER_OK is set, or the device may write to memory", async () => {
    const started = await driver();
    started.initialize();
    const all = [0, 1, 2].map((queue) => `5 is notified of ${queue}`);
    assert.deepEqual(started.machine.takeLog(), ["5 is reset", ...all]);
    started.machine.configure(5, 4, 2, 3);
    started.notify(1);
    assert.deepEqual(started.machine.takeLog(), []);
    started.machine.configure(5, 4, 2, 7);
    assert.deepEqual(started.machine.takeLog(), all);
    started.machine.configure(5, 4, 2, 7);
    started.advance(DRIVER_OK);
    assert.deepEqual(started.machine.takeLog(), []);
  });
});

describe("an interrupt by the pin", () => {
  test("is told by the ISR status, which is 0 once read, and the wire is low again", async () => {
    const { machine, driver } = await started();
    for (const [cause, isr] of [
      [() => machine.interruptQueue(1, 0), 1],
      [() => machine.interruptConfiguration(1), 2],
      [() => (machine.interruptQueue(1, 2), machine.interruptConfiguration(1)), 3],
    ] as const) {
      cause();
      assert.deepEqual(machine.highInputs, [17]);
      assert.equal(machine.configuration(5, 6, 2) & 8, 8);
      assert.equal(driver.isr, isr);
      assert.deepEqual(machine.highInputs, []);
      assert.equal(driver.isr, 0);
    }
  });

  test("is over with MSI-X, and with the reset of the device", async () => {
    const { machine, driver } = await started();
    machine.interruptQueue(1, 0);
    driver.controlMsix(true);
    assert.deepEqual(machine.highInputs, []);
    driver.controlMsix(false);
    assert.deepEqual(machine.highInputs, [17]);
    driver.set("status", 0);
    assert.deepEqual(machine.highInputs, []);
    assert.equal(driver.isr, 0);
  });
});

describe("an interrupt by a message", () => {
  async function withVectors(): Promise<Awaited<ReturnType<typeof started>>> {
    const made = await started();
    const { driver } = made;
    driver.controlMsix(true, true);
    for (let vector = 0; vector < 4; vector++) driver.setVector(vector, 0x40 + vector);
    driver.set("configurationVector", 3);
    for (let queue = 0; queue < 3; queue++) {
      driver.set("queueSelect", queue);
      driver.set("queueVector", queue);
    }
    driver.controlMsix(true);
    made.machine.takeLog();
    return made;
  }

  test("is that of the queue's vector, or of the configuration's, and the wire stays low", async () => {
    const { machine } = await withVectors();
    for (let queue = 0; queue < 3; queue++) machine.interruptQueue(1, queue);
    machine.interruptConfiguration(1);
    assert.deepEqual(machine.takeLog(), [0x40, 0x41, 0x42, 0x43].map(MESSAGE));
    assert.deepEqual(machine.highInputs, []);
  });

  test("is none without a vector; one that the function doesn't have reads as none", async () => {
    const { machine, driver } = await withVectors();
    driver.set("queueSelect", 1);
    for (const vector of [4, 5, 0x8000, NO_VECTOR]) {
      driver.set("queueVector", 0);
      driver.set("queueVector", vector);
      assert.equal(driver.get("queueVector"), NO_VECTOR);
      driver.set("configurationVector", vector);
      assert.equal(driver.get("configurationVector"), NO_VECTOR);
    }
    machine.interruptQueue(1, 1);
    machine.interruptConfiguration(1);
    assert.deepEqual(machine.takeLog(), []);
    assert.equal(driver.pending, 0);
    driver.set("queueVector", 3);
    assert.equal(driver.get("queueVector"), 3);
    machine.interruptQueue(1, 1);
    assert.deepEqual(machine.takeLog(), [MESSAGE(0x43)]);
  });

  test("that is masked waits as a pending bit and is sent once at the unmasking", async () => {
    const { machine, driver } = await withVectors();
    driver.maskVector(1, true);
    machine.interruptQueue(1, 1);
    machine.interruptQueue(1, 1);
    machine.interruptQueue(1, 2);
    assert.deepEqual(machine.takeLog(), [MESSAGE(0x42)]);
    assert.equal(driver.pending, 2);
    machine.write(driver.msix.pending, 4, 0n);
    assert.equal(driver.pending, 2, "the pending bits are for reading");
    driver.setVector(1, 0x77);
    assert.deepEqual(machine.takeLog(), [MESSAGE(0x77)], "the message is that of the unmasking");
    assert.equal(driver.pending, 0);
    driver.maskVector(1, true);
    driver.maskVector(1, false);
    assert.deepEqual(machine.takeLog(), []);
  });

  test("waits for the function's mask and for bus mastering", async () => {
    const { machine, driver } = await withVectors();
    for (const [off, on] of [
      [() => driver.controlMsix(true, true), () => driver.controlMsix(true)],
      [() => machine.configure(5, 4, 2, 3), () => machine.configure(5, 4, 2, 7)],
    ] as const) {
      off();
      machine.interruptQueue(1, 0);
      machine.interruptQueue(1, 2);
      driver.maskVector(2, true);
      assert.equal(driver.pending, 5);
      assert.deepEqual(machine.takeLog(), []);
      on();
      assert.deepEqual(
        machine.takeLog().filter((line) => line.startsWith("message")),
        [MESSAGE(0x40)],
      );
      driver.maskVector(2, false);
      assert.deepEqual(machine.takeLog(), [MESSAGE(0x42)]);
    }
  });

  test("comes as a second model of masks and pending bits says, whatever the driver does", async () => {
    const { machine, driver } = await withVectors();
    const random = randomNumbers(11);
    const masked = [false, false, false, false];
    const pending = [false, false, false, false];
    let [isEnabled, isMasked, isMaster] = [true, false, true];
    for (let step = 0; step < 20_000; step++) {
      const vector = random(4);
      const action = random(6);
      if (action < 2) {
        if (vector === 3) machine.interruptConfiguration(1);
        else machine.interruptQueue(1, vector);
        if (isEnabled) pending[vector] = true;
      } else if (action < 4) {
        masked[vector] = random(2) === 0;
        driver.maskVector(vector, masked[vector]);
      } else if (action === 4) {
        [isEnabled, isMasked] = [random(4) !== 0, random(3) === 0];
        driver.controlMsix(isEnabled, isMasked);
      } else {
        isMaster = random(3) !== 0;
        machine.configure(5, 4, 2, isMaster ? 7 : 3);
      }
      const expected: string[] = [];
      for (let i = 0; i < 4; i++) {
        if (!pending[i] || masked[i] || !isEnabled || isMasked || !isMaster) continue;
        pending[i] = false;
        expected.push(MESSAGE(0x40 + i));
      }
      const sent = machine.takeLog().filter((line) => line.startsWith("message"));
      assert.deepEqual(sent, expected, `step ${step}`);
      const bits = pending.reduce((sum, isPending, i) => sum | (isPending ? 1 << i : 0), 0);
      assert.equal(driver.pending, bits, `step ${step}`);
    }
  });
});

test("after a reset of the machine the vectors are masked, and their table takes words or pairs of them only", async () => {
  const made = await driver();
  const { machine } = made;
  const { table } = made.msix;
  for (let vector = 0; vector < 4; vector++) assert.equal(machine.read(table + 16 * vector + 12, 4), 1n);
  machine.write(table, 8, 0x1234_5678_9abc_deffn);
  assert.equal(machine.read(table, 8), 0x1234_5678_9abc_defcn, "a message's address is a double word's");
  machine.write(table + 8, 8, 0xffff_fffe_dead_beefn);
  assert.deepEqual([machine.read(table + 8, 4), machine.read(table + 12, 4)], [0xdead_beefn, 0n]);
  machine.write(table + 8, 2, 0n);
  machine.write(table + 8, 1, 0n);
  machine.write(table + 10, 4, 0n);
  assert.equal(machine.read(table + 8, 4), 0xdead_beefn);
  machine.write(table + 64, 4, 0xffn);
  assert.equal(machine.read(table + 64, 4), 0n, "behind the last vector");
});

describe("a device that fails", () => {
  test("sets DEVICE_NEEDS_RESET, tells the driver and whoever watches once, and looks at no queue until the reset", async () => {
    const { machine, driver } = await started();
    const generation = driver.get("generation");
    machine.takeLog();
    machine.fail(1);
    assert.equal(driver.get("status"), 15 | NEEDS_RESET);
    assert.equal(driver.isr, 2);
    assert.notEqual(driver.get("generation"), generation);
    assert.equal(machine.takeReport(), true);
    machine.fail(1);
    assert.equal(machine.takeReport(), false);
    assert.equal(driver.isr, 0);
    driver.notify(0);
    driver.set("status", 15);
    assert.equal(machine.isRunning(1), false);
    assert.deepEqual(machine.takeLog(), []);
    driver.initialize();
    driver.notify(1);
    assert.equal(driver.get("status"), 15);
    assert.equal(machine.takeLog().pop(), "5 is notified of 1");
  });

  test("does not interrupt before DRIVER_OK", async () => {
    const made = await driver();
    made.set("status", ACKNOWLEDGE | DRIVER);
    made.machine.fail(1);
    assert.equal(made.get("status"), 3 | NEEDS_RESET);
    assert.equal(made.isr, 0);
    assert.equal(made.machine.takeReport(), true);
  });

  test("is one that the driver has given up: FAILED", async () => {
    const { machine, driver } = await started();
    driver.advance(FAILED);
    assert.equal(machine.isRunning(1), false);
  });
});

test("a reset by the status makes all as it was at the start, and is over at once", async () => {
  const made = await driver();
  const { machine } = made;
  const registers = (): bigint[] => {
    const all: bigint[] = [];
    for (let queue = 0; queue < 3; queue++) {
      made.set("queueSelect", queue);
      for (let at = 0; at < 0x38; at++)
        if (at < 0x15 || at > 0x17) all.push(machine.read(made.structure(1).address + at, 1));
    }
    return all;
  };
  made.set("status", 0);
  const before = registers();
  made.initialize(VERSION_1 | EVENT_IDX | INDIRECT_DESC);
  made.set("configurationVector", 1);
  machine.takeLog();
  made.set("status", 0);
  assert.deepEqual(machine.takeLog(), ["5 is reset"]);
  assert.deepEqual(registers(), before);
  assert.equal(machine.features(1), 0n);
  assert.equal(machine.queue(1, 0).eventIndex, 0n);
  assert.equal(machine.isRunning(1), false);
});

test("the generation changes with the configuration", async () => {
  const { machine, driver } = await started();
  for (let i = 0; i < 300; i++) {
    const before = driver.get("generation");
    machine.interruptConfiguration(1);
    assert.equal(driver.get("generation"), (before + 1) & 0xff);
  }
});

describe("the structures by the configuration space (4.1.4.9)", () => {
  async function windowed(): Promise<{ at: VirtioDriver; aim: (bar: number, offset: number, bytes: number) => void }> {
    const at = await driver();
    return {
      at,
      aim: (bar, offset, bytes) => {
        at.machine.configure(5, at.window + 4, 1, bar);
        at.machine.configure(5, at.window + 8, 4, offset);
        at.machine.configure(5, at.window + 12, 4, bytes);
      },
    };
  }

  test("are read and written with the width that the capability says, memory and ports alike", async () => {
    const { at, aim } = await windowed();
    const { machine } = at;
    machine.configure(5, 4, 2, 4);
    aim(1, 0x12, 2);
    assert.equal(machine.configuration(5, at.window + 16, 4), 3, "num_queues");
    aim(1, 0x14, 1);
    machine.configure(5, at.window + 16, 4, 0xffff_ff03);
    assert.equal(machine.ecam(5, at.window + 16, 4), 3, "the status");
    aim(1, 0x2000, 4);
    machine.configure(5, at.window + 16, 4, 0x1234_5678);
    assert.deepEqual(machine.takeLog(), ["5 writes 12345678 (4) at 0"]);
    machine.configure(5, 4, 2, 7);
    at.initialize();
    machine.takeLog();
    aim(0, 0, 2);
    machine.configure(5, at.window + 16, 4, 2);
    assert.deepEqual(machine.takeLog(), ["5 is notified of 2"]);
  });

  test("are not reached by fields that lead nowhere", async () => {
    const { at, aim } = await windowed();
    const { machine } = at;
    machine.deviceValue = 0xffff_ffffn;
    for (const [bar, offset, bytes] of [
      [2, 0, 4],
      [0xff, 0, 4],
      [1, 0x2001, 2],
      [1, 0x2002, 4],
      [1, 0x2000, 3],
      [1, 0x2000, 8],
      [1, 0x2000, 0],
      [1, 0x2000, 0x8000_0004],
      [1, 0xa000, 4],
      [1, 0xffff_fffc, 4],
      [0, 4, 4],
    ] as const) {
      aim(bar, offset, bytes);
      assert.equal(machine.configuration(5, at.window + 16, 4), 0);
      machine.configure(5, at.window + 16, 4, 1);
    }
    assert.deepEqual(machine.takeLog(), []);
  });
});

test("a device is restored with what it has negotiated, its vectors and its wire, and nothing is notified by it", async () => {
  const { machine, driver: saved } = await started();
  saved.setVector(2, 0x66);
  saved.set("configurationVector", 2);
  saved.set("queueSelect", 2);
  machine.interruptQueue(1, 0);
  const numbers = machine.save();
  const restored = await PciMachine.create();
  assert.equal(restored.restore(numbers), 0);
  assert.deepEqual(restored.takeLog(), []);
  assert.deepEqual(restored.save(), numbers);
  const again = new VirtioDriver(restored, 1);
  assert.deepEqual(restored.highInputs, [17]);
  assert.equal(again.isr, 1);
  assert.deepEqual([again.get("status"), again.get("configurationVector"), again.get("queueSelect")], [15, 2, 2]);
  assert.equal(restored.features(1), VERSION_1);
  assert.equal(restored.isRunning(1), true);
  again.controlMsix(true);
  restored.interruptConfiguration(1);
  assert.deepEqual(restored.takeLog(), [MESSAGE(0x66)]);
});

describe("an entropy device behind the transport", () => {
  const DESCRIPTORS = 0x10000;
  const AVAILABLE = 0x14000;
  const USED = 0x18000;
  const BUFFER = 0x20000;

  /** Makes a buffer of `bytes` for writing available, as descriptor 0, and notifies. */
  function ask(entropy: VirtioDriver, bytes: number, address = BUFFER): void {
    const { ram } = entropy.machine;
    ram.setBigUint64(DESCRIPTORS, BigInt(address), true);
    ram.setUint32(DESCRIPTORS + 8, bytes, true);
    ram.setUint16(DESCRIPTORS + 12, 2, true);
    const index = ram.getUint16(AVAILABLE + 2, true);
    ram.setUint16(AVAILABLE + 4 + 2 * (index % 16), 0, true);
    ram.setUint16(AVAILABLE + 2, index + 1, true);
    entropy.notify(0);
  }
  const answered = (entropy: VirtioDriver): number => entropy.machine.ram.getUint16(USED + 2, true);

  async function ready(): Promise<VirtioDriver> {
    const entropy = await driver(2);
    entropy.initialize(VERSION_1 | INDIRECT_DESC, 16);
    entropy.set("queueVector", 1);
    entropy.set("configurationVector", 0);
    entropy.setVector(0, 0x50);
    entropy.setVector(1, 0x51);
    entropy.controlMsix(true);
    return entropy;
  }

  test("fills a buffer and sends the queue's message within the one OUT of the notification", async () => {
    const entropy = await ready();
    ask(entropy, 64);
    assert.equal(answered(entropy), 1);
    assert.deepEqual(entropy.machine.takeLog(), [MESSAGE(0x51)]);
    const bytes = new Set(Array.from({ length: 64 }, (_, i) => entropy.machine.ram.getUint8(BUFFER + i)));
    assert.ok(bytes.size > 40, "random bytes");
  });

  test("needs a reset once its ring is broken, and serves again after it", async () => {
    const entropy = await ready();
    ask(entropy, 64, 0xffff_f000);
    assert.equal(entropy.get("status"), 15 | NEEDS_RESET);
    assert.deepEqual(entropy.machine.takeLog(), [MESSAGE(0x50)]);
    ask(entropy, 64);
    assert.equal(answered(entropy), 0);
    assert.deepEqual(entropy.machine.takeLog(), []);
    for (const ring of [AVAILABLE, USED]) entropy.machine.ram.setUint32(ring, 0, true);
    entropy.initialize(VERSION_1, 16);
    ask(entropy, 64);
    assert.equal(answered(entropy), 1);
  });

  test("goes on where it was after it has been restored into another machine with the same RAM", async () => {
    const entropy = await ready();
    ask(entropy, 16);
    const numbers = entropy.machine.save();
    const machine = await PciMachine.create();
    new Uint8Array(machine.ram.buffer, 0, 0x10_0000).set(new Uint8Array(entropy.machine.ram.buffer, 0, 0x10_0000));
    assert.equal(machine.restore(numbers), 0);
    const again = new VirtioDriver(machine, 2);
    machine.takeLog();
    ask(again, 16);
    assert.equal(answered(again), 2);
    assert.deepEqual(machine.takeLog(), [MESSAGE(0x51)]);
  });
});

async function started(): Promise<{ machine: PciMachine; driver: VirtioDriver }> {
  const made = await driver();
  made.initialize();
  made.machine.takeLog();
  return { machine: made.machine, driver: made };
}
