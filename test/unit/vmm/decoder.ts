// hv/vmm/decode's decoder for a test: bytes in, an instruction's fields out.
import { loadHarness } from "./harness.ts";

interface Harness {
  createDecoder(): number;
  createBytes(): number;
  createInstruction(): number;
  setByte(code: number, position: number, byte: number): void;
  decode(decoder: number, code: number, count: number, mode: number, instruction: number): number;
  field(instruction: number, number: number): bigint;
}

const FIELDS = [
  "length",
  "operation",
  "form",
  "operandBytes",
  "memoryBytes",
  "addressBytes",
  "segment",
  "repeat",
  "isLocked",
  "hasRex",
  "isMemory",
  "base",
  "index",
  "scaleShift",
  "displacement",
  "isRipRelative",
  "register",
  "rm",
  "immediate",
] as const;

/** The fields of hv/vmm/decode/instruction.ts. */
export type Decoded = Readonly<Record<Exclude<(typeof FIELDS)[number], "displacement" | "immediate">, number>> & {
  readonly displacement: bigint;
  readonly immediate: bigint;
};

export class TestDecoder {
  readonly #harness: Harness;
  readonly #decoder: number;
  readonly #code: number;
  readonly #instruction: number;

  private constructor(harness: Harness) {
    this.#harness = harness;
    this.#decoder = harness.createDecoder();
    this.#code = harness.createBytes();
    this.#instruction = harness.createInstruction();
  }

  static async load(): Promise<TestDecoder> {
    return new TestDecoder(await loadHarness<Harness>("decoder-harness.ts"));
  }

  /** Decodes as `mode` (2, 4 or 8) does; the status. */
  decode(bytes: Uint8Array, mode: number): number {
    // What is behind the bytes is not to be read.
    for (let i = 0; i < 16; i++) this.#harness.setByte(this.#code, i, bytes[i] ?? 0xf0 + i);
    return this.#harness.decode(this.#decoder, this.#code, bytes.length, mode, this.#instruction);
  }

  /** What the last `decode` came to. */
  get instruction(): Decoded {
    const value = (number: number): bigint => this.#harness.field(this.#instruction, number);
    return Object.fromEntries(
      FIELDS.map((name, i) => [name, name === "displacement" || name === "immediate" ? value(i) : Number(value(i))]),
    ) as unknown as Decoded;
  }
}
