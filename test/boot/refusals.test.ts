// Each reason not to start that a CPU in Bochs comes to: one sentence and a number, on COM1 and on
// the screen alike. The three of boot/entry.asm are in screen.test.ts.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { builtElf } from "../../tools/paths.ts";
import { askBochs, type DebuggedBoot } from "./support/bochs-debugger.ts";
import { ImageSymbols } from "./support/image-symbols.ts";
import { svmRefusals } from "./support/places.ts";

const COLUMNS = 80;
const ROWS = 25;
const RED_ON_BLACK = 0x0c;

/** OR EAX, 5 and WRMSR: Bochs's BIOS enables VMX in IA32_FEATURE_CONTROL and locks it. */
const enableVmx = Buffer.from("83c8050f30", "hex");

/** Has the BIOS lock IA32_FEATURE_CONTROL without enabling VMX, on every processor. */
function disableVmx(bios: Buffer): void {
  let changes = 0;
  for (let at = bios.indexOf(enableVmx); at >= 0; at = bios.indexOf(enableVmx, at)) {
    bios[at + 2] = 1;
    changes++;
  }
  assert.equal(changes, 2, "Bochs's BIOS sets IA32_FEATURE_CONTROL in two places");
}

const refusals: readonly (readonly [what: string, boot: Omit<DebuggedBoot, "stopAt">, result: string, RegExp])[] = [
  ["an AMD CPU without SVM", { cpu: "athlon64_clawhammer" }, svmRefusals.noSvm.result, svmRefusals.noSvm.sentence],
  ["a CPU without VMX", { cpu: "p4_prescott_celeron_336" }, "21 no-vmx", /no VMX: CPUID\.1:ECX\[5\] is 0/],
  [
    "a firmware that disables VMX",
    { changeBios: disableVmx },
    "22 vmx-disabled-by-firmware",
    /firmware disabled VMX: IA32_FEATURE_CONTROL is locked at 0x1, bit 2 is 0; enable "Intel Virtualization Technology"/,
  ],
  ["a CPU without EPT", { cpu: "core2_penryn_t9600" }, "28 no-ept", /secondary controls: Basalt needs "Enable EPT"/],
  [
    "a CPU without unrestricted guest",
    { cpu: "corei5_lynnfield_750" },
    "29 no-unrestricted-guest",
    /secondary controls: Basalt needs "Unrestricted guest"/,
  ],
  [
    "a machine with too little memory",
    { memory: 16, append: "iterations=1" },
    "15 too-little-memory",
    /vm0: too little memory: \d+ MiB are free; a VM takes 16 MiB of RAM/,
  ],
  ["an unknown option", { append: "colour=blue" }, "14 bad-option", /boot option 'colour=blue': unknown option/],
];

describe("on COM1 and on the screen, in red, there is one sentence and a number about", () => {
  let symbols: ImageSymbols;
  before(async () => {
    symbols = await ImageSymbols.of(builtElf);
  });

  for (const [what, boot, result, sentence] of refusals) {
    test(`${what}: ${result}`, async () => {
      // The function that follows the result line.
      const commands = [`xp /${COLUMNS * ROWS}hx 0xb8000`];
      const { words, serial } = await askBochs(symbols, { ...boot, stopAt: "serial_drain" }, commands);
      const lines = serial.replaceAll("\r", "").trimEnd().split("\n");
      const error = lines.find((line) => line.startsWith("basalt: error: ")) ?? "";
      assert.match(error.slice("basalt: error: ".length), new RegExp(`^${sentence.source}`));
      assert.equal(lines.at(-1), `basalt: result ${result}`);

      const cells = words.map(Number);
      assert.equal(cells.length, COLUMNS * ROWS);
      const screen = String.fromCharCode(...cells.map((cell) => cell & 0xff));
      const rows = Math.ceil(error.length / COLUMNS);
      const shown = screen.indexOf(error.padEnd(rows * COLUMNS));
      assert.ok(shown >= 0 && shown % COLUMNS === 0, `not on the screen: ${error}\n${screen}`);
      const letters = cells.slice(shown, shown + error.length).filter((cell) => (cell & 0xff) !== 0x20);
      assert.deepEqual(new Set(letters.map((cell) => cell >> 8)), new Set([RED_ON_BLACK]));
      assert.ok(screen.includes(`basalt: result ${result} `), screen);
    });
  }
});
