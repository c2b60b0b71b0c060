// What core makes of the screen that a boot loader tells of, and what it says of its consoles.
import assert from "node:assert/strict";
import { screenStatus } from "../terminal/glyphs.ts";
import { assertEnd, assertNoLine, complaints } from "./assertions.ts";
import { multiboot2Structure, multiboot2Tags, pcMemoryMap, tag, type BootFacts } from "./machine/boot-information.ts";
import { ByteWriter } from "./machine/byte-writer.ts";
import { boot, type MachineOptions, type Run } from "./machine/machine.ts";
import { test } from "./vendors.ts";

const INFORMATION = 0x10000n;
const facts: BootFacts = { commandLine: "guest=hlt iterations=1", memoryMap: pcMemoryMap, modules: [], rsdp: null };

interface Framebuffer {
  readonly address: bigint;
  readonly pitch: number;
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly type: number;
  /** Position and number of bits of red, green and blue. */
  readonly colours: readonly number[];
}

const gop: Framebuffer = {
  address: 0xc0000000n,
  pitch: 5120,
  width: 1280,
  height: 800,
  bits: 32,
  type: 1,
  colours: [16, 8, 8, 8, 0, 8],
};

function framebufferTag({ address, pitch, width, height, bits, type, colours }: Framebuffer): Uint8Array {
  const content = new ByteWriter()
    .u64(address)
    .u32(pitch)
    .u32(width)
    .u32(height)
    .u8(bits, type, 0, 0)
    .u8(...colours);
  return tag(8, content.bytes());
}

function bootWith(tags: readonly Uint8Array[], options: MachineOptions = {}): Run {
  return boot({
    ...options,
    prepare: ({ memory }) => {
      memory.write(INFORMATION, new Uint8Array(0x12000));
      memory.write(INFORMATION, multiboot2Structure([...multiboot2Tags(facts), ...tags]));
    },
  });
}

const bootWithScreen = (changes: Partial<Framebuffer> = {}, options: MachineOptions = {}): Run =>
  bootWith([framebufferTag({ ...gop, ...changes })], options);

const VGA = [0xb8000n, 160, 80, 25, screenStatus("SCREEN_TEXT"), 0, 0, 0];

test("a framebuffer is opened as the boot loader tells it, its colours as masks", () => {
  const run = bootWithScreen({}, { screenAnswer: (160 << 16) | 50 });
  assertEnd(run, "ok", /^basalt: console: COM1, screen 160x50 text of 1280x800 pixels, keyboard$/);
  assert.deepEqual(run.machine.screen, [0xc0000000n, 5120, 1280, 800, 32, 0xff0000, 0xff00, 0xff]);
  assert.deepEqual(complaints(run), []);
});

test("without a framebuffer tag, and under PVH, the screen is VGA's text memory", () => {
  for (const run of [bootWith([]), boot({ ...facts, loader: "pvh" })]) {
    assertEnd(run, "ok", /^basalt: console: COM1, screen 80x25 text, keyboard$/);
    assert.deepEqual(run.machine.screen, VGA);
  }
});

test("a tag of EGA text is opened as text", () => {
  const changes = { address: 0xb8000n, pitch: 160, width: 80, height: 25, bits: 16, type: 2, colours: [] };
  assert.deepEqual(bootWithScreen(changes).machine.screen, VGA);
});

test("the screen is open before bad boot information is told", () => {
  const run = boot({ prepare: ({ memory }) => memory.write(INFORMATION, new Uint8Array(8)) });
  assertEnd(run, "bad-boot-information");
  assert.deepEqual(run.machine.screen, VGA);
});

for (const [what, changes, problem] of [
  ["in RAM", { address: 0x4000000n }, /it lies in RAM/],
  ["whose end reaches into RAM", { address: 0xb8000n, height: 0x1000 }, /it lies in RAM/],
  ["in low memory", { address: 0x7000n, height: 1 }, /it lies in RAM/],
  ["at the local APIC", { address: 0xfee00000n }, /where interrupt controllers are/],
  ["that runs into the interrupt controllers", { address: 0xfebff000n }, /where interrupt controllers are/],
  ["as text outside VGA's memory", { type: 2, address: 0xc0000000n }, /VGA's own memory only/],
  ["of indexed colours", { type: 0 }, /indices of a palette/],
  ["of an unknown type", { type: 3 }, /no known type/],
  ["of pixels without bits", { bits: 0 }, /pixels have no bits/],
  ["without colours", { colours: [] }, /tag is too short/],
] as const) {
  test(`a screen ${what} is not opened, with a warning that says why`, () => {
    const run = bootWithScreen(changes);
    assertEnd(run, "ok", /^basalt: console: COM1, no screen, keyboard$/);
    assert.equal(run.machine.screen, null);
    const [warning, ...more] = complaints(run);
    assert.match(warning ?? "", /^basalt: warning: no screen, because of what the boot loader says of it: /);
    assert.match(warning ?? "", problem);
    assert.deepEqual(more, []);
  });
}

test("a framebuffer of which nobody says whether it lies in RAM is not opened, text at its place is", () => {
  const text = { address: 0xb8000n, pitch: 160, width: 80, height: 25, bits: 16, type: 2, colours: [] };
  for (const [screen, opened] of [
    [gop, null],
    [{ ...gop, address: 0xfffffffffffff000n }, null],
    [{ ...gop, ...text }, VGA],
    [{ ...gop, ...text, address: 0xfee00000n }, null],
  ] as const) {
    const structure = multiboot2Structure([framebufferTag(screen), ...multiboot2Tags(facts)]);
    // It ends in the tag behind the framebuffer's.
    new DataView(structure.buffer).setUint32(0, 60, true);
    const run = boot({ prepare: ({ memory }) => memory.write(INFORMATION, structure) });
    assertEnd(run, "bad-boot-information");
    assert.deepEqual(run.machine.screen, opened);
  }
});

test("under UEFI, which has no text mode, a missing framebuffer tag means that there is no screen", () => {
  for (const type of [11, 12]) {
    const run = bootWith([tag(type, new Uint8Array(8))]);
    assertEnd(run, "ok", /^basalt: console: COM1, no screen, keyboard$/);
    assert.equal(run.machine.screen, null);
  }
});

test("a framebuffer tag that is cut short is no screen", () => {
  for (const bytes of [0, 8, 23]) {
    const run = bootWith([tag(8, new Uint8Array(bytes))]);
    assertEnd(run, "ok", /tag is too short/, /no screen/);
    assert.equal(run.machine.screen, null);
  }
});

test("colours whose bits lie beyond 32, or are none, reach the terminal as no bits, which it refuses", () => {
  for (const colours of [
    [25, 8],
    [0, 0],
    [0, 33],
    [255, 255],
  ]) {
    const run = bootWithScreen({ colours: [...colours, 8, 8, 0, 8] });
    assert.equal(run.machine.screen?.[5], 0, String(colours));
  }
});

for (const [status, problem] of [
  ["SCREEN_UNMAPPABLE", /its memory is no device's, or larger than 64 MiB/],
  ["SCREEN_WRONG_SIZE", /its size makes no sense/],
  ["SCREEN_WRONG_DEPTH", /its depth is unknown/],
  ["SCREEN_WRONG_COLOURS", /its colours have no bits of their own/],
] as const) {
  test(`the terminal's ${status} becomes a warning with what the boot loader said`, () => {
    const run = bootWithScreen({}, { screenAnswer: screenStatus(status) });
    assertEnd(run, "ok", problem, /\(at 0xc0000000, 1280 x 800, 32 bits, pitch 5120\)$/);
  });
}

test("a PC without a VGA adapter is no mistake of the boot loader's", () => {
  const run = bootWith([], { screenAnswer: screenStatus("SCREEN_ABSENT") });
  assertEnd(run, "ok", /^basalt: console: COM1, no screen, keyboard$/);
  assert.deepEqual(complaints(run), []);
});

test("what is missing of the consoles is said", () => {
  const screenAnswer = screenStatus("SCREEN_ABSENT");
  assertEnd(boot({ ...facts, hasKeyboard: false }), "ok", /: COM1, screen 80x25 text, no keyboard: display only$/);
  assertEnd(
    boot({ ...facts, hasSerial: false, keys: [0x0d] }),
    "ok",
    /^basalt: console: no COM1, screen 80x25 text, keyboard$/,
  );
  assertEnd(
    boot({ ...facts, hasKeyboard: false, screenAnswer }),
    "ok",
    /^basalt: console: COM1, no screen, no keyboard$/,
  );
  assertNoLine(boot({ ...facts, commandLine: `${facts.commandLine} quiet` }), /console/);
});
