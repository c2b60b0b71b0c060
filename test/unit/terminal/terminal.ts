// One instance of build/terminal.wasm for a test: its screen, its keyboard controller, its exports.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildDirectory } from "../../../tools/paths.ts";
import { textAt } from "../core/machine/vmm-bridge.ts";
import { colour, glyph, GLYPH_HEIGHT, GLYPH_WIDTH } from "./glyphs.ts";
import type { Cell } from "./text-model.ts";

const terminalModule = new WebAssembly.Module(readFileSync(join(buildDirectory, "terminal.wasm")));

/** hv/terminal's own data starts here (asconfig.json). */
export const OWN_START = 3 * 2 ** 30;

/** The ports of a keyboard controller. */
export interface Ports {
  in8(port: number): number;
  out8(port: number, value: number): void;
}

/** Where neither a keyboard controller nor a VGA adapter is. */
export const noPorts: Ports = { in8: () => 0xff, out8: () => {} };

/** A VGA adapter's registers, as far as there is one that holds the cursor's shape. */
export class VgaPorts implements Ports {
  #index = 0;
  cursorStart = 0x0e;

  in8(port: number): number {
    return port === 0x3d5 && this.#index === 0x0a ? this.cursorStart : 0xff;
  }
  out8(port: number, value: number): void {
    if (port === 0x3d4) this.#index = value;
    else if (port === 0x3d5 && this.#index === 0x0a) this.cursorStart = value;
  }
}

/** A colour's bits in a pixel, from the lowest. */
interface Channel {
  readonly position: number;
  readonly size: number;
}

export interface Format {
  readonly bits: number;
  readonly red: Channel;
  readonly green: Channel;
  readonly blue: Channel;
}

export interface Frame {
  /** Where the screen starts within its first page. */
  readonly start: number;
  readonly pitch: number;
  readonly width: number;
  readonly height: number;
  readonly format: Format;
}

export function maskOf({ position, size }: Channel): number {
  return Number(((1n << BigInt(size)) - 1n) << BigInt(position));
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  start(): void;
  create(): number;
  open(root: number, ...screen: number[]): number;
  write(root: number, byte: number): void;
  hasKeyboard(root: number): number;
  readKey(root: number): number;
}

/** The module takes 4 GiB of addresses, so the tests of a file share an instance; each test makes its own terminal in it. */
export class TestTerminal {
  readonly memory: Uint8Array;
  ports: Ports = noPorts;
  readonly #exports: Exports;
  #root = 0;

  constructor() {
    const env = {
      abort: (message: number, file: number, line: number) => {
        const { memory } = this.#exports;
        throw new Error(`abort: ${textAt(memory, message)} at ${textAt(memory, file)}:${line}`);
      },
    };
    const ports = {
      in8: (port: number) => this.ports.in8(port),
      out8: (port: number, value: number) => this.ports.out8(port, value),
    };
    this.#exports = new WebAssembly.Instance(terminalModule, { env, ports }).exports as unknown as Exports;
    this.memory = new Uint8Array(this.#exports.memory.buffer);
    this.#exports.start();
    this.renew();
  }

  /** A terminal as at the start of a boot. */
  renew(): this {
    this.#root = this.#exports.create();
    return this;
  }

  /** The arguments of hv/terminal/index.ts's `open`. */
  open(...screen: number[]): number {
    return this.#exports.open(this.#root, ...screen) >>> 0;
  }

  openFrame({ start, pitch, width, height, format }: Frame): { columns: number; rows: number } {
    const masks = [format.red, format.green, format.blue].map(maskOf);
    const answer = this.open(start, pitch, width, height, format.bits, ...masks);
    if (answer <= 0xffff) throw new Error(`the screen did not open: status ${answer}`);
    return { columns: answer >>> 16, rows: answer & 0xffff };
  }

  write(text: string): void {
    for (const byte of Buffer.from(text, "latin1")) this.#exports.write(this.#root, byte);
  }

  hasKeyboard(): boolean {
    return this.#exports.hasKeyboard(this.#root) !== 0;
  }

  readKey(): string {
    const key = this.#exports.readKey(this.#root);
    return key === 0 ? "" : String.fromCharCode(key);
  }
}

function part(intensity: number, { position, size }: Channel): number {
  const value = size < 8 ? intensity >>> (8 - size) : intensity * 2 ** (size - 8);
  return value * 2 ** position;
}

/** The bytes of a pixel of colour 0xRRGGBB. */
function pixelBytes(rgb: number, { bits, red, green, blue }: Format): number[] {
  const value = part(rgb >>> 16, red) + part((rgb >>> 8) & 0xff, green) + part(rgb & 0xff, blue);
  return Array.from({ length: Math.ceil(bits / 8) }, (_, n) => Math.floor(value / 2 ** (8 * n)) & 0xff);
}

/** The bytes of a frame that shows these cells enlarged `scale` times; what is not drawn on keeps `untouched`. */
export function picture(
  frame: Frame,
  rows: readonly (readonly Cell[])[],
  scale: number,
  untouched: number,
): Uint8Array {
  const { start, pitch, width, height, format } = frame;
  const bytes = new Uint8Array(start + pitch * height).fill(untouched);
  const bytesPerPixel = Math.ceil(format.bits / 8);
  for (let y = 0; y < height; y++) bytes.fill(0, start + y * pitch, start + y * pitch + width * bytesPerPixel);
  rows.forEach((cells, row) =>
    cells.forEach(({ letter, attribute }, column) => {
      const shape = glyph(letter);
      const [on, off] = [attribute & 15, attribute >> 4].map((number) => pixelBytes(colour(number), format));
      for (let y = 0; y < GLYPH_HEIGHT * scale; y++) {
        const line = start + (row * GLYPH_HEIGHT * scale + y) * pitch + column * GLYPH_WIDTH * scale * bytesPerPixel;
        for (let x = 0; x < GLYPH_WIDTH * scale; x++) {
          const isOn = shape[Math.floor(y / scale)]! & (0x80 >> Math.floor(x / scale));
          bytes.set((isOn ? on : off)!, line + x * bytesPerPixel);
        }
      }
    }),
  );
  return bytes;
}
