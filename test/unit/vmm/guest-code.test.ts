// The built-in guests' code, as ndisasm reads it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { guestNames } from "../core/machine/tables.ts";
import { loaded } from "./vmm.ts";

const RAM = 16n << 20n;
const CODE = 0x10000;
const BOOT_SECTOR = 0x7c00;
const [RCX, RBX, RSI, RDI, R8] = [1, 3, 6, 7, 8] as const;

/** The instructions of `code`, which lies at `origin`, as ndisasm prints them: address and text. */
function disassemble(code: Uint8Array, bits = 64, origin = CODE): string[] {
  const words = ["-b", String(bits), "-o", String(origin), "-"];
  const listing = execFileSync("ndisasm", words, { input: code, encoding: "utf8" });
  return listing
    .trim()
    .split("\n")
    .map((line) => line.replace(/^([0-9A-F]+)\s+\S+\s+/, "$1 "));
}

test("every 64-bit guest starts at its code, with a stack, a root table, and a line for the console", () => {
  for (const guest of guestNames.filter((name) => name !== "real" && name !== "module")) {
    const vmm = loaded(guest, RAM);
    assert.equal(vmm.get("startRip"), BigInt(CODE), guest);
    assert.equal(vmm.get("startRsp"), 0x20000n);
    assert.equal(vmm.get("startCr3"), 0x1000n);
    assert.equal(vmm.console, `loaded guest ${guest}`);
  }
});

for (const guest of ["hlt", "ept"]) {
  test(`the guest ${guest} is a page of HLT that ends in a jump to its start`, () => {
    const { bytes } = loaded(guest, RAM);
    const lines = disassemble(bytes.slice(CODE, CODE + 4096));
    assert.equal(lines.length, 4096 - 5 + 1);
    lines.slice(0, -1).forEach((line, i) => {
      assert.equal(line, `${(CODE + i).toString(16).toUpperCase().padStart(8, "0")} hlt`);
    });
    assert.equal(lines.at(-1), "00010FFB jmp 0x10000");
  });
}

test("the guest count is four instructions an iteration, of which CPUID exits, and a hypercall", () => {
  const vmm = loaded("count", RAM, 123456789012n);
  assert.deepEqual(disassemble(vmm.bytes.slice(CODE, CODE + 14)), [
    "00010000 xor eax,eax",
    "00010002 cpuid",
    "00010004 dec r8",
    "00010007 jnz 0x10000",
    "00010009 xor eax,eax",
    "0001000B vmcall",
  ]);
  assert.equal(vmm.register(R8), 123456789012n);
});

test("the guest loop is a jump to itself", () => {
  const { bytes } = loaded("loop", RAM);
  assert.deepEqual(disassemble(bytes.slice(CODE, CODE + 2)), ["00010000 jmp short 0x10000"]);
});

test("the guest registers is what NASM makes of registers-guest.asm", () => {
  const vmm = loaded("registers", RAM, 77n);
  const directory = mkdtempSync(join(tmpdir(), "basalt-"));
  const output = join(directory, "guest.bin");
  execFileSync("nasm", ["-f", "bin", "-o", output, fileURLToPath(new URL("registers-guest.asm", import.meta.url))]);
  const code = readFileSync(output);
  rmSync(directory, { recursive: true });
  assert.deepEqual(Buffer.from(vmm.bytes.slice(CODE, CODE + code.length)), code);
  assert.equal(vmm.register(R8), 77n);
});

test("the guests fault-* make one hypercall", () => {
  const faults = guestNames.filter((name) => name.startsWith("fault-"));
  assert.equal(faults.length, 5);
  for (const guest of faults) {
    const { bytes } = loaded(guest, RAM);
    assert.deepEqual(disassemble(bytes.slice(CODE, CODE + 3)), ["00010000 vmcall"], guest);
  }
});

test("the guest touch is four instructions an iteration, one for each 2 MiB of RAM but the first", () => {
  const vmm = loaded("touch", RAM, 123n);
  assert.deepEqual(disassemble(vmm.bytes.slice(CODE, CODE + 14)), [
    "00010000 mov [rdi],dil",
    "00010003 add rdi,rsi",
    "00010006 dec r8",
    "00010009 jnz 0x10000",
    "0001000B vmcall",
  ]);
  assert.deepEqual([vmm.register(R8), vmm.register(RDI), vmm.register(RSI)], [7n, 2n << 20n, 2n << 20n]);
});

test("the guest zeroes reads all of RAM behind its code", () => {
  const vmm = loaded("zeroes", RAM);
  assert.deepEqual(disassemble(vmm.bytes.slice(CODE, CODE + 12)), [
    "00010000 xor eax,eax",
    "00010002 repe scasq",
    "00010005 jnz 0x1000a",
    "00010007 vmcall",
    "0001000A ud2",
  ]);
  assert.deepEqual([vmm.register(RDI), vmm.register(RDI) + 8n * vmm.register(RCX)], [BigInt(CODE) + 4096n, RAM]);
});

test("the guest unpack decodes a move and a VMCALL into a page of its own, and jumps there", () => {
  const vmm = loaded("unpack", RAM);
  assert.deepEqual(disassemble(vmm.bytes.slice(CODE, CODE + 8)), [
    "00010000 lodsb",
    "00010001 xor al,0x5a",
    "00010003 stosb",
    "00010004 loop 0x10000",
    "00010006 jmp rbx",
  ]);
  const packed = Number(vmm.register(RSI));
  const length = Number(vmm.register(RCX));
  const unpacked = vmm.bytes.slice(packed, packed + length).map((byte) => byte ^ 0x5a);
  assert.deepEqual(disassemble(unpacked, 64, Number(vmm.register(RDI))), ["00030000 mov eax,0x2a", "00030005 vmcall"]);
  assert.equal(vmm.register(RBX), vmm.register(RDI));
});

test("the guest real is a boot sector that polls the line status before each byte, and halts", () => {
  const vmm = loaded("real", RAM);
  assert.equal(vmm.get("startRip"), BigInt(BOOT_SECTOR));
  assert.equal(vmm.get("startRsp"), BigInt(BOOT_SECTOR));
  assert.equal(vmm.get("startCr3"), 0n);
  assert.equal(vmm.console, "loaded guest real");
  assert.deepEqual(disassemble(vmm.bytes.slice(BOOT_SECTOR, BOOT_SECTOR + 29), 16, BOOT_SECTOR), [
    "00007C00 mov si,0x7c1d",
    "00007C03 lodsb",
    "00007C04 test al,al",
    "00007C06 jz 0x7c1a",
    "00007C08 mov ah,al",
    "00007C0A mov dx,0x3fd",
    "00007C0D in al,dx",
    "00007C0E test al,0x20",
    "00007C10 jz 0x7c0d",
    "00007C12 mov al,ah",
    "00007C14 mov dx,0x3f8",
    "00007C17 out dx,al",
    "00007C18 jmp short 0x7c03",
    "00007C1A hlt",
    "00007C1B jmp short 0x7c1a",
  ]);
  const text = Buffer.from(vmm.bytes.slice(BOOT_SECTOR + 29, BOOT_SECTOR + 29 + 31)).toString("latin1");
  assert.equal(text, "hello from 16-bit real mode\r\n\0\0");
});
