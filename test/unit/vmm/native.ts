// Instructions with random operands, and the CPU's own judgement of them.
import { readFile, rm, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { root } from "../../../tools/paths.ts";
import type { Random } from "../ept/random.ts";
import type { Decoded, TestDecoder } from "./decoder.ts";
import { randomEncoding } from "./encodings.ts";
import { CODE, DEVICE_PAGE } from "./executor.ts";
import { notationOf } from "./notation.ts";

export const WINDOW_BYTES = 512;
/** The window lies half in RAM and half on the device. */
export const WINDOW = DEVICE_PAGE - WINDOW_BYTES / 2;

/** What goes to native-judge.c, and comes back from it. */
export interface State {
  readonly mode: 4 | 8;
  readonly registers: bigint[];
  flags: bigint;
  readonly fsBase: bigint;
  readonly gsBase: bigint;
  readonly code: Uint8Array;
  readonly window: Uint8Array;
}

export interface Case extends State {
  readonly text: string;
  readonly instruction: Decoded;
}

const STATE_BYTES = 16 * 8 + 5 * 8 + 16 + WINDOW_BYTES;

function encode(state: State): Buffer {
  const buffer = Buffer.alloc(STATE_BYTES);
  const words = [
    ...state.registers,
    state.flags,
    state.fsBase,
    state.gsBase,
    state.mode === 8 ? 1n : 0n,
    BigInt(state.code.length),
  ];
  words.forEach((word, i) => buffer.writeBigUInt64LE(word, 8 * i));
  buffer.set(state.code, 8 * words.length);
  buffer.set(state.window, STATE_BYTES - WINDOW_BYTES);
  return buffer;
}

/** Executes `cases` on this machine's CPU: the states that they leave. */
export async function executeNatively(cases: readonly Case[]): Promise<State[]> {
  const folder = await mkdtemp(join(tmpdir(), "basalt-native-"));
  try {
    const [program, input, output] = ["judge", "input", "output"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const source = join(root, "test/unit/vmm/native-judge.c");
    await execa("gcc", ["-O1", "-no-pie", "-fno-stack-protector", "-fcf-protection=none", "-o", program, source]);
    await writeFile(input, Buffer.concat(cases.map(encode)));
    const { exitCode } = await execa(program, [], {
      inputFile: input,
      stdout: { file: output },
      reject: false,
      buffer: false,
    });
    const results = await readFile(output);
    const done = Math.floor(results.length / STATE_BYTES);
    if (exitCode !== 0) throw new Error(`the judge ended with ${exitCode} at ${cases[done]?.text}, case ${done}`);
    return cases.map((one, i) => {
      const at = i * STATE_BYTES;
      return {
        ...one,
        registers: one.registers.map((_, number) => results.readBigUInt64LE(at + 8 * number)),
        flags: results.readBigUInt64LE(at + 16 * 8),
        window: results.subarray(at + STATE_BYTES - WINDOW_BYTES, at + STATE_BYTES),
      };
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

const ARITHMETIC_FLAGS = 0x8d5;
const DIRECTION = 0x400;
const RSI = 6;
const RDI = 7;
const RCX = 1;
const CS = 1;
const FS = 4;
const GS = 5;
const CF_ONLY = 0x1;
const AF = 0x10;

/** The arithmetic flags that an operation leaves defined (SDM 1 appendix A). */
export function definedFlags(text: string): number {
  if (/^(and|or|xor|test) /.test(text)) return ARITHMETIC_FLAGS & ~AF;
  return /^bt/.test(text) ? CF_ONLY | 0x40 : ARITHMETIC_FLAGS;
}

const random64 = (random: Random): bigint => (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32));

/** A register's value: any, or one at the edge of some operand size. */
function randomValue(random: Random): bigint {
  if (random.chance(60)) return random64(random);
  const edge = random.pick([0n, 1n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x7fffffffn, 0x80000000n]);
  return BigInt.asUintN(64, random.chance(50) ? edge : -edge - 1n);
}

/** A case, or null where this encoding is none that can be executed alone. */
export function randomCase(random: Random, decoder: TestDecoder, mode: 4 | 8): Case | null {
  const { bytes, prefixes, opcode } = randomEncoding(random, mode);
  if (decoder.decode(bytes, mode) !== 0) return null;
  let instruction = decoder.instruction;
  const text = notationOf(instruction);
  const isString = instruction.form === 8;
  if (instruction.isMemory === 0 || /^(ins|outs) /.test(text) || instruction.form === 4 || instruction.form === 5)
    return null;
  // HLE's hints of XCHG and LOCK; and of 32-bit code writes to CS, selectors that Linux keeps null, 16-bit addresses.
  if (!isString && instruction.repeat !== 0) return null;
  if (mode === 4 && (instruction.segment === CS || instruction.segment >= FS || instruction.addressBytes === 2))
    return null;

  const registers = Array.from({ length: 16 }, () => randomValue(random));
  const fsBase = BigInt(random.below(0x8000000));
  const gsBase = BigInt(random.below(0x8000000));
  const window = Uint8Array.from({ length: WINDOW_BYTES }, () => random.below(256));
  if (random.chance(40)) for (let i = 0; i < WINDOW_BYTES; i++) window[i]! &= 1;
  const segmentBase = instruction.segment === FS ? fsBase : instruction.segment === GS ? gsBase : 0n;
  const narrow = (value: bigint): bigint => {
    if (instruction.addressBytes === 8) return BigInt.asUintN(64, value);
    return (random64(random) & ~0xffffffffn) | BigInt.asUintN(32, value);
  };

  if (isString) {
    registers[RSI] = narrow(BigInt(DEVICE_PAGE + random.below(64) - 32) - segmentBase);
    registers[RDI] = narrow(BigInt(DEVICE_PAGE + random.below(64) - 32));
    registers[RCX] = narrow(BigInt(1 + random.below(20)));
  } else {
    const isLocked = instruction.isLocked !== 0 || text.startsWith("xchg");
    let target = DEVICE_PAGE + random.below(32) - 16;
    // The kernel may punish locked accesses that are not aligned.
    if (isLocked) target -= target % 8;
    const offset = BigInt(target) - segmentBase;
    const { base, index, scaleShift } = instruction;
    if (base === index && base < 16) return null;
    const isBitOffset = text.startsWith("bt") && instruction.form === 0;
    if (isBitOffset) {
      if (instruction.register === base || instruction.register === index) return null;
      const low = BigInt(random.below(2000) - 1000);
      const bits = 8 * instruction.operandBytes;
      registers[instruction.register] =
        ((random64(random) >> BigInt(bits)) << BigInt(bits)) | BigInt.asUintN(bits, low);
    }
    if (base < 16) {
      const scaled = index < 16 ? registers[index]! << BigInt(scaleShift) : 0n;
      registers[base] = narrow(offset - scaled - instruction.displacement);
    } else {
      let displacement = offset;
      if (instruction.isRipRelative !== 0) displacement -= BigInt(CODE + instruction.length);
      if (index < 16) {
        registers[index] = narrow(BigInt(random.below(0x10000)));
        displacement -= (registers[index] & (instruction.addressBytes === 8 ? ~0n : 0xffffffffn)) << BigInt(scaleShift);
      }
      patchDisplacement(bytes, prefixes.length + opcode.length, instruction, displacement);
      decoder.decode(bytes, mode);
      instruction = decoder.instruction;
    }
    if (text.startsWith("cmpxchg") && random.chance(50) && base !== 0 && index !== 0) {
      registers[0] = Buffer.from(window).readBigUInt64LE(target - WINDOW);
    }
  }
  const flags = BigInt((random.below(0x1000) & ARITHMETIC_FLAGS) | (random.chance(50) ? DIRECTION : 0) | 0x202);
  const code = bytes.slice(0, instruction.length);
  return { mode, registers, flags, fsBase, gsBase, code, window, text: notationOf(instruction), instruction };
}

/** Writes the 32 bits behind ModRM and SIB, or the address behind the opcode. */
function patchDisplacement(bytes: Uint8Array, behindOpcode: number, instruction: Decoded, displacement: bigint): void {
  const view = Buffer.from(bytes.buffer);
  const isAbsolute = instruction.form === 6 || instruction.form === 7;
  if (isAbsolute && instruction.addressBytes === 8) view.writeBigInt64LE(displacement, behindOpcode);
  else {
    const hasSib = !isAbsolute && (bytes[behindOpcode]! & 7) === 4;
    const at = behindOpcode + (isAbsolute ? 0 : hasSib ? 2 : 1);
    view.writeInt32LE(Number(BigInt.asIntN(32, displacement)), at);
  }
}
