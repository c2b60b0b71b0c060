// The executor against the CPU that the tests run on: the same instructions, registers, flags and memory.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { Random } from "../ept/random.ts";
import { TestDecoder } from "./decoder.ts";
import { ANSWERS, TestExecutor } from "./executor.ts";
import { type Case, definedFlags, executeNatively, randomCase, type State, WINDOW, WINDOW_BYTES } from "./native.ts";

const CASES = 20_000;

let decoder: TestDecoder;
let executor: TestExecutor;
before(async () => {
  [decoder, executor] = await Promise.all([TestDecoder.load(), TestExecutor.load()]);
});

const hex = (bytes: Iterable<number>): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

/** Carries one case out; what differs from the CPU's result. */
function differences(one: Case, expected: State): string[] {
  executor.setMode(one.mode);
  executor.setMemoryExit();
  executor.setSegment(4, one.fsBase, 0xffffffff, 0xc093);
  executor.setSegment(5, one.gsBase, 0xffffffff, 0xc093);
  executor.setCode(one.code);
  executor.setCpu("rflags", one.flags);
  one.registers.forEach((value, number) => executor.setRegister(number, value));
  executor.write(WINDOW, one.window);
  const answer = executor.emulate();
  const found: string[] = [];
  if (answer !== ANSWERS.emulated) return [`answer ${answer}, vector ${executor.fault.vector}`];
  if (executor.instructionLength !== one.code.length) found.push(`length ${executor.instructionLength}`);
  const bits = one.mode === 8 ? 64 : 32;
  for (let number = 0; number < (one.mode === 8 ? 16 : 8); number++) {
    const [ours, theirs] = [executor.register(number), expected.registers[number]!].map((v) => BigInt.asUintN(bits, v));
    if (ours !== theirs) found.push(`register ${number}: ${ours!.toString(16)}, the CPU's ${theirs!.toString(16)}`);
  }
  const changed = Number(executor.rflags ^ expected.flags) & definedFlags(one.text);
  if (changed !== 0) found.push(`flags ${executor.rflags.toString(16)}, the CPU's ${expected.flags.toString(16)}`);
  const window = executor.read(WINDOW, WINDOW_BYTES);
  const at = window.findIndex((byte, i) => byte !== expected.window[i]);
  if (at >= 0) found.push(`byte ${at - WINDOW_BYTES / 2}: ${window[at]}, the CPU's ${expected.window[at]}`);
  return found;
}

describe("what the executor and this machine's CPU make of the same instruction", () => {
  for (const mode of [8, 4] as const) {
    test(`is the same for ${CASES} instructions of ${8 * mode}-bit code`, async () => {
      const random = new Random(0xba5a17 + mode);
      const cases: Case[] = [];
      while (cases.length < CASES) {
        const one = randomCase(random, decoder, mode);
        if (one !== null) cases.push(one);
      }
      const expected = await executeNatively(cases);
      const found: string[] = [];
      cases.forEach((one, i) => {
        const texts = differences(one, expected[i]!);
        if (texts.length !== 0) found.push(`${hex(one.code)} (${one.text}): ${texts.join("; ")}`);
      });
      assert.equal(found.length, 0, `${found.length} differ:\n${found.slice(0, 40).join("\n")}`);
      const operations = new Set(cases.map(({ text }) => text.split(" ")[0]));
      assert.equal(operations.size, 29, [...operations].join(" "));
    });
  }
});
