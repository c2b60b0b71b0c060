// Kernels that are boot modules: what is loaded, what they are told, and what is refused.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { vcpuPage } from "../core/machine/tables.ts";
import { elf, header1, header2, headerTag, type Segment } from "./kernel-images.ts";
import { Loader } from "./module-loader.ts";

const MIB = 1n << 20n;
const RAM = 4n * MIB;
const MODULE = vcpuPage("MODULE_IN_VMM");
const RAX = 0;
const MAGIC1 = 0x2badb002n;
const MAGIC2 = 0x36d76289n;

const code = Buffer.from("code of the kernel, and its data");
const withHeader = (header: Buffer): Buffer => Buffer.concat([header, code]);
const kernel1 = withHeader(header1(3));
const kernel2 = withHeader(header2(headerTag(1, 0, 1, 6), headerTag(6, 0)));
const simple = (bytes: Buffer, more: Partial<Segment> = {}): Segment => ({ physical: MIB, bytes, ...more });

for (const bits of [32, 64] as const) {
  describe(`an ELF of ${bits} bits`, () => {
    test("is loaded to the physical addresses of its segments, with zeroes behind what the file holds", () => {
      const loader = new Loader(RAM);
      const data = Buffer.from("more data");
      const segments = [
        simple(kernel1, { memoryBytes: 0x3000n, linear: 0xc0100000n }),
        simple(data, { physical: 0x20000n }),
        { type: 4, physical: 0n, bytes: Buffer.from("a note that is not loaded") },
        simple(Buffer.alloc(0), { physical: 2n * MIB, memoryBytes: 0x1000n, offset: 0 }),
      ];
      assert.equal(loader.load(elf(bits, 0xc0100010n, segments)), "");
      const { bytes } = loader.vmm;
      assert.deepEqual(Buffer.from(bytes.subarray(0x100000, 0x100000 + kernel1.length)), kernel1);
      assert.ok(bytes.subarray(0x100000 + kernel1.length, 0x103000).every((byte) => byte === 0));
      assert.equal(loader.text(0x20000), "more data");
      assert.ok(!Buffer.from(bytes.subarray(0, Number(RAM))).includes("a note"));
      assert.equal(loader.vmm.get("startRip"), 0x100010n, "the entry point is a linear address in the file");
    });

    const refusals: readonly (readonly [what: string, segments: readonly Segment[], entry: bigint, message: RegExp])[] =
      [
        ["a segment in the hole below 1 MiB", [simple(kernel1, { physical: 0x9fff8n })], 0x9fff8n, /no RAM/],
        ["a segment in the middle of the hole", [simple(kernel1, { physical: 0xc0000n })], 0xc0000n, /no RAM/],
        ["a segment beyond RAM", [simple(kernel1, { physical: RAM - 8n })], RAM - 8n, /no RAM/],
        ["zeroes beyond RAM", [simple(kernel1, { memoryBytes: RAM })], MIB, /no RAM/],
        ["a segment that ends behind all addresses", [simple(kernel1, { memoryBytes: 0xffffffffn })], MIB, /no RAM/],
        [
          "more bytes in the file than in memory",
          [simple(kernel1, { memoryBytes: 4n })],
          MIB,
          /more bytes in the file/,
        ],
        ["a segment beyond the file", [simple(kernel1, { fileBytes: 0x10000n })], MIB, /beyond the end of the file/],
        ["two segments in one place", [simple(kernel1), simple(code, { physical: MIB + 8n })], MIB, /the same memory/],
        ["an entry point elsewhere", [simple(kernel1)], 0x300000n, /entry point is in none/],
        ["an entry point right behind", [simple(kernel1)], MIB + BigInt(kernel1.length), /entry point is in none/],
        [
          "too many segments",
          Array.from({ length: 66 }, (_, i) => simple(kernel1, { physical: MIB + BigInt(0x1000 * i) })),
          MIB,
          /more than 64 parts/,
        ],
        ["nothing to load", [simple(kernel1, { type: 4 })], MIB, /entry point is in none/],
      ];
    for (const [what, segments, entry, message] of refusals) {
      test(`is refused with ${what}`, () => {
        assert.match(new Loader(RAM).load(elf(bits, entry, segments)), message);
      });
    }

    const damages: readonly (readonly [what: string, at: number, value: number, message: RegExp])[] = [
      ["an unknown class", 4, 3, /neither 32 nor 64 bits/],
      ["big-endian data", 5, 2, /big-endian/],
      ["no executable", 16, 3, /no executable/],
      ["another processor", 18, 40, /another processor/],
      ["no program headers", bits === 64 ? 56 : 44, 0, /without program headers/],
      ["short program headers", bits === 64 ? 54 : 42, 8, /too short/],
      ["more program headers than the file", bits === 64 ? 57 : 45, 0xff, /beyond the end of the file/],
    ];
    for (const [what, at, value, message] of damages) {
      test(`is refused with ${what}`, () => {
        const file = elf(bits, MIB, [simple(kernel1)]);
        file[at] = value;
        assert.match(new Loader(RAM).load(file), message);
      });
    }
  });
}

test("a segment whose address has more than 32 bits is refused, not cut", () => {
  const file = elf(64, MIB, [simple(kernel1), simple(code, { physical: (1n << 32n) + 0x200000n })]);
  assert.match(new Loader(RAM).load(file), /no RAM/);
});

test("a Multiboot kernel is told its RAM, its command line and its loader", () => {
  const loader = new Loader(RAM);
  assert.equal(loader.load(elf(32, MIB, [simple(kernel1)])), "");
  const at = loader.information;
  assert.equal(loader.vmm.register(RAX), MAGIC1);
  assert.equal(loader.u32(at), 0x24d);
  assert.deepEqual([loader.u32(at + 4), loader.u32(at + 8)], [639, 3072]);
  assert.equal(loader.text(loader.u32(at + 16)), "kernel one two");
  assert.equal(loader.u32(at + 20), 0, "no modules");
  assert.equal(loader.text(loader.u32(at + 64)), "Basalt");
  const [bytes, map] = [loader.u32(at + 44), loader.u32(at + 48)];
  const fields = Array.from({ length: bytes / 4 }, (_, i) => loader.u32(map + 4 * i));
  assert.deepEqual(fields, [
    ...[20, 0, 0, 0x9fc00, 0, 1],
    ...[20, 0x9fc00, 0, 0x400, 0, 2],
    ...[20, 0xe0000, 0, 0x20000, 0, 2],
    ...[20, 0x100000, 0, 0x300000, 0, 1],
    ...[20, 0xe0000000, 0, 0x100000, 0, 2],
  ]);
});

test("a Multiboot2 kernel is told the same in tags that fill the size", () => {
  const loader = new Loader(RAM);
  assert.equal(loader.load(elf(64, MIB, [simple(kernel2)])), "");
  assert.equal(loader.vmm.register(RAX), MAGIC2);
  const start = loader.information;
  assert.equal(start % 8, 0);
  const tags = new Map<number, number>();
  let at = start + 8;
  while (loader.u32(at) !== 0) {
    tags.set(loader.u32(at), at);
    at += (loader.u32(at + 4) + 7) & ~7;
  }
  assert.equal(loader.u32(at + 4), 8);
  assert.equal(at + 8 - start, loader.u32(start));
  assert.deepEqual([...tags.keys()], [1, 2, 4, 6, 21]);
  assert.equal(loader.text(tags.get(1)! + 8), "kernel one two");
  assert.equal(loader.text(tags.get(2)! + 8), "Basalt");
  assert.deepEqual([loader.u32(tags.get(4)! + 8), loader.u32(tags.get(4)! + 12)], [639, 3072]);
  assert.equal(loader.u32(tags.get(21)! + 8), 0x100000);
  const map = tags.get(6)!;
  assert.deepEqual([loader.u32(map + 4), loader.u32(map + 8), loader.u32(map + 12)], [16 + 5 * 24, 24, 0]);
  const entries = Array.from({ length: 5 }, (_, i) => [0, 8, 16].map((field) => loader.u32(map + 16 + 24 * i + field)));
  assert.deepEqual(entries, [
    [0, 0x9fc00, 1],
    [0x9fc00, 0x400, 2],
    [0xe0000, 0x20000, 2],
    [0x100000, 0x300000, 1],
    [0xe0000000, 0x100000, 2],
  ]);
});

test("a command line of every length up to the longest arrives whole", () => {
  const loader = new Loader(RAM);
  for (const kernel of [kernel1, kernel2]) {
    for (const length of [0, 1, 7, 8, 1000, vcpuPage("COMMAND_LINE_CAPACITY")]) {
      assert.equal(loader.load(elf(32, MIB, [simple(kernel)]), "x".repeat(length)), "");
      const at = loader.information;
      const text = loader.text(kernel === kernel1 ? loader.u32(at + 16) : at + 16);
      assert.equal(text, "x".repeat(length));
    }
  }
});

test("the boot information lies where the kernel does not", () => {
  const low = Buffer.alloc(0x9fc00 - 0x1000);
  for (const [segments, least] of [
    [[simple(kernel1), simple(low, { physical: 0x1000n })], 0x101000],
    [[simple(kernel1, { memoryBytes: 2n * MIB }), simple(low, { physical: 0x1000n })], 0x300000],
    [[simple(kernel1)], 0x9f000],
  ] as const) {
    const loader = new Loader(RAM);
    assert.equal(loader.load(elf(32, MIB, segments)), "");
    assert.equal(loader.information, least);
  }
  const all = [simple(kernel1, { memoryBytes: RAM - MIB }), simple(low, { physical: 0x1000n })];
  assert.match(new Loader(RAM).load(elf(32, MIB, all)), /no room in RAM for its boot information/);
});

describe("a flat image with address fields in its header", () => {
  const flat = (fields: readonly number[]): Buffer => Buffer.concat([Buffer.alloc(16), header1(0x10003, fields), code]);

  test("is loaded as they say, from a place in the file on", () => {
    const loader = new Loader(RAM);
    // The header is at 16 of the file; what lies before it belongs to the image from 8 on.
    assert.equal(loader.load(flat([0x100008, 0x100000, 0x100040, 0x101000, 0x100030])), "");
    assert.equal(loader.u32(0x100008), 0x1badb002);
    assert.equal(loader.vmm.get("startRip"), 0x100030n);
  });

  test("is loaded to the end of the file where they name no end", () => {
    const loader = new Loader(RAM);
    assert.equal(loader.load(flat([0x100010, 0x100000, 0, 0, 0x100030])), "");
    assert.equal(loader.text(0x100030), code.toString());
  });

  for (const [what, fields, message] of [
    ["a start before the file's", [0x100018, 0x100000, 0, 0, 0x100030], /does not lie where/],
    ["a start behind the header", [0x100010, 0x100014, 0, 0, 0x100030], /does not lie where/],
    ["an end before the start", [0x100010, 0x100000, 0xfffff, 0, 0x100030], /before their start/],
    ["an end beyond the file", [0x100010, 0x100000, 0x200000, 0, 0x100030], /beyond the end of the file/],
    [
      "zeroes that end within the data",
      [0x100010, 0x100000, 0x100040, 0x100020, 0x100030],
      /before the end of its data/,
    ],
    ["an entry point outside", [0x100010, 0x100000, 0, 0, 0x200000], /entry point is not in what is loaded/],
    ["no RAM there", [0x10000010, 0x10000000, 0, 0, 0x10000030], /no RAM/],
  ] as const) {
    test(`is refused with ${what}`, () => assert.match(new Loader(RAM).load(flat(fields)), message));
  }

  test("is refused where the header ends too early", () => {
    assert.match(new Loader(RAM).load(header1(0x10003, [0, 0])), /ends before its address fields/);
  });

  test("of Multiboot2 takes -1 for the start of the file, and needs an entry address", () => {
    const tags = (...more: readonly Buffer[]): Buffer =>
      withHeader(header2(headerTag(2, 0, 0x200000, 0xffffffff, 0, 0), ...more));
    const loader = new Loader(RAM);
    assert.equal(loader.load(tags(headerTag(3, 0, 0x200010))), "");
    assert.equal(loader.u32(0x200000), 0xe85250d6);
    assert.equal(loader.vmm.get("startRip"), 0x200010n);
    assert.match(new Loader(RAM).load(tags()), /none of the entry address/);
  });
});

describe("a header that asks for what this machine has not is refused:", () => {
  for (const [what, header, message] of [
    ["a video mode", header1(7), /requires a video mode/],
    ["a flag that is not defined", header1(0x8003), /flags 3 to 15/],
    ["a framebuffer", header2(headerTag(5, 0, 0, 0, 0)), /requires a framebuffer/],
    ["a console", header2(headerTag(4, 0, 1)), /requires a console/],
    ["unknown information", header2(headerTag(1, 0, 6, 99)), /requests information/],
    ["an unknown tag", header2(headerTag(77, 0)), /required tag that is not defined/],
    ["an address tag that is too short", header2(headerTag(2, 0, 1)), /too short/],
  ] as const) {
    test(what, () => assert.match(new Loader(RAM).load(elf(32, MIB, [simple(withHeader(header))])), message));
  }

  test("but not where it says that it does not need it", () => {
    const header = header2(headerTag(5, 1, 0, 0, 0), headerTag(1, 1, 99), headerTag(77, 1), headerTag(4, 0, 2));
    assert.equal(new Loader(RAM).load(elf(32, MIB, [simple(withHeader(header))])), "");
  });
});

test("a file that has no header is refused, and one whose header lies too far in", () => {
  for (const file of [
    Buffer.alloc(0),
    Buffer.alloc(11),
    Buffer.from("no kernel"),
    elf(32, MIB, [simple(code)]),
    elf(32, MIB, [simple(kernel1, { offset: 8192 })]),
    elf(32, MIB, [simple(kernel2, { offset: 32768 })]),
    elf(32, MIB, [simple(kernel1, { offset: 0x202 })]),
  ]) {
    assert.match(new Loader(RAM).load(file), /no Multiboot header/);
  }
});

test("a kernel that is loaded again, as its guest has reset the machine, finds zeroes behind its data, and no heap grows", () => {
  const loader = new Loader(RAM);
  const { bytes } = loader.vmm;
  const files = [elf(32, MIB, [simple(kernel1, { memoryBytes: 0x3000n })]), elf(64, MIB, [simple(kernel2)])];
  for (const file of files) assert.equal(loader.load(file), "");
  const heap = bytes.subarray(0xc0000000, 0xc0400000);
  const end = heap.findLastIndex((byte) => byte !== 0);
  for (let n = 0; n < 20; n++) {
    bytes.fill(0xcc, 0, Number(RAM));
    assert.equal(loader.load(files[0]!), "");
    assert.ok(bytes.subarray(0x100000 + kernel1.length, 0x103000).every((byte) => byte === 0));
    assert.equal(loader.u32(loader.information + 52), 0, "no field of the boot information is left as it was");
    assert.equal(loader.load(files[1]!), "");
  }
  assert.equal(
    heap.findLastIndex((byte) => byte !== 0),
    end,
  );
});

test("RAM that ends at 1 MiB is too little for any kernel", () => {
  assert.match(new Loader(MIB).load(elf(32, 0x1000n, [simple(kernel1, { physical: 0x1000n })])), /no RAM above 1 MiB/);
});

test("of 40,000 damaged kernels none traps, and none is loaded outside RAM or started outside of what is loaded", () => {
  const ram = 2n * MIB;
  const loader = new Loader(ram);
  const { bytes } = loader.vmm;
  const flat = Buffer.concat([header1(0x10003, [0x100000, 0x100000, 0x100030, 0x101000, 0x100020]), code]);
  const flat2 = withHeader(header2(headerTag(2, 0, 0x100000, 0x100000, 0, 0x102000), headerTag(3, 0, 0x100010)));
  const sound = [
    ...([32, 64] as const).flatMap((bits) => [
      elf(bits, MIB, [simple(kernel1, { memoryBytes: 0x3000n }), simple(code, { physical: 0x20000n })]),
      elf(bits, MIB, [simple(kernel2), simple(code, { physical: MIB + 0x4000n, memoryBytes: 0x5000n })]),
    ]),
    flat,
    flat2,
  ];
  const odd = [0, 1, 2, 7, 8, 0xff, 0x7fff, 0xffff, 0xa0000, 0xffff8, 0x100000, 0x1fffff, 0x200000, 0x7fffffff];
  const values = [...odd, 0x80000000, 0xd0000000, 0xfffe0000, 0xfffffff8, 0xffffffff];
  let state = 1;
  const random = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  // What lies right behind RAM, and the vmm's statics and the module itself, must stay as they are.
  const behind = Number(ram);
  const outcomes = { loaded: 0, refused: 0 };
  for (let n = 0; n < 40_000; n++) {
    const file = Buffer.from(sound[n % sound.length]!);
    for (let k = random(3); k >= 0; k--) {
      const at = random(Math.min(file.length, 240));
      if (random(3) === 0) file[at] = random(256);
      else if (at + 4 <= file.length) file.writeUInt32LE(values[random(values.length)]!, at & ~3);
    }
    const cut = random(8) === 0 ? file.subarray(0, random(file.length)) : file;
    const problem = loader.load(cut, "line");
    if (problem !== "") {
      outcomes.refused++;
      continue;
    }
    outcomes.loaded++;
    const rip = loader.vmm.get("startRip");
    assert.ok(rip < ram && (rip < 0x9fc00n || rip >= MIB), `entry ${rip.toString(16)}`);
    const information = BigInt(loader.information);
    assert.ok(information >= 0x1000n && information < ram && (information < 0x9fc00n || information >= MIB));
    assert.ok(bytes.subarray(behind, behind + 0x4000).every((byte) => byte === 0));
    assert.deepEqual(Buffer.from(bytes.subarray(MODULE, MODULE + cut.length)), cut);
  }
  assert.ok(bytes.subarray(behind, 16 * behind).every((byte) => byte === 0));
  assert.ok(outcomes.loaded > 4000 && outcomes.refused > 4000, JSON.stringify(outcomes));
});
