// PVH kernels and flat binaries that are boot modules, and files that are none.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { vcpuPage } from "../core/machine/tables.ts";
import { elf, header1, header2, headerTag, type Segment } from "./kernel-images.ts";
import { Loader } from "./module-loader.ts";

const MIB = 1n << 20n;
const RAM = 4n * MIB;
const RBX = 3;
const PROTECTED_MODE = BigInt(vcpuPage("START_PROTECTED_MODE"));
const code = Buffer.from("code of the kernel, and its data");
const initrd = Buffer.from("the bytes of an initial RAM disk".repeat(300));

/** A note as ELFs have them (System V ABI, chapter 5). */
function note(name: string, type: number, content: Buffer): Buffer {
  const filled = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const head = Buffer.alloc(12);
  const named = Buffer.from(`${name}\0`);
  [named.length, content.length, type].forEach((value, i) => head.writeUInt32LE(value, 4 * i));
  return Buffer.concat([head, filled(named), filled(content)]);
}
function entryNote(entry: bigint, bytes: 4 | 8 = 4): Buffer {
  const content = Buffer.alloc(8);
  content.writeBigUInt64LE(entry);
  return note("Xen", 18, content.subarray(0, bytes));
}
const others = Buffer.concat([note("GNU", 18, Buffer.from("abcdefg")), note("Xen", 6, Buffer.from("linux\0"))]);

function pvh(bits: 32 | 64, notes: Buffer, more: Partial<Segment> = {}): Buffer {
  // Linux's e_entry is no address of any segment: it is a physical one already.
  return elf(bits, 0x1234n, [
    { physical: MIB, bytes: code, linear: 0xc0100000n, memoryBytes: 0x3000n },
    { type: 4, physical: 0n, bytes: notes, ...more },
  ]);
}

/** The start info as Xen's start_info.h lays it out. */
function startInfo(loader: Loader) {
  const ram = Buffer.from(loader.vmm.bytes.buffer, 0, Number(RAM));
  const at = Number(loader.vmm.register(RBX));
  const quad = (offset: number): number => Number(ram.readBigUInt64LE(offset));
  const [magic, version, flags, modules] = [0, 4, 8, 12].map((offset) => ram.readUInt32LE(at + offset));
  const map = quad(at + 40);
  const entries = Array.from({ length: ram.readUInt32LE(at + 48) }, (_, i) => {
    const entry = map + 24 * i;
    return [quad(entry), quad(entry + 8), ram.readUInt32LE(entry + 16)];
  });
  const list = quad(at + 16);
  const module = modules === 0 ? null : ram.subarray(quad(list), quad(list) + quad(list + 8));
  return { at, magic, version, flags, modules, module, entries, text: loader.text(quad(at + 24)), rsdp: quad(at + 32) };
}

for (const bits of [32, 64] as const) {
  describe(`an ELF of ${bits} bits with a PVH note`, () => {
    test("is entered where the note says, in 32-bit protected mode", () => {
      for (const bytes of [4, 8] as const) {
        const loader = new Loader(RAM);
        assert.equal(loader.load(pvh(bits, Buffer.concat([others, entryNote(0x100010n, bytes)]))), "");
        assert.equal(loader.vmm.get("startRip"), 0x100010n);
        assert.equal(loader.vmm.get("startMode"), PROTECTED_MODE);
        assert.equal(loader.text(0x100000), code.toString());
      }
    });

    test("is told its RAM, its command line and its initial RAM disk", () => {
      const loader = new Loader(RAM);
      assert.equal(loader.load(pvh(bits, entryNote(MIB)), "one two", initrd), "");
      const { at, module, ...info } = startInfo(loader);
      assert.deepEqual(info, {
        ...{ magic: 0x336ec578, version: 1, flags: 0, modules: 1, rsdp: 0xe0000, text: "one two" },
        entries: [
          [0, 0x9fc00, 1],
          [0x9fc00, 0x400, 2],
          [0xe0000, 0x20000, 2],
          [0x100000, 0x300000, 1],
          [0xe0000000, 0x100000, 2],
        ],
      });
      assert.deepEqual(module, initrd);
      assert.ok(at >= 0x1000 && at < 0x9fc00);
    });

    for (const [what, file, message] of [
      ["no note", elf(bits, MIB, [{ physical: MIB, bytes: code }]), /no PVH entry point/],
      ["notes of others alone", pvh(bits, others), /no PVH entry point/],
      ["a note that is cut", pvh(bits, entryNote(MIB).subarray(0, 16)), /no PVH entry point/],
      ["notes beyond the file", pvh(bits, entryNote(MIB), { fileBytes: 0x10000n }), /notes lie beyond the end/],
      ["a name that has no end", pvh(bits, Buffer.alloc(40, 0xff)), /no PVH entry point/],
      ["an entry of two bytes", pvh(bits, note("Xen", 18, Buffer.alloc(2))), /neither 4 nor 8/],
      ["an entry outside of what is loaded", pvh(bits, entryNote(0x103000n)), /entry point is not in what is loaded/],
      ["an entry above 4 GiB", pvh(bits, entryNote((1n << 32n) + MIB, 8)), /entry point is not in what is loaded/],
    ] as const) {
      test(`is refused with ${what}`, () => assert.match(new Loader(RAM).load(file), message));
    }

    test("is refused where its initial RAM disk has no room", () => {
      const file = pvh(bits, entryNote(MIB));
      const room = 0x300000 - 0x3000;
      assert.equal(new Loader(RAM).load(file, "", Buffer.alloc(room)), "");
      assert.match(new Loader(RAM).load(file, "", Buffer.alloc(room + 1)), /too little RAM for its initial RAM disk/);
    });
  });
}

test("an initial RAM disk lies in the highest room that the kernel leaves", () => {
  const loader = new Loader(RAM);
  const file = elf(32, 0n, [
    { physical: MIB, bytes: code },
    { physical: RAM - 0x2000n, bytes: code },
    { type: 4, physical: 0n, bytes: entryNote(MIB) },
  ]);
  assert.equal(loader.load(file, "", initrd), "");
  const list = loader.u32(Number(loader.vmm.register(RBX)) + 16);
  assert.equal(loader.u32(list), 0x3fe000 - 0x3000);
});

describe("a Multiboot kernel finds the initial RAM disk as its one module:", () => {
  test("in the list of Multiboot", () => {
    const loader = new Loader(RAM);
    const bytes = Buffer.concat([header1(3), code]);
    assert.equal(loader.load(elf(32, MIB, [{ physical: MIB, bytes }]), "line", initrd), "");
    const list = loader.u32(loader.information + 24);
    assert.equal(loader.u32(loader.information + 20), 1);
    assert.equal(loader.u32(list + 4) - loader.u32(list), initrd.length);
    assert.ok(loader.text(loader.u32(list)).startsWith(initrd.toString()));
    assert.equal(loader.text(loader.u32(loader.information + 16)), "line");
  });

  test("in a tag of Multiboot2", () => {
    const loader = new Loader(RAM);
    const bytes = Buffer.concat([header2(headerTag(6, 0)), code]);
    assert.equal(loader.load(elf(64, MIB, [{ physical: MIB, bytes }]), "line", initrd), "");
    const found: number[] = [];
    let at = loader.information + 8;
    while (loader.u32(at) !== 0) {
      if (loader.u32(at) === 3) found.push(at);
      at += (loader.u32(at + 4) + 7) & ~7;
    }
    assert.equal(at + 8 - loader.information, loader.u32(loader.information));
    assert.equal(found.length, 1);
    const [tag] = found;
    assert.equal(loader.u32(tag! + 12) - loader.u32(tag! + 8), initrd.length);
    assert.ok(loader.text(loader.u32(tag! + 8)).startsWith(initrd.toString()));
  });
});

describe("a flat binary", () => {
  const flat = (file: Buffer, disk?: Buffer): readonly [string, Loader] => {
    const loader = new Loader(RAM);
    loader.vmm.set("moduleIsFlat", 1n);
    return [loader.load(file, "words", disk), loader];
  };

  test("is loaded to 1 MiB whatever it looks like, and entered there in 32-bit protected mode with a start info", () => {
    for (const file of [code, pvh(32, entryNote(MIB)), Buffer.concat([header1(3), code])]) {
      const [problem, loader] = flat(file, initrd);
      assert.equal(problem, "");
      assert.deepEqual(Buffer.from(loader.vmm.bytes.subarray(0x100000, 0x100000 + file.length)), file);
      assert.equal(loader.vmm.get("startRip"), MIB);
      assert.equal(loader.vmm.get("startMode"), PROTECTED_MODE);
      const info = startInfo(loader);
      assert.equal(info.text, "words");
      assert.deepEqual(info.module, initrd);
    }
  });

  test("is refused where it is empty, or larger than RAM", () => {
    assert.match(flat(Buffer.alloc(0))[0], /nothing in it is to be loaded/);
    assert.equal(flat(Buffer.alloc(0x300000))[0], "");
    assert.match(flat(Buffer.alloc(0x300001))[0], /no RAM/);
  });
});

test("what no loader knows is named by how it begins", () => {
  for (const [bytes, message] of [
    [[0x1f, 0x8b, 8, 0], /gzip/],
    [[0xfd, 0x37, 0x7a, 0x58], /xz/],
    [[0x28, 0xb5, 0x2f, 0xfd], /zstd/],
    [[0x02, 0x21, 0x4c, 0x18], /lz4/],
    [[0x42, 0x5a, 0x68, 0x39], /bzip2/],
    [[0x4d, 0x5a, 0, 0], /EFI without a Linux setup header/],
    [[0, 0, 0, 0], /no Linux bzImage, has no Multiboot header/],
    [[0x1f, 0x8b], /no Linux bzImage, has no Multiboot header/],
  ] as const) {
    assert.match(new Loader(RAM).load(Buffer.from(bytes)), message);
  }
});

test("of 20,000 damaged PVH kernels none traps, and none is started outside of its RAM", () => {
  const loader = new Loader(RAM);
  const { bytes } = loader.vmm;
  const sound = ([32, 64] as const).map((bits) => pvh(bits, Buffer.concat([others, entryNote(MIB)])));
  const odd = [0, 1, 2, 3, 4, 8, 12, 18, 0x7f, 0xffff, 0x9fc00, 0x100000, 0x3ff000, 0x400000, 0x7fffffff];
  const values = [...odd, 0x80000000, 0xd0000000, 0xfffffff0, 0xfffffffd, 0xffffffff];
  let state = 3;
  const random = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  const outcomes = { loaded: 0, refused: 0 };
  for (let n = 0; n < 20_000; n++) {
    const file = Buffer.from(sound[n % 2]!);
    for (let k = random(2); k >= 0; k--) {
      const at = random(file.length - 4);
      if (random(3) === 0) file[at] = random(256);
      else file.writeUInt32LE(values[random(values.length)]!, at & ~3);
    }
    const cut = random(8) === 0 ? file.subarray(0, random(file.length)) : file;
    const isRefused = loader.load(cut, "line", initrd.subarray(0, random(100))) !== "";
    if (isRefused) {
      outcomes.refused++;
      continue;
    }
    outcomes.loaded++;
    const rip = loader.vmm.get("startRip");
    assert.ok(rip < RAM && (rip < 0x9fc00n || rip >= MIB), `entry ${rip.toString(16)}`);
  }
  assert.ok(bytes.subarray(Number(RAM), 16 * Number(RAM)).every((byte) => byte === 0));
  assert.ok(outcomes.loaded > 4000 && outcomes.refused > 4000, JSON.stringify(outcomes));
});
