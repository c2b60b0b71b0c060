// A seeded source of encodings: prefixes in any order, an opcode, ModRM, SIB, and what follows.
import type { Random } from "../ept/random.ts";

/** The size of code in bytes, as hv/vmm/decode/operations.ts has it. */
export type Mode = 2 | 4 | 8;

export interface Encoding {
  readonly mode: Mode;
  /** Always 15, the instruction first. */
  readonly bytes: Uint8Array;
  readonly prefixes: readonly number[];
  readonly opcode: readonly number[];
}

const isRex = (mode: Mode, byte: number): boolean => mode === 8 && (byte & 0xf0) === 0x40;

/** The same instruction without each REX that is not the last prefix: it is ignored (SDM 2A 2.2.1). */
export function withoutIgnoredRex({ mode, bytes, prefixes }: Encoding): Uint8Array {
  const kept = prefixes.filter((byte, i) => i === prefixes.length - 1 || !isRex(mode, byte));
  return Uint8Array.from([...kept, ...bytes.subarray(prefixes.length)]);
}

/** Opcodes that take ModRM as it comes, or none. */
const PLAIN: readonly (readonly number[])[] = [
  ...[0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38].flatMap((first) => [0, 1, 2, 3].map((i) => [first + i])),
  ...[0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1, 0xa2, 0xa3].map((opcode) => [opcode]),
  ...[0x6c, 0x6d, 0x6e, 0x6f, 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf].map((opcode) => [opcode]),
  ...[0xa3, 0xab, 0xb3, 0xbb, 0xb0, 0xb1, 0xb6, 0xb7, 0xbe, 0xbf, 0xc0, 0xc1].map((opcode) => [0x0f, opcode]),
];
/** Opcodes whose ModRM can name memory only. */
const OF_MEMORY: readonly (readonly number[])[] = [
  [0x0f, 0xc3],
  [0x0f, 0x38, 0xf0],
  [0x0f, 0x38, 0xf1],
];
/** Opcodes with the values of ModRM's bits 5:3 that they take. */
const GROUPS: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[0x80], [0, 1, 2, 3, 4, 5, 6, 7]],
  [[0x81], [0, 1, 2, 3, 4, 5, 6, 7]],
  [[0x83], [0, 1, 2, 3, 4, 5, 6, 7]],
  [[0xc6], [0]],
  [[0xc7], [0]],
  [[0xf6], [0, 1, 2, 3]],
  [[0xf7], [0, 1, 2, 3]],
  [[0xfe], [0, 1]],
  [[0xff], [0, 1]],
  [
    [0x0f, 0xba],
    [4, 5, 6, 7],
  ],
  [[0x8c], [0, 1, 2, 3, 4, 5]],
  [[0x8e], [0, 2, 3, 4, 5]],
];

const SEGMENTS = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

/** An encoding of an instruction that the decoder has to know. */
export function randomEncoding(random: Random, mode: Mode): Encoding {
  const kind = random.below(100);
  let opcode: readonly number[];
  let digits: readonly number[] | undefined;
  let isMemory = false;
  if (kind < 60) opcode = random.pick(PLAIN);
  else if (kind < 92) [opcode, digits] = random.pick(GROUPS);
  else if (kind < 97) {
    opcode = random.pick(OF_MEMORY);
    isMemory = true;
  } else if (mode === 8) opcode = [0x63];
  else {
    opcode = [0x82];
    digits = [0, 1, 2, 3, 4, 5, 6, 7];
  }
  const name = opcode.map((byte) => byte.toString(16)).join(" ");
  const prefixes = randomPrefixes(random, mode, name);
  const bytes = Uint8Array.from({ length: 15 }, () =>
    random.chance(30) ? random.pick([0, 1, 0x7f, 0x80, 0xff]) : random.below(256),
  );
  bytes.set([...prefixes, ...opcode]);
  const at = prefixes.length + opcode.length;
  let modRm = bytes[at]!;
  if (isMemory && modRm >= 0xc0) modRm &= 0x3f;
  // Three in four ModRMs name a register else, where the interest is in memory.
  if (modRm >= 0xc0 && random.chance(50)) modRm &= 0x7f;
  if (random.chance(15)) modRm = (modRm & 0xf8) | 4;
  if (digits !== undefined) modRm = (modRm & 0xc7) | (random.pick(digits) << 3);
  if (hasModRm(name)) bytes[at] = modRm;
  return { mode, bytes, prefixes, opcode };
}

function hasModRm(name: string): boolean {
  return !/^(6[c-f]|a[0-f])$/.test(name);
}

/** Up to four legacy prefixes in any order, redundant ones among them, and in 64-bit mode REX, mostly where it counts. */
function randomPrefixes(random: Random, mode: Mode, opcode: string): number[] {
  // F2 and F3 make other instructions of these, and 66 makes none of MOVNTI.
  const isPlainOnly = opcode === "f c3" || opcode.startsWith("f 38");
  const choices = [0x67, random.pick(SEGMENTS), random.pick(SEGMENTS), 0xf0];
  if (opcode !== "f c3") choices.push(0x66, 0x66);
  if (!isPlainOnly) choices.push(0xf2, 0xf3);
  const prefixes: number[] = [];
  while (prefixes.length < 4 && random.chance(45)) prefixes.push(random.pick(choices));
  if (mode === 8) {
    if (random.chance(5)) prefixes.splice(random.below(prefixes.length + 1), 0, 0x40 | random.below(16));
    if (random.chance(50)) prefixes.push(0x40 | random.below(16));
  }
  return prefixes;
}
