// Kernels that a loader takes, and what damages them: the boot modules of hostile VMs.
import { FIELD } from "./page.ts";
import type { Random } from "./random.ts";
import { ANSWER, Finding, type HostileVm, MODULE, type Shape } from "./hostile-vm.ts";
import { shared } from "./shared.ts";

const GUEST_MODULE = 15;
const IMAGE_BYTES = 0x4000;
const INITRD = MODULE + 0x8_0000;
const MIB = 1 << 20;
/** RAM that a loader finds: too little, just enough, enough. */
const RAM = [MIB, MIB + 4096, 2 * MIB, 4 * MIB, 6 * MIB, 8 * MIB];

type Field = readonly [at: number, bytes: 1 | 2 | 4 | 8];
/** Of a bzImage's setup header, with values that the loader takes (Linux, Documentation/arch/x86/boot.rst). */
const LINUX: readonly (readonly [...Field, value: number])[] = [
  [0x1f1, 1, 3],
  [0x1f4, 4, 0x200],
  [0x1fe, 2, 0xaa55],
  [0x200, 2, 0x6aeb],
  [0x202, 4, 0x5372_6448],
  [0x206, 2, 0x20f],
  [0x211, 1, 1],
  [0x214, 4, 0],
  [0x218, 4, 0],
  [0x21c, 4, 0],
  [0x228, 4, 0],
  [0x22c, 4, 0x7fff_ffff],
  [0x230, 4, 0x20_0000],
  [0x234, 1, 1],
  [0x236, 2, 0x7f],
  [0x238, 4, 2047],
  [0x250, 8, 0],
  [0x258, 8, 0x20_0000],
  [0x260, 4, 0x1_0000],
  [0x264, 4, 0x1234],
];
/** Of an ELF with two segments to load and a note, 64 bits and 32 bits wide. */
const ELF_64: readonly Field[] = [
  ...([0, 4, 5, 16, 18, 24, 32, 54, 56] as const).map((at): Field => [
    at,
    at === 24 || at === 32 ? 8 : at > 15 ? 2 : 1,
  ]),
  ...[0, 1, 2].flatMap((header): Field[] => [
    [64 + 56 * header, 4],
    ...([8, 16, 24, 32, 40] as const).map((at): Field => [64 + 56 * header + at, 8]),
  ]),
  ...([0x400, 0x404, 0x408, 0x40c, 0x410] as const).map((at): Field => [at, 4]),
];
const ELF_32: readonly Field[] = [
  ...([0, 4, 5, 16, 18, 24, 28, 42, 44] as const).map((at): Field => [
    at,
    at === 24 || at === 28 ? 4 : at > 15 ? 2 : 1,
  ]),
  ...[0, 1, 2].flatMap((header) => ([0, 4, 8, 12, 16, 20] as const).map((at): Field => [52 + 32 * header + at, 4])),
  ...([0x400, 0x404, 0x408, 0x40c, 0x410] as const).map((at): Field => [at, 4]),
];
/** Headers of Multiboot at 0x200, with address fields; and of Multiboot2, tags behind it. */
const MULTIBOOT: readonly Field[] = Array.from({ length: 12 }, (_, i): Field => [0x200 + 4 * i, 4]);
const MULTIBOOT2: readonly Field[] = Array.from({ length: 32 }, (_, i): Field => [0x200 + 2 * i, i < 8 ? 4 : 2]);

interface Image {
  readonly bytes: Buffer;
  readonly fields: readonly Field[];
}

function put(image: Buffer, [at, bytes]: Field, value: number): void {
  if (bytes === 8) image.writeBigUInt64LE(BigInt(value), at);
  else image.writeUIntLE(value % 2 ** (8 * bytes), at, bytes);
}

function blank(): Buffer {
  const image = Buffer.alloc(IMAGE_BYTES);
  for (let at = 0x800; at < IMAGE_BYTES; at++) image[at] = 0x90;
  return image;
}

function linux(): Image {
  const bytes = blank();
  for (const [at, width, value] of LINUX) put(bytes, [at, width], value);
  return { bytes, fields: LINUX.map(([at, width]): Field => [at, width]) };
}

function elf(is64Bit: boolean): Image {
  const bytes = blank();
  const word = is64Bit ? 8 : 4;
  bytes.write("\x7fELF", "latin1");
  bytes.set([is64Bit ? 2 : 1, 1, 1], 4);
  put(bytes, [16, 2], 2);
  put(bytes, [18, 2], is64Bit ? 62 : 3);
  put(bytes, [24, word], MIB);
  const [head, size] = is64Bit ? [64, 56] : [52, 32];
  put(bytes, [is64Bit ? 32 : 28, word], head);
  put(bytes, [is64Bit ? 54 : 42, 2], size);
  put(bytes, [is64Bit ? 56 : 44, 2], 3);
  [
    [1, 0x800, MIB, 0x800, 0x1000],
    [1, 0x1000, MIB + 0x2000, 0x1000, 0x1_0000],
    [4, 0x400, 0, 0x14, 0x14],
  ].forEach(([type, offset, address, inFile, inMemory], i) => {
    const at = head + size * i;
    put(bytes, [at, 4], type!);
    [offset!, address!, address!, inFile!, inMemory!].forEach((value, n) =>
      put(bytes, [at + (is64Bit ? 8 : 4) + word * n, word], value),
    );
  });
  [4, 4, 18, 0x006e_6558, MIB].forEach((value, i) => put(bytes, [0x400 + 4 * i, 4], value));
  return { bytes, fields: is64Bit ? ELF_64 : ELF_32 };
}

function multiboot(): Image {
  const bytes = blank();
  const flags = 0x1_0003;
  [0x1bad_b002, flags, -(0x1bad_b002 + flags) >>> 0, MIB + 0x200, MIB, 0, 0, MIB + 0x800].forEach((value, i) =>
    put(bytes, [0x200 + 4 * i, 4], value),
  );
  return { bytes, fields: MULTIBOOT };
}

function multiboot2(): Image {
  const bytes = blank();
  const length = 16 + 24 + 16 + 8;
  [
    ...[0xe852_50d6, 0, length, -(0xe852_50d6 + length) >>> 0],
    ...[2, 24, MIB + 0x200, MIB, 0, 0],
    ...[3, 12, MIB + 0x800, 0, 0, 8],
  ].forEach((value, i) => put(bytes, [0x200 + 4 * i, 4], value));
  return { bytes, fields: MULTIBOOT2 };
}

const IMAGES = [linux(), linux(), elf(true), elf(false), multiboot(), multiboot2()];

/** A VM whose boot module is an image with some fields damaged, loaded twice: how many exits that were is two. */
export function loadImage(vm: HostileVm, random: Random, shape: Shape): void {
  const { page, bytes } = vm;
  const image = random.of(IMAGES);
  vm.writes.anywhere = true;
  const ramBytes = random.of(RAM);
  const length = random.once(4) ? random.below(random.once(2) ? 0x800 : IMAGE_BYTES) : IMAGE_BYTES;
  bytes.fill(0, MODULE, MODULE + IMAGE_BYTES);
  bytes.set(image.bytes.subarray(0, length), MODULE);
  for (let damages = random.below(4); damages > 0; damages--) damage(vm, random, image.fields);
  for (let i = random.once(4) ? random.below(20) : 0; i > 0; i--) bytes[MODULE + random.below(0x600)] = random.u32();
  vm.create(shape, GUEST_MODULE, ramBytes);
  page[FIELD.moduleAddress] = MODULE;
  page[FIELD.moduleBytes] = length;
  page[FIELD.moduleIsFlat] = random.once(16) ? 1 : 0;
  page[FIELD.initrdAddress] = random.once(2) ? 0 : INITRD;
  page[FIELD.initrdBytes] = page[FIELD.initrdAddress] === 0 ? 0 : random.below(random.once(4) ? 4 * MIB : 0x4000);
  page[FIELD.commandLineBytes] = random.below(random.once(4) ? shared("COMMAND_LINE_CAPACITY") + 1 : 64);
  bytes.fill(0x61, vm.page.byteOffset + 0x600, vm.page.byteOffset + 0x600 + page[FIELD.commandLineBytes]!);
  vm.writes.anywhere = true;
  vm.noteCores();
  for (let i = 0; i < 2; i++) {
    if (vm.load() === ANSWER.notHandled) return;
    checkStart(vm, ramBytes);
  }
}

function damage(vm: HostileVm, random: Random, fields: readonly Field[]): void {
  const [at, width] = random.of(fields);
  const { view } = vm;
  if (width === 1) view.setUint8(MODULE + at, random.value());
  else if (width === 2) view.setUint16(MODULE + at, random.value(), true);
  else {
    const near = random.once(3);
    view.setUint32(MODULE + at, near ? random.below(10 * MIB) : random.value(), true);
    if (width === 8 && random.once(2)) view.setUint32(MODULE + at + 4, random.value(), true);
  }
}

/** Where a kernel starts is RAM, and its GDT lies there too. */
function checkStart(vm: HostileVm, ramBytes: number): void {
  const { page } = vm;
  const rip = page[FIELD.startRip]!;
  if (page[FIELD.startRip + 1] !== 0 || rip >= ramBytes)
    throw new Finding(`a kernel was accepted that starts at 0x${rip.toString(16)}, which is no RAM`);
  if (page[FIELD.startMode]! > 2) throw new Finding(`a kernel starts in mode ${page[FIELD.startMode]}`);
  const gdt = page[FIELD.startGdtrBase]!;
  if (gdt + page[FIELD.startGdtrLimit]! >= ramBytes) throw new Finding("a kernel's GDT is no RAM");
}
