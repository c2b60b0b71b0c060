// The interrupt controllers as firmware may leave them, and what core makes of them.
import assert from "node:assert/strict";
import { assertEnd, assertNoLine, complaints } from "./assertions.ts";
import { IoApic, madt } from "./machine/io-apic.ts";
import { LVT, type LvtName } from "./machine/local-apic.ts";
import { boot, type Machine, type MachineOptions, type Run } from "./machine/machine.ts";
import { msr } from "./machine/tables.ts";
import { test } from "./vendors.ts";

const MASKED = 0x10000;
const TIMER_PERIODIC = 0x20000;
const SMI = 0x200;
const NMI = 0x400;
const TIMER_VECTOR = 0x40;
const SPURIOUS = 0xf0;
const SOFTWARE_ENABLE = 0x100;
const TASK_PRIORITY = 0x80;
const INITIAL_COUNT = 0x380;
const X2APIC = 2;
const XAPIC = 1;
const PAGE = 4096n;

function bootWith(prepare: (machine: Machine) => void, options: MachineOptions = {}): Run {
  return boot({ commandLine: "guest=hlt iterations=1", prepare, ...options });
}

const setApicBase =
  (value: bigint) =>
  ({ processor }: Machine): void =>
    void processor.msrs.set(msr("IA32_APIC_BASE"), value);

/** The APIC works as core wants it, and was used as one of its kind may be used. */
function assertStarted(run: Run, mode: number, base: bigint): void {
  const { localApic, localApicOfHandlers } = run.machine;
  assertEnd(run, "ok");
  assert.deepEqual(localApic.misuses, []);
  assert.deepEqual(localApicOfHandlers, { mode, base });
  assert.equal(localApic.registers.get(SPURIOUS), SOFTWARE_ENABLE | 0xff);
  assert.equal(localApic.lvt("timer"), TIMER_PERIODIC | TIMER_VECTOR);
  assert.ok((localApic.registers.get(INITIAL_COUNT) ?? 0) > 0, "the timer runs");
}

test("a local APIC in xAPIC mode is used by its page", () => {
  assertStarted(
    bootWith(() => undefined),
    XAPIC,
    0xfee00000n,
  );
});

test("an APIC that firmware left in x2APIC mode stays in it and is used by MSRs, its page never", () => {
  const run = bootWith(setApicBase(0xfee00d00n));
  assertStarted(run, X2APIC, 0xfee00000n);
  assert.equal(run.machine.processor.msrs.get(msr("IA32_APIC_BASE")), 0xfee00d00n);
});

test("an APIC that IA32_APIC_BASE disables is enabled, though CPUID does not show it", () => {
  assertStarted(bootWith(setApicBase(0xfee00100n)), XAPIC, 0xfee00000n);
});

test("an APIC that was moved, also above 4 GiB, is used where it is", () => {
  for (const base of [0xfe000000n, 0x12_3456_7000n]) assertStarted(bootWith(setApicBase(base | 0x900n)), XAPIC, base);
});

test("RAM under the APIC's page is no VM's", () => {
  const hidden = 0x1400000n;
  const run = bootWith(setApicBase(hidden | 0x900n));
  assertStarted(run, XAPIC, hidden);
  const mappings = [...run.machine.vmms.mappings.values()].flat();
  assert.ok(mappings.every(({ hpa, bytes }) => hpa + bytes <= hidden || hpa >= hidden + PAGE));
});

test("without an APIC core warns, and runs its guests all the same", () => {
  const run = bootWith(({ processor }) => processor.msrs.delete(msr("IA32_APIC_BASE")));
  assertEnd(run, "ok", /warning: no local APIC, so nothing bounds the time of a vmm call/);
  assert.equal(run.machine.localApicOfHandlers, null);
  assert.deepEqual(run.machine.localApic.misuses, []);
});

for (const [mode, base] of [
  ["xAPIC", 0xfee00900n],
  ["x2APIC", 0xfee00d00n],
] as const) {
  test(`in ${mode} mode every interrupt that firmware left open is masked, of as many as the APIC has`, () => {
    for (let entries = 4; entries <= 7; entries++) {
      const run = bootWith((machine) => {
        setApicBase(base)(machine);
        machine.localApic.lvtEntries = entries;
        for (const offset of Object.values(LVT)) machine.localApic.registers.set(offset, 0x31);
      });
      assertEnd(run, "ok");
      assert.deepEqual(run.machine.localApic.misuses, []);
      const names = (Object.keys(LVT) as LvtName[]).slice(1, entries);
      for (const name of names) assert.equal(run.machine.localApic.lvt(name), MASKED | 0x31, name);
    }
  });

  test(`in ${mode} mode firmware's SMIs and the NMIs at LINT1 stay`, () => {
    const run = bootWith((machine) => {
      setApicBase(base)(machine);
      const { registers } = machine.localApic;
      registers.set(LVT.lint1, NMI).set(LVT.thermal, SMI).set(LVT.cmci, SMI).set(LVT.performance, NMI);
    });
    const { localApic } = run.machine;
    assert.deepEqual(
      (["lint1", "thermal", "cmci", "performance"] as const).map((name) => localApic.lvt(name)),
      [NMI, SMI, SMI, NMI | MASKED],
    );
  });

  test(`in ${mode} mode interrupts that firmware never ended are ended, or they would hold back the timer`, () => {
    const run = bootWith((machine) => {
      setApicBase(base)(machine);
      for (const vector of [0x20, 0x68, 0xd1]) machine.localApic.inService.add(vector);
    });
    assertEnd(run, "ok");
    assert.deepEqual([...run.machine.localApic.inService], []);
  });
}

test("pending interrupts with the vectors of exceptions are held back by the task priority", () => {
  assert.equal(bootWith(() => undefined).machine.localApic.registers.get(TASK_PRIORITY), 0x10);
});

test("an in-service bit that never goes is no endless loop", () => {
  const run = bootWith(({ localApic }) => {
    localApic.inService.delete = () => false;
    localApic.inService.add(0x50);
  });
  assertEnd(run, "ok");
});

test("both 8259 are initialized away from the exceptions' vectors, and every line is masked", () => {
  const run = bootWith(() => undefined);
  const written = (port: number): number[] =>
    run.machine.ports.accesses
      .filter((access) => access.direction === "out" && access.port === port)
      .map(({ value }) => value);
  assert.deepEqual([written(0x20), written(0x21)], [[0x11], [0x20, 4, 1, 0xff]]);
  assert.deepEqual([written(0xa0), written(0xa1)], [[0x11], [0x28, 2, 1, 0xff]]);
});

test("each line of each I/O APIC is masked but those that are firmware's SMIs", () => {
  const chips = [
    new IoApic([0x20, 0x8031, MASKED | 0x22, SMI, NMI, 0xa000 | 0x33]),
    new IoApic(Array<number>(120).fill(0x51)),
  ];
  const places = [0xfec00000, 0xfec01000];
  const run = bootWith(
    ({ devices }) => chips.forEach((chip, n) => devices.attach(() => BigInt(places[n]!), PAGE, chip)),
    { acpi: { tables: [["APIC", madt(...places)]] } },
  );
  assertEnd(run, "ok");
  assert.deepEqual(chips[0]!.entries, [
    MASKED | 0x20,
    MASKED | 0x8031,
    MASKED | 0x22,
    SMI,
    MASKED | NMI,
    MASKED | 0xa033,
  ]);
  assert.ok(chips[1]!.entries.every((entry) => entry === (MASKED | 0x51)));
});

test("an I/O APIC that does not answer is named", () => {
  const run = bootWith(() => undefined, { acpi: { tables: [["APIC", madt(0xfec00000)]] } });
  assertEnd(run, "ok", /warning: no I\/O APIC answers at 0xfec00000/);
});

test("nothing is written where no I/O APIC can be: at 0, in RAM, in Basalt's image, across a page", () => {
  for (const address of [0, 0x4000000, 0x101000, 0xfec00008, 0xfec00ffe]) {
    const touched: bigint[] = [];
    const watched = { read: () => 0, write: () => void touched.push(BigInt(address)) };
    const run = bootWith(({ devices }) => devices.attach(() => BigInt(address & ~0xfff), PAGE, watched), {
      acpi: { tables: [["APIC", madt(address)]] },
    });
    assertEnd(run, "ok", /warning: the MADT has an I\/O APIC at the impossible place 0x[0-9a-f]{8}; its lines stay/);
    assert.deepEqual(touched, []);
  }
});

test("a MADT that is cut off is read as far as it goes, and said to be", () => {
  const chip = new IoApic([0x20]);
  const whole = madt(0xfec00000, 0xfec01000);
  const run = bootWith(({ devices }) => devices.attach(() => 0xfec00000n, PAGE, chip), {
    acpi: { tables: [["APIC", whole.subarray(0, -3)]] },
  });
  assertEnd(run, "ok", /warning: the MADT ends in the middle of an entry/);
  assert.deepEqual(chip.entries, [MASKED | 0x20]);
});

test("a MADT with an entry of no length ends there", () => {
  const hostile = Uint8Array.from([...madt(), 1, 0, 0, 0, 0, 0, 0, 0]);
  const run = bootWith(() => undefined, { acpi: { tables: [["APIC", hostile]] } });
  assertEnd(run, "ok", /the MADT ends in the middle of an entry/);
});

test("a machine without a MADT runs its guests without a complaint", () => {
  const run = bootWith(() => undefined, { acpi: null });
  assertEnd(run, "ok");
  assert.deepEqual(complaints(run), []);
  assertNoLine(run, /I\/O APIC/);
});
