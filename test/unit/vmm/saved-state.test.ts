// A VM that is saved and restored into another vmm: both then do the same, whatever the guest does.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { randomNumbers } from "./pci-machine.ts";
import { NEVER, Pc, type PcOptions } from "./pc.ts";

type Random = (below: number) => number;
/** Something that a guest or core does: the answer. */
type Step = (pc: Pc) => number;

const options: PcOptions = { ramBytes: 4n << 20n, diskBytes: 1n << 16n, now: 1_000_000_000n, tscOffset: -999_000_000n };
/** Between the hosts' counters of the two vmms. */
const SHIFT = 123_456_789_012n;

const LOCAL_APIC = 0xfee00000;
const IO_APIC = 0xfec00000;
const SCRATCH = 0xd0000000;
const ECAM = 0xe0000000;
/** Of virtio's functions on the bus, what is in their BARs. */
const [CONSOLE, ENTROPY, DISK] = [1, 2, 3];
const functions = [CONSOLE, ENTROPY, DISK];

/** Ports and how wide they are, with how often. */
const ports: readonly (readonly [number, number, number])[] = [
  [0x3f8, 8, 20],
  [0x20, 2, 8],
  [0xa0, 2, 8],
  [0x4d0, 2, 1],
  [0x40, 4, 16],
  [0x61, 1, 2],
  [0x70, 2, 12],
  [0x60, 1, 3],
  [0x64, 1, 3],
  [0x600, 12, 8],
  [0xe9, 1, 2],
  [0xcf8, 8, 4],
];
const portList = ports.flatMap(([first, count, often]) => Array.from({ length: often }, (_, n) => first + (n % count)));

const outs = (...pairs: readonly (readonly [number, number])[]): Step[] =>
  pairs.map(
    ([port, value]) =>
      (pc) =>
        pc.out(port, 1, value),
  );

/** A guest that uses all of the PC: what it does first. */
function setUp(): Step[] {
  const steps: Step[] = outs(
    // 8259s at vectors 0x30 and 0x38, with everything let through.
    ...([
      [0x20, 0x11],
      [0x21, 0x30],
      [0x21, 4],
      [0x21, 1],
    ] as const),
    ...([
      [0xa0, 0x11],
      [0xa1, 0x38],
      [0xa1, 2],
      [0xa1, 1],
      [0x21, 0],
      [0xa1, 0],
    ] as const),
    // PIT channel 0 periodically, channel 2 with its gate.
    ...([
      [0x43, 0x34],
      [0x40, 0xa9],
      [0x40, 0x04],
      [0x61, 1],
      [0x43, 0xb6],
      [0x42, 0x10],
      [0x42, 0x20],
    ] as const),
    // UART: FIFOs, all interrupts, OUT2, loopback with bytes that nobody reads.
    ...([
      [0x3fb, 3],
      [0x3fa, 7],
      [0x3f9, 15],
      [0x3fc, 0x1b],
      [0x3f8, 0x41],
      [0x3f8, 0x42],
      [0x3f8, 0x43],
    ] as const),
    // RTC: periodic, update-ended.
    ...([
      [0x70, 0x0a],
      [0x71, 0x26],
      [0x70, 0x0b],
      [0x71, 0x52],
    ] as const),
  );
  steps.push((pc) => pc.out(0x600 + 2, 2, 0x121));
  for (let pin = 0; pin < 24; pin++) {
    steps.push(
      (pc) => pc.writeMemory(IO_APIC, 4, 0x10 + 2 * pin),
      (pc) => pc.writeMemory(IO_APIC + 0x10, 4, (0x50 + 4 * pin) | (pin >= 16 ? 0xa000 : 0)),
    );
  }
  steps.push(
    (pc) => pc.writeMemory(LOCAL_APIC + 0xf0, 4, 0x1ff),
    (pc) => pc.writeMemory(LOCAL_APIC + 0x3e0, 4, 0xb),
    (pc) => pc.writeMemory(LOCAL_APIC + 0x320, 4, 0x200e0),
    (pc) => pc.writeMemory(LOCAL_APIC + 0x380, 4, 77_777),
  );
  for (const device of functions) steps.push(...setUpVirtio(device));
  return steps;
}

const configure = (device: number, register: number, value: number): Step[] => [
  (pc) => pc.out(0xcf8, 4, (0x80000000 | (device << 11) | register) >>> 0),
  (pc) => pc.out(0xcfc, 4, value),
];

/** The common configuration: the driver accepts all, and each queue has its tables in RAM. */
function setUpVirtio(device: number): Step[] {
  const bar = (pc: Pc): number => barOf(pc, device);
  const write =
    (offset: number, value: number): Step =>
    (pc) =>
      pc.writeMemory(bar(pc) + offset, 4, value);
  const byte =
    (offset: number, value: number): Step =>
    (pc) =>
      pc.writeMemory(bar(pc) + offset, 1, value);
  const word =
    (offset: number, value: number): Step =>
    (pc) =>
      pc.writeMemory(bar(pc) + offset, 2, value);
  const steps: Step[] = [...configure(device, 4, 0x7)];
  steps.push(byte(0x14, 1), byte(0x14, 3));
  for (const half of [0, 1]) {
    steps.push(write(0x00, half), write(0x08, half));
    steps.push((pc) => {
      const common = bar(pc);
      pc.readMemory(common + 4, 4);
      return pc.writeMemory(common + 0x0c, 4, Number(pc.rax));
    });
  }
  steps.push(byte(0x14, 11));
  for (let queue = 0; queue < 2; queue++) {
    const base = 0x100000 + device * 0x40000 + queue * 0x20000;
    steps.push(word(0x16, queue), word(0x18, 16));
    steps.push(write(0x20, base), write(0x24, 0), write(0x28, base + 0x8000), write(0x2c, 0));
    steps.push(write(0x30, base + 0x10000), write(0x34, 0), word(0x1c, 1));
  }
  steps.push(byte(0x14, 15));
  return steps;
}

function barOf(pc: Pc, device: number): number {
  pc.out(0xcf8, 4, (0x80000000 | (device << 11) | 0x14) >>> 0);
  pc.in(0xcfc, 4);
  return Number(pc.page.get("ioValue") & 0xffff_fff0n);
}

/** A request in a queue of a virtio device, legal but for a few. */
function request(random: Random): Step {
  const device = functions[random(functions.length)]!;
  const queue = random(2);
  const base = 0x100000 + device * 0x40000 + queue * 0x20000;
  const isLegal = random(100) > 0;
  const isDisk = isLegal ? device === DISK : random(2) > 0;
  const type = random(2);
  const bytes = isDisk ? 512 * (1 + random(4)) : [16, 512, 1, 600, 40][random(5)]!;
  const isWritable = isDisk ? type === 0 : isLegal ? device !== CONSOLE || queue === 0 : random(2) > 0;
  const slot = random(16);
  const isNotified = random(4) > 0;
  return (pc) => {
    const { ram } = pc;
    const data = 0x300000 + slot * 0x1000;
    ram.writeUInt32LE(type, data);
    ram.writeUInt32LE(0, data + 4);
    ram.writeBigUInt64LE(BigInt(slot), data + 8);
    const write = (at: number, address: number, length: number, flags: number, next: number): void => {
      ram.writeBigUInt64LE(BigInt(address), base + 16 * at);
      ram.writeUInt32LE(length, base + 16 * at + 8);
      ram.writeUInt16LE(flags, base + 16 * at + 12);
      ram.writeUInt16LE(next, base + 16 * at + 14);
    };
    if (isDisk) {
      write(3 * (slot % 5), data, 16, 1, 3 * (slot % 5) + 1);
      write(3 * (slot % 5) + 1, data + 16, bytes, isWritable ? 3 : 1, 3 * (slot % 5) + 2);
      write(3 * (slot % 5) + 2, data + 0xff0, 1, 2, 0);
    } else write(3 * (slot % 5), data, bytes, isWritable ? 2 : 0, 0);
    const index = ram.readUInt16LE(base + 0x8002);
    ram.writeUInt16LE(3 * (slot % 5), base + 0x8004 + 2 * (index % 16));
    ram.writeUInt16LE((index + 1) & 0xffff, base + 0x8002);
    return isNotified ? notify(pc, device, queue) : 0;
  };
}

/** Notifies by the bar that is for it, which the function's configuration space tells. */
function notify(pc: Pc, device: number, queue: number): number {
  pc.out(0xcf8, 4, (0x80000000 | (device << 11) | 0x10) >>> 0);
  pc.in(0xcfc, 4);
  const bar = Number(pc.page.get("ioValue") & 0xffff_fffcn) & 0xffff;
  return pc.out(bar, 2, queue);
}

const REGISTERS_OF_APIC = [0x02, 0x08, 0x0b, 0x0d, 0x0e, 0x0f, 0x28, 0x30, 0x32, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3e];

/** One step of a guest, or of core. */
function anyStep(random: Random): Step {
  const kind = random(20);
  const value = (random(0x10000) * 0x10000 + random(0x10000)) >>> 0;
  if (kind < 3) {
    const ticks = BigInt(random(random(4) === 0 ? 3_000_000 : 3000));
    return (pc) => pc.pass(ticks);
  }
  if (kind < 6) return (pc) => pc.deliver();
  if (kind < 9) {
    const port = portList[random(portList.length)]!;
    const bytes = port >= 0x600 && port < 0x610 && random(2) === 0 ? 4 : 1;
    return (pc) => pc.in(port & ~(bytes - 1), bytes);
  }
  if (kind < 11) {
    const port = portList[random(portList.length)]!;
    return (pc) => pc.out(port, 1, value & 0xff);
  }
  if (kind < 12) return (pc) => pc.out(0x20 + 0x80 * (value & 1), 1, 0x20);
  if (kind < 14) return request(random);
  if (kind < 15) {
    const typed = Array.from({ length: 1 + random(5) }, () => random(256));
    return (pc) => pc.type(typed);
  }
  if (kind < 16) {
    const register = REGISTERS_OF_APIC[random(REGISTERS_OF_APIC.length)]!;
    if (random(8) === 0) return (pc) => pc.writeMsr(0x1b, 0xfee00900n | (random(2) === 0 ? 0x400n : 0n));
    if (random(3) === 0) return (pc) => pc.readMsr(0x800 + register);
    if (random(2) === 0) return (pc) => pc.readMemory(LOCAL_APIC + 16 * register, 4);
    return (pc) => pc.writeMemory(LOCAL_APIC + 16 * register, 4, apicValue(register, value));
  }
  if (kind < 17) return (pc) => pc.writeMemory(LOCAL_APIC + 0xb0, 4, 0);
  if (kind < 18) {
    const register = 0x10 + random(48);
    const isWrite = random(4) === 0;
    const entry = register & 1 ? value & 0xff000000 : value & 0x1a8ff;
    return (pc) => {
      pc.writeMemory(IO_APIC, 4, register);
      return isWrite ? pc.writeMemory(IO_APIC + 0x10, 4, entry) : pc.readMemory(IO_APIC + 0x10, 4);
    };
  }
  const device = functions[random(functions.length)]!;
  const offset = 4 * random(64);
  const which = random(6);
  if (which === 0) return (pc) => pc.writeMemory(SCRATCH + 8 * offset, 4, value);
  if (which === 1) return (pc) => pc.readMemory(SCRATCH + 8 * offset, 4);
  if (which === 2) return (pc) => pc.readMemory(ECAM + (device << 15) + offset, 4);
  if (which === 3) {
    const priority = BigInt(random(16));
    return (pc) => pc.exit("EXIT_TASK_PRIORITY", random(2) === 0 ? 0x100n : priority);
  }
  if (which === 4) return (pc) => pc.exit("EXIT_HALT", 1n);
  return (pc) => pc.readMemory(barOf(pc, device) + offset, 4);
}

/** Nothing that masks all interrupts for good, more often than not. */
function apicValue(register: number, value: number): number {
  if (register === 0x0f) return 0x1ff;
  if (register === 0x30) return (0x40000 | (value & 0xff)) >>> 0;
  if (register === 0x32) return ((value & 0x60000) | 0xe0 | (value & 0xf)) >>> 0;
  if (register === 0x38) return value & 0xfffff;
  return value & 0x1a7ff;
}

/** All that core and guest see of an answer; times count from the guest's own counter on. */
function seen(pc: Pc, answer: number): Readonly<Record<string, unknown>> {
  const { page } = pc;
  const wakeAt = page.get("wakeAt");
  const fields = ["ioValue", "waitingInterrupt", "acknowledgedInterrupt", "eventRequest", "exitValue", "inputLength"];
  return {
    answer,
    rax: pc.rax,
    wakeAt: wakeAt === NEVER || wakeAt <= pc.now ? wakeAt > pc.now : BigInt.asUintN(64, wakeAt + page.get("tscOffset")),
    faultVector: page.get("faultVector"),
    ...Object.fromEntries(fields.map((name) => [name, page.get(name)])),
    text: pc.takeText(),
  };
}

/** Runs `count` steps on all of `pcs`, which must do the same. */
function compare(pcs: readonly Pc[], random: Random, count: number): void {
  for (let n = 0; n < count; n++) {
    const seed = random(1 << 30);
    const [first, ...others] = pcs.map((pc) => seen(pc, stepOf(seed)(pc)));
    for (const other of others) assert.deepEqual(other, first, `step ${n}: ${stepOf(seed).toString()}`);
    // A line for what core does: it takes requests.
    for (const pc of pcs) pc.page.set("eventRequest", 0n);
    if (n % 256 !== 0) continue;
    for (const pc of pcs.slice(1)) assert.ok(pc.ram.equals(pcs[0]!.ram), `RAM differs at step ${n}`);
  }
  for (const pc of pcs.slice(1)) assert.ok(pc.ram.equals(pcs[0]!.ram) && pc.disk.equals(pcs[0]!.disk));
}

/** The step that a number stands for, whichever machine does it: it draws all its random numbers itself. */
function stepOf(seed: number): Step {
  return (pc) => anyStep(randomNumbers(seed))(pc);
}

/** A vmm of another host with the same RAM, disk and guest's time, into which `pc` has been restored. */
function moved(pc: Pc): Pc {
  const numbers = pc.save();
  const { tscOffset } = options;
  const other = new Pc({ ...options, now: pc.now + SHIFT, tscOffset: tscOffset - SHIFT, startSeconds: 5n, seed: 99n });
  pc.ram.copy(other.ram);
  pc.disk.copy(other.disk);
  assert.equal(other.restore(numbers), 0);
  // What is left of answers before.
  for (const name of ["ioValue", "faultVector", "faultErrorCode", "exitValue", "inputLength"]) {
    other.page.set(name, pc.page.get(name));
  }
  other.rax = pc.rax;
  return other;
}

function busy(seed: number, steps: number): Pc {
  const pc = new Pc(options).start();
  for (const step of setUp()) step(pc);
  const random = randomNumbers(seed);
  for (let n = 0; n < steps; n++) {
    stepOf(random(1 << 30))(pc);
    pc.takeText();
    pc.page.set("eventRequest", 0n);
  }
  return pc;
}

describe("a VM that is saved amid its work", () => {
  for (let seed = 1; seed <= 12; seed++) {
    test(`and restored into another vmm does the same there as here (${seed})`, () => {
      const pc = busy(seed, 200 * seed);
      compare([pc, moved(pc)], randomNumbers(seed + 1000), 3000);
    });
  }

  test("goes on as if nothing had been", () => {
    const [saved, other] = [busy(5, 700), busy(5, 700)];
    saved.save();
    saved.takeText();
    assert.equal(saved.page.get("waitingInterrupt"), other.page.get("waitingInterrupt"));
  });

  test("has the same numbers when it is saved again, here and there", () => {
    const pc = busy(3, 900);
    const numbers = pc.save();
    assert.deepEqual(pc.save(), numbers);
    assert.deepEqual(moved(pc).save(), numbers);
  });
});

describe("restoring refuses", () => {
  const pc = busy(2, 300);
  const numbers = pc.save();
  const changed = (at: number, value: bigint): BigUint64Array => numbers.with(at, value);
  const cases: readonly (readonly [string, BigUint64Array, number])[] = [
    ["what is no saved VM", changed(0, 1n), 1],
    ["a version that it does not know", changed(0, numbers[0]! + 1n), 2],
    ["a VM with other RAM", changed(1, 8n << 20n), 6],
    ["a VM with another disk", changed(2, 0n), 6],
    ["a VM whose counter has another frequency", changed(3, 999_999n), 6],
    ["a flag that is none", changed(4, 2n), 3],
    ["a table that is cut off", numbers.slice(0, -1), 4],
    ["a table of nothing", numbers.slice(0, 0), 4],
    ["a table that goes on", BigUint64Array.from([...numbers, 0n]), 5],
  ];
  for (const [what, table, status] of cases) {
    test(`${what}, and leaves a machine as after power-on`, () => {
      const other = busy(7, 300);
      assert.equal(other.restore(table), status);
      assert.equal(other.page.get("wakeAt"), NEVER);
    });
  }

  test("more numbers than there can be, before it reads any", () => {
    const other = new Pc(options).start();
    assert.equal(other.restore(numbers, 0xffff_ffff), 5);
  });

  test("or takes any damage without a trap, and what it took runs", () => {
    const random = randomNumbers(77);
    const other = new Pc(options).start();
    const statuses = new Set<number>();
    for (let n = 0; n < 1500; n++) {
      const damaged = numbers.slice();
      for (let times = 0; times <= random(3); times++) {
        const at = 5 + random(numbers.length - 5);
        damaged[at] = [1n, 0xffn, 0xffff_ffffn, NEVER, 1n << 63n, damaged[at]! ^ (1n << BigInt(random(64)))][
          random(6)
        ]!;
      }
      statuses.add(other.restore(damaged));
      for (let steps = 0; steps < 10; steps++) stepOf(random(1 << 30))(other);
      other.takeText();
    }
    assert.ok(statuses.has(0) && statuses.has(3), [...statuses].join(" "));
  });
});
