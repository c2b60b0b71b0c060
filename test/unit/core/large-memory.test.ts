// Machines with more than 4 GiB, with holes, and with processors that count physical addresses differently.
import assert from "node:assert/strict";
import { assertEnd } from "./assertions.ts";
import { RAM, RESERVED, type MemoryRange } from "./machine/boot-information.ts";
import type { CpuModel } from "./machine/cpu-model.ts";
import { hlt } from "./machine/exits.ts";
import { boot, type Run } from "./machine/machine.ts";
import { PhysicalMemory } from "./machine/physical-memory.ts";
import { vendor } from "./machine/vendor.ts";
import { onVmx, test } from "./vendors.ts";

const MIB = 1n << 20n;
const GIB = 1n << 30n;
const OWN_START = 0xc0000000n;
const WRITE_BACK = 6n;
const CPUID_MTRR = 1 << 12;
const guestRam = (run: Run): bigint[] =>
  [...run.machine.vmms.mappings.values()].flatMap((mappings) =>
    mappings.filter(({ address }) => address < OWN_START).map(({ hpa }) => hpa),
  );
/** Room for the image and for boot information, and no more. */
const low: MemoryRange = { start: 0n, bytes: 8n * MIB, type: RAM };

/** The same CPU with MAXPHYADDR `bits`. */
function withAddressBits(bits: number): CpuModel {
  const [eax, ebx, ecx, edx] = vendor().cpu.leaf(0x80000008);
  return vendor().cpu.withLeaf(0x80000008, [(eax & ~0xff) | bits, ebx, ecx, edx]);
}

test("a guest runs in RAM above 4 GiB, and in RAM above a hole there", () => {
  for (const start of [4n * GIB, 64n * GIB, 513n * GIB]) {
    const memoryMap = [
      low,
      { start: start - 2n * MIB, bytes: 2n * MIB, type: RESERVED },
      { start, bytes: 64n * MIB, type: RAM },
    ];
    const run = boot({ commandLine: "guest=hlt,count iterations=2", memoryMap });
    assertEnd(run, "ok", /vm0: ended: ok/, /vm1: ended: ok/);
    // The second VM has what the first one gave back.
    assert.deepEqual(guestRam(run), [start, start]);
  }
});

test("RAM on both sides of the hole below 4 GiB is counted, the hole is not", () => {
  const memoryMap = [
    { start: 0n, bytes: 3n * GIB, type: RAM },
    { start: 3n * GIB, bytes: GIB, type: RESERVED },
    { start: 4n * GIB, bytes: 13n * GIB, type: RAM },
  ];
  const run = boot({ commandLine: "guest=hlt iterations=1", memoryMap });
  const free = /(\d+) MiB of RAM free/.exec(run.lines.join("\n"))?.[1];
  assert.ok(Number(free) > 16 * 1024 - 16 && Number(free) < 16 * 1024, free);
});

test("RAM up to the last of 52 address bits is used", () => {
  const start = (1n << 52n) - 64n * MIB;
  const cpu = withAddressBits(52);
  const run = boot({
    cpu,
    commandLine: "guest=hlt iterations=1",
    memoryMap: [low, { start, bytes: 64n * MIB, type: RAM }],
  });
  assertEnd(run, "ok");
  assert.deepEqual(guestRam(run), [start]);
});

test("RAM beyond the CPU's physical addresses is as good as none, also of a range that only ends there", () => {
  const cpu = withAddressBits(36);
  const memoryMap = [low, { start: 64n * GIB - 32n * MIB, bytes: GIB, type: RAM }];
  // 24 MiB fit behind the image, 30 MiB more do not.
  const run = boot({ cpu, commandLine: "guest=touch,touch iterations=14", memoryMap });
  assertEnd(run, "ok", /vm1: ended: ok/);
  assertEnd(boot({ cpu, commandLine: "guest=touch iterations=31", memoryMap }), "too-little-memory", /MiB are free/);
  assert.ok(guestRam(run).some((start) => start >= 64n * GIB - 32n * MIB));
  assert.ok(guestRam(run).every((start) => start + 2n * MIB <= 64n * GIB));
});

test("modules and ACPI tables of a PVH loader may lie above 4 GiB", () => {
  const modules = [{ start: 5n * GIB, bytes: 40n * MIB }];
  const memoryMap = [low, { start: 5n * GIB - 8n * MIB, bytes: 80n * MIB, type: RAM }];
  const run = boot({
    loader: "pvh",
    commandLine: "guest=hlt iterations=1",
    memoryMap,
    modules,
    acpi: { hasXsdt: true, base: 6n * GIB },
  });
  assertEnd(run, "ok");
  assert.deepEqual(guestRam(run), [5n * GIB - 8n * MIB]);
  assert.notDeepEqual(run.machine.endSteps, []);
});

onVmx("a processor that shows no MTRRs has none of them read, and its guests run in write-back memory", () => {
  const [eax, ebx, ecx, edx] = vendor().cpu.leaf(1);
  const cpu = vendor().cpu.withLeaf(1, [eax, ebx, ecx, (edx & ~CPUID_MTRR) >>> 0]);
  let type = 0n;
  let memory = new PhysicalMemory();
  const run = boot({
    cpu,
    commandLine: "guest=hlt iterations=1",
    prepare: ({ memory: physical, processor }) => {
      memory = physical;
      for (const index of [...processor.msrs.keys()]) {
        if (index === 0xfe || (index >= 0x200 && index <= 0x2ff && index !== 0x277)) processor.msrs.delete(index);
      }
    },
    scripts: [
      function* ({ vmcs }) {
        // Three levels down lies the entry of guest-physical address 0, with a large page: its type is in bits 5:3.
        let entry = vmcs.get("EPT_POINTER");
        for (let level = 0; level < 3; level++) entry = memory.read64(entry & 0xffffffffff000n);
        type = (entry >> 3n) & 7n;
        yield hlt;
      },
    ],
  });
  assertEnd(run, "ok");
  assert.equal(type, WRITE_BACK);
});
