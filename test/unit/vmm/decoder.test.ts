// The instruction decoder against objdump, and what it says of bytes that are no whole instruction.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { Random } from "../ept/random.ts";
import { TestDecoder } from "./decoder.ts";
import { disassemble } from "./disassembly.ts";
import { type Encoding, type Mode, randomEncoding, withoutIgnoredRex } from "./encodings.ts";
import { notationOf, notationOfText } from "./notation.ts";

const DECODED = 0;
const NEEDS_MORE = 1;
const TOO_LONG = 2;
const LOCK_INVALID = 3;
const NOT_SUPPORTED = 4;

const MODES: readonly Mode[] = [2, 4, 8];
const PER_MODE = 40_000;

const REPEATS: Readonly<Record<number, number>> = { 0xf2: 1, 0xf3: 2 };

let decoder: TestDecoder;
before(async () => {
  decoder = await TestDecoder.load();
});

const hex = (bytes: Iterable<number>): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

/** The encodings of one mode, the same ones at every call. */
function encodingsOf(mode: Mode, count: number): Encoding[] {
  const random = new Random(0xba5a17 + mode);
  return Array.from({ length: count }, () => randomEncoding(random, mode));
}

function addressBytes({ mode, prefixes }: Encoding): number {
  if (!prefixes.includes(0x67)) return mode;
  return mode === 4 ? 2 : 4;
}

/**
 * Where objdump 2.40 is not the SDM's opinion. MOVSXD with an operand size of 16 bits reads 16 bits (SDM 2B,
 * "MOVSX/MOVSXD": 63 /r is MOVSXD r16, r/m16); objdump shows 32.
 */
function corrected(theirs: string, encoding: Encoding): string {
  const isMovsxd16 = encoding.opcode[0] === 0x63 && /^movsx \w*?([abcd]x|[sb]p|[sd]i|w), /.test(theirs);
  if (!isMovsxd16 || /^movsx [er][a-z]{2},/.test(theirs)) return theirs;
  return theirs
    .replace(/, 4 /, ", 2 ")
    .replace(/, e(\w\w)$/, ", $1")
    .replace(/, (r\d+)d$/, ", $1w");
}

describe("what the decoder and objdump make of the same bytes", () => {
  for (const mode of MODES) {
    test(`is the same for ${PER_MODE} encodings of ${8 * mode}-bit code`, async () => {
      const encodings = encodingsOf(mode, PER_MODE);
      const judged = await disassemble(encodings.map(withoutIgnoredRex), mode);
      const differences: string[] = [];
      encodings.forEach((encoding, i) => {
        const ignored = 15 - withoutIgnoredRex(encoding).length;
        const length = judged[i]!.length + ignored;
        const status = decoder.decode(encoding.bytes, mode);
        const { instruction } = decoder;
        const ours = notationOf(instruction);
        const theirs = corrected(notationOfText(judged[i]!.text, mode, addressBytes(encoding)), encoding);
        // With its prefixes an instruction can come to more than 15 bytes.
        if (status === TOO_LONG && (length > 15 || theirs.includes("(bad)"))) return;
        if ((status === DECODED || status === LOCK_INVALID) && instruction.length === length && ours === theirs) return;
        const shown = hex(encoding.bytes.subarray(0, Math.max(length, instruction.length)));
        differences.push(`${shown}: status ${status}, ${instruction.length} ${ours}; objdump: ${length} ${theirs}`);
      });
      assert.equal(differences.length, 0, `${differences.length} differ:\n${differences.slice(0, 40).join("\n")}`);
    });
  }
});

test("LOCK and the last of F2 and F3 are told", () => {
  for (const mode of MODES) {
    for (const { bytes, prefixes } of encodingsOf(mode, 5000)) {
      if (decoder.decode(bytes, mode) === TOO_LONG) continue;
      const { isLocked, repeat } = decoder.instruction;
      assert.equal(isLocked, prefixes.includes(0xf0) ? 1 : 0, hex(bytes));
      assert.equal(repeat, REPEATS[prefixes.findLast((byte) => byte in REPEATS) ?? 0] ?? 0, hex(bytes));
    }
  }
});

test('LOCK is invalid but where SDM 2A, "LOCK", lists the instruction and its destination is in memory', () => {
  const LOCKABLE = /^(add|adc|and|bt[crs]|cmpxchg|dec|inc|neg|not|or|sbb|sub|xor|xadd|xchg) \d \w\w:\[/;
  const seen = new Set<string>();
  for (const mode of MODES) {
    for (const { bytes, prefixes } of encodingsOf(mode, PER_MODE)) {
      const status = decoder.decode(bytes, mode);
      if (status === TOO_LONG) continue;
      const text = notationOf(decoder.instruction);
      const isInvalid = prefixes.includes(0xf0) && !LOCKABLE.test(text);
      assert.equal(status, isInvalid ? LOCK_INVALID : DECODED, `${hex(bytes)}: ${text}`);
      if (prefixes.includes(0xf0) && !isInvalid) seen.add(text.split(" ")[0]!);
    }
  }
  assert.equal(seen.size, 17, `LOCK was tried with ${[...seen].join(" ")}`);
});

test("each part of an instruction needs more, and what stands behind it does not matter", () => {
  for (const mode of MODES) {
    for (const { bytes } of encodingsOf(mode, 3000)) {
      const status = decoder.decode(bytes, mode);
      if (status === TOO_LONG) continue;
      const { instruction } = decoder;
      for (let count = 0; count < instruction.length; count++)
        assert.equal(decoder.decode(bytes.subarray(0, count), mode), NEEDS_MORE, `${count} of ${hex(bytes)}`);
      assert.equal(decoder.decode(bytes.subarray(0, instruction.length), mode), status);
      assert.deepEqual(decoder.instruction, instruction, hex(bytes));
    }
  }
});

test("an instruction of 15 bytes is decoded, one of more is too long", () => {
  const store = [0x81, 0x84, 0x88, 1, 2, 3, 4, 5, 6, 7, 8];
  const prefixed = (count: number): Uint8Array => Uint8Array.from([...Array<number>(count).fill(0x3e), ...store]);
  assert.equal(decoder.decode(prefixed(4), 8), DECODED);
  assert.equal(decoder.instruction.length, 15);
  assert.equal(decoder.decode(prefixed(5).subarray(0, 15), 8), TOO_LONG);
  for (const prefix of [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x48]) {
    const bytes = new Uint8Array(15).fill(prefix);
    assert.equal(decoder.decode(bytes, 8), TOO_LONG, `15 of ${prefix.toString(16)}`);
    assert.equal(decoder.decode(bytes.subarray(0, 14), 8), NEEDS_MORE, `14 of ${prefix.toString(16)}`);
  }
});

test("what it does not know is not supported, whatever mode and prefixes", () => {
  const unknown = [
    // CPUID, IRET, CALL near and far, HLT, IN, OUT, PUSHF, LEA, x87, VEX and EVEX
    [0x0f, 0xa2],
    [0xcf],
    [0xe8, 0, 0, 0, 0],
    [0x9a],
    [0xf4],
    [0xec],
    [0xee],
    [0x9c],
    [0x8d, 0],
    [0xd9, 0],
    [0xc5, 0xf8, 0x10, 0x00],
    [0x62, 0xf1, 0x7c, 0x48],
    // C6 /1, FE /2, FF /2, F6 /4, 0F BA /0
    [0xc6, 0x08],
    [0xfe, 0x10],
    [0xff, 0x10],
    [0xf6, 0x20],
    [0x0f, 0xba, 0x00],
    // MOV to CS, from segment register 6, MOVNTI of a register, MOVBE of a register, CRC32, MOVNTI with F3
    [0x8e, 0x08],
    [0x8c, 0x30],
    [0x0f, 0xc3, 0xc0],
    [0x0f, 0x38, 0xf0, 0xc0],
    [0xf2, 0x0f, 0x38, 0xf0, 0x00],
    [0xf3, 0x0f, 0xc3, 0x00],
  ];
  for (const mode of MODES) {
    for (const bytes of unknown)
      assert.equal(
        decoder.decode(
          Uint8Array.from({ length: 15 }, (_, i) => bytes[i] ?? 0),
          mode,
        ),
        NOT_SUPPORTED,
        hex(bytes),
      );
  }
  assert.equal(decoder.decode(Uint8Array.of(0x82, 0x00, 0x00), 8), NOT_SUPPORTED, "82 in 64-bit mode");
  assert.equal(decoder.decode(Uint8Array.of(0x63, 0x00), 4), NOT_SUPPORTED, "ARPL");
  assert.equal(decoder.decode(Uint8Array.of(0x40, 0x00), 4), NOT_SUPPORTED, "INC EAX");
});
