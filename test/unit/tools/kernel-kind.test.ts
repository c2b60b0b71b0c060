// Kernels are recognised by their headers, whatever else is in the file, and no file whatever breaks that.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readKernelKind, type KernelKind } from "../../../tools/image/kernel-kind.ts";
import { header1 } from "../vmm/kernel-images.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "basalt-kinds-"));
});
after(() => rm(directory, { recursive: true }));

async function kindOf(bytes: Uint8Array): Promise<KernelKind> {
  const path = join(directory, "kernel");
  await writeFile(path, bytes);
  return readKernelKind(path);
}

/** Linux's Documentation/arch/x86/boot.rst. */
function bzImage(): Buffer {
  const image = Buffer.alloc(2048);
  image.writeUInt16LE(0xaa55, 0x1fe);
  image.write("HdrS", 0x202, "latin1");
  return image;
}

interface Note {
  readonly name: string;
  readonly type: number;
  readonly bytes: number;
}

/** An ELF whose second program header is of notes, which lie at `at`. */
function elfWithNotes(bits: 32 | 64, notes: readonly Note[], at = 0x9000): Buffer {
  const parts = notes.map(({ name, type, bytes }) => {
    const text = Buffer.from(`${name}\0`, "latin1");
    const note = Buffer.alloc(12 + Math.ceil(text.length / 4) * 4 + Math.ceil(bytes / 4) * 4);
    note.writeUInt32LE(text.length, 0);
    note.writeUInt32LE(bytes, 4);
    note.writeUInt32LE(type, 8);
    text.copy(note, 12);
    return note;
  });
  const noteBytes = Buffer.concat(parts);
  const image = Buffer.alloc(at + noteBytes.length);
  noteBytes.copy(image, at);
  image.write("\x7fELF", 0, "latin1");
  const is64 = bits === 64;
  image.writeUInt8(is64 ? 2 : 1, 4);
  const size = is64 ? 56 : 32;
  image.writeUInt32LE(64, is64 ? 32 : 28);
  image.writeUInt16LE(size, is64 ? 54 : 42);
  image.writeUInt16LE(2, is64 ? 56 : 44);
  const header = 64 + size;
  image.writeUInt32LE(1, 64);
  image.writeUInt32LE(4, header);
  image.writeUInt32LE(at, header + (is64 ? 8 : 4));
  image.writeUInt32LE(noteBytes.length, header + (is64 ? 32 : 16));
  return image;
}

const entry: Note = { name: "Xen", type: 18, bytes: 4 };
const others: readonly Note[] = [
  { name: "Linux", type: 0x100, bytes: 5 },
  { name: "Xen", type: 6, bytes: 10 },
];

test("a Linux bzImage is one", async () => {
  assert.equal(await kindOf(bzImage()), "linux");
  const without = bzImage();
  without.writeUInt16LE(0, 0x1fe);
  assert.equal(await kindOf(without), "unknown");
  assert.equal(await kindOf(bzImage().subarray(0, 0x204)), "unknown");
});

test("a Multiboot header makes a Multiboot kernel", async () => {
  assert.equal(await kindOf(header1(3)), "multiboot");
  const second = Buffer.alloc(40000);
  second.writeUInt32LE(0xe85250d6, 32000);
  assert.equal(await kindOf(second), "multiboot");
  const beyond = Buffer.alloc(40000);
  beyond.writeUInt32LE(0xe85250d6, 32768);
  assert.equal(await kindOf(beyond), "unknown");
});

for (const bits of [32, 64] as const) {
  test(`an ELF of ${bits} bits with a PVH entry point behind other notes is a PVH kernel`, async () => {
    assert.equal(await kindOf(elfWithNotes(bits, [...others, entry])), "pvh");
    assert.equal(await kindOf(elfWithNotes(bits, [...others, entry], 0x200000)), "pvh");
  });

  test(`an ELF of ${bits} bits without it is an ELF`, async () => {
    assert.equal(await kindOf(elfWithNotes(bits, others)), "elf");
    assert.equal(await kindOf(elfWithNotes(bits, [])), "elf");
    assert.equal(await kindOf(elfWithNotes(bits, [{ ...entry, name: "GNU" }])), "elf");
  });
}

test("nothing else is a kernel", async () => {
  for (const bytes of ["", "x", "\x7fEL", "\x1f\x8b packed", "#!/bin/sh\n"]) {
    assert.equal(await kindOf(Buffer.from(bytes, "latin1")), "unknown");
  }
  assert.equal(await kindOf(Buffer.from("\x7fELF", "latin1")), "elf");
});

test("no damaged ELF is anything but an ELF, a kernel or unknown", async () => {
  let seed = 5;
  const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8;
  const good = [32, 64].map((bits) => elfWithNotes(bits as 32 | 64, [...others, entry], 0x100));
  for (let n = 0; n < 1000; n++) {
    const image = Buffer.from(good[n & 1]!);
    for (let changes = 1 + (random() % 6); changes > 0; changes--) image[random() % image.length] = random() & 0xff;
    const kind = await kindOf(image.subarray(0, random() % 8 === 0 ? random() % image.length : image.length));
    assert.ok(["pvh", "elf", "unknown", "multiboot", "linux"].includes(kind));
  }
});
