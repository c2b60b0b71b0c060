// COM1 as a guest sees it: what its IN and OUT come to, and the lines that its bytes become.
import assert from "node:assert/strict";
import { test } from "node:test";
import { vcpuPage } from "../core/machine/tables.ts";
import { loaded, type TestVmm } from "./vmm.ts";

const RAX = 0;
const DATA = 0x3f8n;
const LINE_STATUS = 0x3fdn;
const IN = 8n;
const STRING = 16n;

/** An I/O exit: the vmm's answer. `flags` are the low bits of the exit qualification. */
function access(vmm: TestVmm, port: bigint, flags = 0n, rax = 0n): number {
  vmm.set("consoleLength", 0n);
  vmm.set("exitKind", BigInt(vcpuPage("EXIT_PORT")));
  vmm.set("access", (port << 16n) | flags);
  vmm.setRegister(RAX, rax);
  return vmm.exitWithText();
}

/** Prints bytes by OUT; the lines that came to the console. */
function print(vmm: TestVmm, bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (const byte of bytes) {
    assert.equal(access(vmm, DATA, 0n, 0xffffff00n | BigInt(byte)), vcpuPage("ANSWER_NEXT_INSTRUCTION"));
    if (vmm.get("consoleLength") !== 0n) lines.push(vmm.console);
  }
  return lines;
}

function end(vmm: TestVmm): string {
  vmm.set("consoleLength", 0n);
  vmm.set("exitKind", BigInt(vcpuPage("EXIT_HALT")));
  assert.equal(vmm.exit(), vcpuPage("ANSWER_GUEST_ENDED"));
  return vmm.console;
}

const text = (string: string): Buffer => Buffer.from(string, "latin1");
const real = (): TestVmm => loaded("real", 16n << 20n);

test("bytes become a line at a line feed; carriage returns are left out", () => {
  assert.deepEqual(print(real(), text("one\r\ntwo\n")), ["one", "two"]);
});

test("text without a line feed is printed when the guest ends, and only once", () => {
  const vmm = real();
  assert.deepEqual(print(vmm, text("no end")), []);
  assert.equal(end(vmm), "no end");
  assert.equal(end(vmm), "");
});

test("a line that is too long is cut with a sign of it, and the next one is whole", () => {
  const vmm = real();
  assert.deepEqual(print(vmm, text(`${"x".repeat(300)}\n`)), ["x".repeat(300)]);
  for (const letters of [301, 302, 303, 5000]) {
    assert.deepEqual(print(vmm, text(`${"y".repeat(letters)}\nnext\n`)), [`${"y".repeat(300)}...`, "next"]);
  }
});

test("every byte is taken", () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i).filter((byte) => byte !== 10 && byte !== 13);
  assert.deepEqual(print(real(), Uint8Array.from([...all, 10])), [Buffer.from(all).toString("latin1")]);
});

test("the line status says that the transmitter is empty", () => {
  const vmm = real();
  assert.equal(access(vmm, LINE_STATUS, IN), vcpuPage("ANSWER_NEXT_INSTRUCTION"));
  assert.equal(vmm.get("ioValue"), 0x60n);
});

test("string instructions are not handled", () => {
  const vmm = real();
  for (const [port, flags] of [
    [DATA, STRING],
    [LINE_STATUS, IN | STRING],
  ] as const) {
    assert.equal(access(vmm, port, flags, 0x41n), vcpuPage("ANSWER_NOT_HANDLED"), `${port.toString(16)} ${flags}`);
  }
  assert.equal(end(vmm), "", "none of them printed");
});
