// The built-in guests' code, as ndisasm reads it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { guestNames } from "../core/machine/tables.ts";
import { loaded } from "./vmm.ts";

const RAM = 16n << 20n;
const CODE = 0x10000;
const R8 = 8;

/** The instructions of `code`, which lies at CODE, as ndisasm prints them: address and text. */
function disassemble(code: Uint8Array): string[] {
  const listing = execFileSync("ndisasm", ["-b", "64", "-o", String(CODE), "-"], { input: code, encoding: "utf8" });
  return listing
    .trim()
    .split("\n")
    .map((line) => line.replace(/^([0-9A-F]+)\s+\S+\s+/, "$1 "));
}

test("every guest starts at its code, with a stack, a root table, and a line for the console", () => {
  for (const guest of guestNames) {
    const vmm = loaded(guest, RAM);
    assert.equal(vmm.get("startRip"), BigInt(CODE), guest);
    assert.equal(vmm.get("startRsp"), 0x20000n);
    assert.equal(vmm.get("startCr3"), 0x1000n);
    assert.equal(vmm.console, `loaded guest ${guest}`);
  }
});

test("the guest hlt is a page of HLT that ends in a jump to its start", () => {
  const { bytes } = loaded("hlt", RAM);
  const lines = disassemble(bytes.slice(CODE, CODE + 4096));
  assert.equal(lines.length, 4096 - 5 + 1);
  lines.slice(0, -1).forEach((line, i) => {
    assert.equal(line, `${(CODE + i).toString(16).toUpperCase().padStart(8, "0")} hlt`);
  });
  assert.equal(lines.at(-1), "00010FFB jmp 0x10000");
});

test("the guest count is four instructions an iteration, of which CPUID exits, and a VMCALL", () => {
  const vmm = loaded("count", RAM, 123456789012n);
  assert.deepEqual(disassemble(vmm.bytes.slice(CODE, CODE + 12)), [
    "00010000 xor eax,eax",
    "00010002 cpuid",
    "00010004 dec r8",
    "00010007 jnz 0x10000",
    "00010009 vmcall",
  ]);
  assert.equal(vmm.register(R8), 123456789012n);
});

test("the guests fault-* make one hypercall", () => {
  const faults = guestNames.filter((name) => name.startsWith("fault-"));
  assert.equal(faults.length, 5);
  for (const guest of faults) {
    const { bytes } = loaded(guest, RAM);
    assert.deepEqual(disassemble(bytes.slice(CODE, CODE + 3)), ["00010000 vmcall"], guest);
  }
});
