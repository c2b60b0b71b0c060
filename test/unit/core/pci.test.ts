// Bus mastering of PCI functions: off before any VM entry, on every function that a machine may have.
import assert from "node:assert/strict";
import { assertEnd, complaints } from "./assertions.ts";
import { ByteWriter } from "./machine/byte-writer.ts";
import { skylake } from "./machine/cpu-model.ts";
import type { Script } from "./machine/exits.ts";
import { boot, type MachineOptions, type Run } from "./machine/machine.ts";
import { ConfigurationPorts, EnhancedConfiguration, PciFunction, PciSegment } from "./machine/pci.ts";
import { test } from "./vendors.ts";

const HYPERVISOR = 0x80000000;
const features = skylake.leaf(1);
const underHypervisor = skylake.withLeaf(1, [features[0], features[1], (features[2] | HYPERVISOR) >>> 0, features[3]]);

interface Segments {
  readonly mechanism1?: Pick<PciSegment, "get">;
  /** By the enhanced mechanism: segment number, where its bus 0 is, first and last bus. */
  readonly enhanced?: readonly {
    segment: number;
    base: bigint;
    first?: number;
    last?: number;
    functions?: PciSegment;
  }[];
}

function bootWith({ mechanism1, enhanced = [] }: Segments, options: MachineOptions = {}): Run & { reads: number } {
  const mcfg = new ByteWriter().u64(0n);
  for (const { segment, base, first = 0, last = 255 } of enhanced) {
    mcfg.u64(base).u16(segment).u8(first, last).u32(0);
  }
  const ports = mechanism1 && new ConfigurationPorts(mechanism1);
  const run = boot({
    commandLine: "guest=hlt iterations=1",
    acpi: { hasXsdt: true, tables: enhanced.length > 0 ? [["MCFG", mcfg.bytes()]] : [] },
    ...options,
    prepare: (machine) => {
      if (ports) machine.ports.attach(0xcf8, 8, ports);
      for (const { base, functions } of enhanced) {
        if (functions) machine.devices.attach(() => base, 0x10000000n, new EnhancedConfiguration(functions));
      }
    },
  });
  return { ...run, reads: ports?.reads ?? 0 };
}

test("bus mastering is switched off on every function, and the rest of its command and status registers stays", () => {
  const segment = new PciSegment(
    { at: [0, 0, 0] },
    { at: [0, 3, 0], command: 0x407 },
    { at: [0, 31, 0], command: 0x3 },
  );
  const run = bootWith({ mechanism1: segment });
  assertEnd(run, "ok", /^basalt: PCI: 3 functions, bus mastering switched off on 2$/);
  assert.deepEqual(complaints(run), []);
  assert.deepEqual([segment.at(0, 0, 0).command, segment.at(0, 3, 0).command], [0x3, 0x403]);
  assert.deepEqual(segment.at(0, 31, 0).writes, [], "a function that is no bus master is not written to");
  for (const { status } of segment.functions.values()) assert.equal(status, 0xf9b0);
});

test("it is off before the first VM entry, and also where no VM is entered", () => {
  const segment = new PciSegment({ at: [0, 0, 0] });
  const script: Script = function* () {
    assert.ok(!segment.at(0, 0, 0).isBusMaster);
    yield { reason: 2 };
  };
  const run = bootWith({ mechanism1: segment }, { scripts: [script] });
  assert.equal(run.name, "triple-fault");
  const refused = new PciSegment({ at: [0, 0, 0] });
  assert.equal(
    bootWith({ mechanism1: refused }, { cpu: skylake.withMsr("IA32_FEATURE_CONTROL", 1n) }).name,
    "vmx-disabled-by-firmware",
  );
  assert.ok(!refused.at(0, 0, 0).isBusMaster);
});

test("functions 1 to 7 are found where function 0 says that there are more, gaps and all, and only there", () => {
  const many = new PciSegment({ at: [0, 5, 0], isMultifunction: true }, { at: [0, 5, 3] }, { at: [0, 5, 7] });
  assertEnd(bootWith({ mechanism1: many }), "ok", /PCI: 3 functions, bus mastering switched off on 3$/);
  const echo = new PciSegment({ at: [0, 5, 0] }, { at: [0, 5, 1] });
  assertEnd(bootWith({ mechanism1: echo }), "ok", /PCI: 1 functions/);
});

/** A bridge to each bus from 1 to 3, a function behind each, and a root bus of its own. */
const bridged = (): PciSegment =>
  new PciSegment(
    { at: [0, 1, 0], secondary: 2, classCode: 0x0604 },
    { at: [2, 0, 0], secondary: 3, classCode: 0x0604 },
    { at: [3, 0, 0], secondary: 1, classCode: 0x0607, headerType: 2 },
    { at: [1, 31, 0] },
    { at: [0x80, 4, 0] },
  );

test("on a PC every bus is looked at, root buses that no bridge leads to included, and bridges are switched off too", () => {
  const segment = bridged();
  const run = bootWith({ mechanism1: segment });
  assertEnd(run, "ok", /PCI: 5 functions, bus mastering switched off on 5$/);
  assert.ok([...segment.functions.values()].every(({ isBusMaster }) => !isBusMaster));
  assert.ok(run.reads >= 256 * 32);
});

test("under a hypervisor, where each read is a VM exit, the buses behind bridges are looked at, and no others", () => {
  const run = bootWith({ mechanism1: bridged() }, { cpu: underHypervisor });
  assertEnd(run, "ok", /PCI: 4 functions, bus mastering switched off on 4$/);
  assert.ok(run.reads < 4 * 32 + 40, `${run.reads} reads`);
});

test("loops of bridges, bridges to their own bus and to bus 0 end", () => {
  const segment = new PciSegment(
    { at: [0, 1, 0], secondary: 1 },
    { at: [1, 1, 0], secondary: 0 },
    { at: [1, 2, 0], secondary: 1 },
    { at: [1, 3, 0], secondary: 255 },
    { at: [255, 31, 0], secondary: 1 },
  );
  for (const cpu of [skylake, underHypervisor]) {
    assertEnd(bootWith({ mechanism1: segment }, { cpu }), "ok", /PCI: 5 functions/);
  }
});

test("a configuration space that answers everywhere with multi-function bridges is gone through once", () => {
  const everywhere = new PciFunction({
    at: [0, 0, 0],
    isMultifunction: true,
    secondary: 7,
    command: 0xffff,
    hardWired: 0xffff,
  });
  const run = bootWith({ mechanism1: { get: () => everywhere } });
  assertEnd(run, "ok", /PCI: 65536 functions, bus mastering switched off on 0, still on at 65536/);
  assert.equal(complaints(run).length, 8, "eight functions are named, the rest is counted");
});

test("a function that is all ones, all zeroes, or of the vendor 0xffff is none", () => {
  for (const id of [0xffffffff, 0, 0x1234ffff]) {
    const segment = new PciSegment({ at: [0, 0, 0], id });
    assertEnd(bootWith({ mechanism1: segment }), "ok", /PCI: 0 functions/);
    assert.deepEqual(segment.at(0, 0, 0).writes, []);
  }
});

test("display controllers keep bus mastering: an integrated one fetches the screen's picture from RAM", () => {
  const segment = new PciSegment(
    { at: [0, 2, 0], classCode: 0x0300 },
    { at: [0, 3, 0], classCode: 0x0380 },
    { at: [0, 4, 0] },
  );
  assertEnd(
    bootWith({ mechanism1: segment }),
    "ok",
    /PCI: 3 functions, .* off on 1, left on for 2 display controllers$/,
  );
  assert.ok(segment.at(0, 2, 0).isBusMaster);
});

test("a function whose bus mastering stays is named, but for host and ISA bridges, which are made so", () => {
  const segment = new PciSegment(
    { at: [0, 0, 0], classCode: 0x0600, hardWired: 0xffff },
    { at: [0, 1, 0], classCode: 0x0601, hardWired: 0xffff },
    { at: [0, 0x1f, 0], hardWired: 0xffff, id: 0xabcd10ec },
  );
  const run = bootWith({ mechanism1: segment });
  assertEnd(run, "ok", /PCI: 3 functions, bus mastering switched off on 0, still on at 1$/);
  assert.deepEqual(complaints(run), [
    "basalt: warning: PCI: bus mastering of segment 0 bus 0x00 device 0x1f function 0 (0xabcd10ec, class 0x0200) " +
      "cannot be switched off; it may still write to memory",
  ]);
});

test("the channels of the ISA DMA controllers are masked", () => {
  const { accesses } = bootWith({}).machine.ports;
  for (const port of [0x0f, 0xde])
    assert.ok(accesses.some((access) => access.direction === "out" && access.port === port && access.value === 0xf));
});

test("a machine without PCI says so", () => {
  const run = bootWith({});
  assertEnd(run, "ok", /^basalt: PCI: none found$/);
  assert.deepEqual(complaints(run), []);
});

test("further segments, also above 4 GiB, are reached by the enhanced mechanism, from their first bus to their last", () => {
  const [zero, one, two] = [
    new PciSegment({ at: [0, 0, 0] }),
    new PciSegment({ at: [0x40, 1, 0] }, { at: [0x41, 1, 0] }, { at: [0x42, 1, 0] }),
    new PciSegment({ at: [0, 9, 2] }, { at: [0, 9, 0], isMultifunction: true }),
  ];
  const run = bootWith({
    mechanism1: zero,
    enhanced: [
      { segment: 0, base: 0xb0000000n, functions: new PciSegment({ at: [0, 7, 0] }) },
      { segment: 1, base: 0xc0000000n, first: 0x40, last: 0x41, functions: one },
      { segment: 2, base: 0x20_0000_0000n, functions: two },
    ],
  });
  assertEnd(run, "ok", /PCI: 5 functions, bus mastering switched off on 5$/);
  assert.ok(one.at(0x42, 1, 0).isBusMaster, "bus 0x42 is not the segment's");
  assert.ok(!two.at(0, 9, 2).isBusMaster);
});

test("segment 0 is reached by the enhanced mechanism where mechanism 1 does not answer", () => {
  const functions = new PciSegment({ at: [0, 2, 0] });
  const run = bootWith({ enhanced: [{ segment: 0, base: 0xb0000000n, functions }] });
  assertEnd(run, "ok", /PCI: 1 functions, bus mastering switched off on 1$/);
  assert.ok(!functions.at(0, 2, 0).isBusMaster);
});

test("a segment at an impossible place is named and left alone", () => {
  for (const place of [
    { base: 0n },
    { base: 0xc0000800n },
    { base: 0xfffffffff0000000n },
    { base: 1n << 40n },
    { base: 0x10000000n },
    { base: 0xc0000000n, first: 5, last: 4 },
  ]) {
    const run = bootWith({ mechanism1: new PciSegment(), enhanced: [{ segment: 3, ...place }] });
    assertEnd(run, "ok", /warning: PCI: the MCFG has segment 3 at the impossible place/);
  }
});
