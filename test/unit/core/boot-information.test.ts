// What the boot loader tells, in both formats, sound and broken.
import assert from "node:assert/strict";
import { assertEnd } from "./assertions.ts";
import {
  multiboot2Structure,
  multiboot2Tags,
  pcMemoryMap,
  RAM,
  tag,
  type BootFacts,
} from "./machine/boot-information.ts";
import { ByteWriter } from "./machine/byte-writer.ts";
import { boot, type Machine, type Run } from "./machine/machine.ts";
import { exits, test } from "./vendors.ts";

const INFORMATION = 0x10000n;
const facts: BootFacts = { commandLine: "guest=hlt iterations=1", memoryMap: pcMemoryMap, modules: [], rsdp: null };
const tags = multiboot2Tags(facts);

/** Boots with these bytes as Multiboot2's boot information. */
function bootWith(structure: Uint8Array, prepare: (machine: Machine) => void = () => {}): Run {
  return boot({
    prepare: (machine) => {
      machine.memory.write(INFORMATION, new Uint8Array(0x12000));
      machine.memory.write(INFORMATION, structure);
      prepare(machine);
    },
  });
}

function patched(structure: Uint8Array, offset: number, value: number): Uint8Array {
  const copy = structure.slice();
  new DataView(copy.buffer).setUint32(offset, value, true);
  return copy;
}

test("a multiboot2 loader's command line and memory map are used", () => {
  assertEnd(bootWith(multiboot2Structure(tags)), "ok", /506 MiB of RAM free/, exits("halt", 1));
});

test("the tags may come in any order", () => {
  assertEnd(bootWith(multiboot2Structure([...tags].reverse())), "ok", /506 MiB of RAM free/);
});

test("a PVH loader's command line, memory map and modules are used", () => {
  const modules = [{ start: 0x2000000n, bytes: 0x400000n }];
  const run = boot({ loader: "pvh", commandLine: "guest=count iterations=2", modules });
  assertEnd(run, "ok", /502 MiB of RAM free/, exits("cpuid", 2));
  assert.notDeepEqual(run.machine.endSteps, [], "the ACPI root pointer was found");
});

test("a size that no boot information has is refused", () => {
  const sound = multiboot2Structure(tags);
  for (const size of [0, 7, 65537, 0x80000000, 0xffffffff]) {
    assertEnd(bootWith(patched(sound, 0, size)), "bad-boot-information", /impossible size/);
  }
});

test("boot information that ends before its end tag is refused, wherever it was cut", () => {
  const sound = multiboot2Structure(tags);
  for (let size = 8; size < sound.length; size += 4) {
    assertEnd(bootWith(patched(sound, 0, size)), "bad-boot-information", /ends in the middle/);
  }
});

test("a tag of an impossible length is refused", () => {
  const sound = multiboot2Structure(tags);
  for (const bytes of [0, 7, sound.length, 0x10000, 0xfffffff8, 0xffffffff]) {
    assertEnd(bootWith(patched(sound, 12, bytes)), "bad-boot-information", /ends in the middle/);
  }
});

test("boot information without a memory map is refused with what to do", () => {
  const run = bootWith(multiboot2Structure([tag(1, Buffer.from("guest=hlt\0"))]));
  assertEnd(run, "bad-boot-information", /no memory map.*multiboot2/);
});

test("a memory map whose entries are too small to be entries is no memory map", () => {
  for (const bytes of [0, 1, 23]) {
    const map = tag(
      6,
      new ByteWriter()
        .u32(bytes)
        .u32(0)
        .u64(0n)
        .u64(1n << 30n)
        .u32(1)
        .u32(0)
        .bytes(),
    );
    assertEnd(bootWith(multiboot2Structure([map])), "bad-boot-information", /no memory map/);
  }
});

test("memory-map entries larger than today's are read at their own distance", () => {
  const content = new ByteWriter().u32(40).u32(0);
  for (const { start, bytes, type } of pcMemoryMap) content.u64(start).u64(bytes).u32(type).u32(0).u64(~0n).u64(~0n);
  const run = bootWith(multiboot2Structure([tags[0] ?? new Uint8Array(), tag(6, content.bytes())]));
  assertEnd(run, "ok", /506 MiB of RAM free/);
});

test("a memory-map entry size near 4 GiB does not run around", () => {
  const map = tag(
    6,
    new ByteWriter()
      .u32(0xfffffff0)
      .u32(0)
      .u64(0n)
      .u64(1n << 30n)
      .u32(1)
      .u32(0)
      .bytes(),
  );
  assertEnd(bootWith(multiboot2Structure([tags[0] ?? new Uint8Array(), map])), "ok");
});

test("a memory map of nothing but reserved memory is too little memory", () => {
  const memoryMap = pcMemoryMap.map((range) => ({ ...range, type: 2 }));
  assertEnd(boot({ ...facts, memoryMap }), "too-little-memory", /vm0: too little memory: 0 MiB are free/);
});

test("a machine with less RAM than a VM takes ends with too-little-memory, and says how much there is", () => {
  const memoryMap = [{ start: 0n, bytes: 0x1600000n, type: RAM }];
  assertEnd(boot({ ...facts, memoryMap }), "too-little-memory", /\d+ MiB are free; a VM takes 16 MiB of RAM/);
});

test("an unknown boot protocol is refused", () => {
  for (const kind of [0, 3, 0xffffffff]) {
    const run = boot({ prepare: (machine) => void (machine.loader = { kind, address: INFORMATION }) });
    assertEnd(run, "bad-boot-information", /neither multiboot2 nor PVH/);
  }
});

/** Boots by PVH with one field of hvm_start_info changed. */
function bootPvh(offset: number, value: bigint, bytes: 4 | 8): Run {
  return boot({
    ...facts,
    loader: "pvh",
    prepare: ({ memory }) => {
      const field = new ByteWriter().u64(value).bytes().subarray(0, bytes);
      memory.write(INFORMATION + BigInt(offset), field);
    },
  });
}

test("PVH start info without a memory map, or of a version that has none, is refused", () => {
  assertEnd(bootPvh(4, 0n, 4), "bad-boot-information", /no memory map/);
  assertEnd(bootPvh(48, 0n, 4), "bad-boot-information", /no memory map/);
});

test("PVH start info with impossible counts is refused", () => {
  for (const count of [513n, 0x80000000n, 0xffffffffn]) {
    assertEnd(bootPvh(48, count, 4), "bad-boot-information", /impossible size/);
    assertEnd(bootPvh(12, count, 4), "bad-boot-information", /impossible size/);
  }
});

test("PVH start info that points beyond the CPU's physical addresses is refused", () => {
  for (const offset of [24, 40]) {
    assertEnd(bootPvh(offset, 1n << 52n, 8), "bad-boot-information", /beyond this CPU's physical addresses/);
    assertEnd(bootPvh(offset, 0xffffffffffffff00n, 8), "bad-boot-information", /beyond this CPU's physical addresses/);
  }
});

test("a PVH loader without a command line gets the defaults", () => {
  assert.throws(() => {
    const run = boot({
      loader: "pvh",
      scripts: [() => [][Symbol.iterator]()],
      prepare: ({ memory }) => memory.write(INFORMATION + 24n, new Uint8Array(8)),
    });
    assert.fail(run.lines.join("\n"));
  }, /no more exits/);
});

test("boot information of random bytes ends in a named result, never in a trap", () => {
  let seed = 1;
  const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8;
  for (let n = 0; n < 300; n++) {
    const structure = multiboot2Structure(tags).slice();
    for (let changes = 1 + (random() % 6); changes > 0; changes--) {
      structure[8 + (random() % (structure.length - 8))] = random() & 0xff;
    }
    const run = boot({
      scripts: [() => [{ reason: 2 }][Symbol.iterator]()],
      prepare: ({ memory }) => memory.write(INFORMATION, structure),
    });
    const ends = ["ok", "triple-fault", "bad-boot-information", "bad-option", "too-little-memory", "vmm-not-created"];
    assert.ok([...ends, "ept-unusable"].includes(run.name), run.lines.join("\n"));
  }
});
