// What memory core takes for its VMs: RAM of the memory map, and never what belongs to somebody else.
import assert from "node:assert/strict";
import { assertEnd } from "./assertions.ts";
import { pcMemoryMap, RAM, RESERVED, type MemoryRange, type Module } from "./machine/boot-information.ts";
import { hlt, listed } from "./machine/exits.ts";
import { boot, type Run } from "./machine/machine.ts";
import { test } from "./vendors.ts";

const MIB = 1n << 20n;
const PAGE = 4096n;
const OWN_START = 0xc0000000n;
const INFORMATION = { start: 0x10000n, bytes: 0x1000n };

interface Range {
  readonly start: bigint;
  readonly bytes: bigint;
}

/** RAM of guests and of their vmms as it was mapped, in order. That no two VMs have memory at once vmm-bridge.ts holds. */
function taken(run: Run): Range[] {
  const all = [...run.machine.vmms.mappings.values()].flat();
  return all.filter(({ address }) => address <= OWN_START).map(({ hpa, bytes }) => ({ start: hpa, bytes }));
}

const end = ({ start, bytes }: Range): bigint => (start + bytes > 1n << 64n ? 1n << 64n : start + bytes);
const overlap = (a: Range, b: Range): boolean => a.start < end(b) && b.start < end(a);

/** The page is RAM as a whole, and belongs to nobody. */
function isFree(page: Range, map: readonly MemoryRange[], others: readonly Range[]): boolean {
  const isRam = map.some((range) => range.type === RAM && range.start <= page.start && end(page) <= end(range));
  const isReserved = map.some((range) => range.type !== RAM && range.bytes !== 0n && overlap(range, page));
  return (
    isRam && !isReserved && page.start >= MIB && !others.some((other) => other.bytes !== 0n && overlap(other, page))
  );
}

function assertTakenIsFree(run: Run, map: readonly MemoryRange[], modules: readonly Module[]): void {
  const image = { start: run.machine.imageStart, bytes: run.machine.imageEnd - run.machine.imageStart };
  const ranges = taken(run);
  const others = [...modules, image, INFORMATION];
  for (const range of ranges) {
    for (let page = range.start; page < end(range); page += PAGE) {
      assert.ok(isFree({ start: page, bytes: PAGE }, map, others), `${page.toString(16)} is not free`);
    }
  }
}

/** A small generator of its own, so that a seed names a case for ever. */
function generator(seed: number): (limit: number) => number {
  let state = seed + 1;
  return (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
}

/** RAM with holes, ranges that overlap it, odd starts and lengths, and modules anywhere in it. */
function randomMachine(seed: number): { memoryMap: MemoryRange[]; modules: Module[] } {
  const random = generator(seed);
  const memoryMap: MemoryRange[] = [{ start: 0n, bytes: 0x9fc00n, type: RAM }];
  let at = MIB;
  for (let n = random(6) + 1; n > 0; n--) {
    const bytes = BigInt(random(60) + 1) * MIB + BigInt(random(3) === 0 ? random(8192) : 0);
    memoryMap.push({ start: at + BigInt(random(3) === 0 ? random(8192) : 0), bytes, type: RAM });
    at += bytes + BigInt(random(4)) * MIB + 0x4000n;
  }
  for (let n = random(5); n > 0; n--) {
    const start = BigInt(random(Number(at / PAGE))) * PAGE + BigInt(random(2) * random(4096));
    memoryMap.push({ start, bytes: BigInt(random(1 << 23)), type: RESERVED + random(3) });
  }
  const modules: Module[] = [];
  for (let n = random(4); n > 0; n--) {
    modules.push({ start: MIB + BigInt(random(Number(at - MIB))), bytes: BigInt(random(1 << 22)) });
  }
  if (random(2) === 0) memoryMap.reverse();
  return { memoryMap, modules };
}

for (const loader of ["multiboot2", "pvh"] as const) {
  test(`on 150 random memory maps a ${loader} boot takes free RAM only, image and modules never`, () => {
    let boots = 0;
    for (let seed = 0; seed < 150; seed++) {
      const { memoryMap, modules } = randomMachine(seed);
      const run = boot({
        loader,
        commandLine: "guest=hlt,hlt iterations=1",
        memoryMap,
        modules,
        acpi: null,
        scripts: [listed(hlt)],
      });
      assert.ok(["ok", "too-little-memory"].includes(run.name), `seed ${seed}: ${run.lines.join("\n")}`);
      if (run.name === "ok") boots++;
      assertTakenIsFree(run, memoryMap, modules);
    }
    assert.ok(boots > 30 && boots < 150, `${boots} of 150 maps had room for two VMs: both cases are to be tested`);
  });
}

test("the lowest RAM that is free and aligned to 2 MiB is taken, and a part of the first block is the vmm's own", () => {
  const run = boot({ commandLine: "guest=hlt iterations=1", memoryMap: pcMemoryMap });
  assertEnd(run, "ok");
  const lowest = (run.machine.imageEnd + 2n * MIB - 1n) & ~(2n * MIB - 1n);
  assert.deepEqual(taken(run), [
    { start: lowest, bytes: MIB / 2n },
    { start: lowest + 2n * MIB, bytes: 2n * MIB },
  ]);
});

test("memory that the map calls RAM and reserved at once is reserved", () => {
  const memoryMap = [
    { start: 0x1000000n, bytes: 16n * MIB, type: RESERVED },
    ...pcMemoryMap,
    { start: 0x3000000n, bytes: 1n, type: 5 },
  ];
  const run = boot({ commandLine: "guest=hlt,hlt iterations=1", memoryMap });
  assertEnd(run, "ok");
  assertTakenIsFree(run, memoryMap, []);
});

test("a range that wraps around the end of all addresses, RAM or not, is no trap", () => {
  for (const type of [RAM, RESERVED]) {
    const memoryMap = [...pcMemoryMap, { start: 0xffffffffff000000n, bytes: 0xffffffffffffffffn, type }];
    const run = boot({ commandLine: "guest=hlt iterations=1", memoryMap });
    assertEnd(run, "ok");
    assertTakenIsFree(run, memoryMap, []);
  }
});

test("two ranges of RAM that touch each other are one piece of RAM", () => {
  const memoryMap = [
    { start: 0n, bytes: 0xc00000n, type: RAM },
    { start: 0xc00000n, bytes: 0xc00000n, type: RAM },
    { start: 0x1800000n, bytes: 0x400000n, type: RAM },
  ];
  assertEnd(boot({ commandLine: "guest=hlt iterations=1", memoryMap }), "ok");
});

test("modules of hostile ranges (empty, backwards, at the ends of memory) neither trap nor uncover anything", () => {
  const hostile: Module[] = [
    { start: 0x2000000n, bytes: 0n },
    { start: 0n, bytes: 0xffffffffn },
    { start: 0xffffffffn, bytes: 0n },
    { start: 0x3000000n, bytes: -0x1000000n },
    { start: 0xfffff000n, bytes: 0xfffn },
  ];
  for (const module of hostile) {
    const run = boot({ commandLine: "guest=hlt iterations=1", modules: [module], scripts: [listed(hlt)] });
    assert.ok(["ok", "too-little-memory"].includes(run.name), run.lines.join("\n"));
    if (module.bytes > 0n) assertTakenIsFree(run, pcMemoryMap, [module]);
  }
});

test("a PVH module that wraps around the end of all addresses covers all memory behind its start", () => {
  const modules = [{ start: 0x1000000n, bytes: 0xfffffffffffffff0n }];
  const run = boot({ loader: "pvh", commandLine: "guest=hlt iterations=1", modules, scripts: [listed(hlt)] });
  assertTakenIsFree(run, pcMemoryMap, modules);
});

test("RAM beyond the CPU's physical addresses is not used", () => {
  const memoryMap = [
    { start: 0n, bytes: 0x800000n, type: RAM },
    { start: 1n << 41n, bytes: 1n << 30n, type: RAM },
  ];
  const run = boot({ commandLine: "guest=hlt iterations=1", memoryMap });
  assert.ok(["too-little-memory", "ept-unusable", "vmm-not-created"].includes(run.name), run.lines.join("\n"));
  assert.ok(!run.machine.trace.includes("VM entry"));
});

test("a thousand ranges of RAM are more than core keeps, and harm nothing", () => {
  const memoryMap: MemoryRange[] = [];
  for (let n = 0n; n < 1000n; n++) memoryMap.push({ start: MIB + n * 0x4000n, bytes: 0x2000n, type: RAM });
  memoryMap.push({ start: 0x10000000n, bytes: 64n * MIB, type: RAM });
  const run = boot({ commandLine: "guest=hlt iterations=1", memoryMap, scripts: [listed(hlt)] });
  assert.ok(["ok", "too-little-memory"].includes(run.name), run.lines.join("\n"));
  assertTakenIsFree(run, memoryMap, []);
});
