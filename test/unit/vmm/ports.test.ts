// The ports of a VM beside COM1: the exit port, the debug console, and those where nothing is.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { vcpuPage } from "../core/machine/tables.ts";
import { PortGuest } from "./ports.ts";

const EXIT_PORT = 0xf4;
const DEBUG_CONSOLE = 0xe9;
const COM1 = 0x3f8;

describe("the exit port", () => {
  for (const [bytes, value] of [
    [1, 0x21],
    [2, 0x1234],
    [4, 0xfedc_ba98],
    [4, 0],
  ] as const) {
    test(`ends the VM by a write of ${bytes} bytes with the value 0x${value.toString(16)}`, () => {
      const guest = new PortGuest();
      assert.equal(guest.access(EXIT_PORT, false, bytes, value), vcpuPage("ANSWER_GUEST_EXITED"));
      assert.equal(guest.vmm.get("exitValue"), BigInt(value));
    });
  }

  test("prints what is left of a line", () => {
    const guest = new PortGuest();
    guest.out(COM1, 0x41);
    guest.access(EXIT_PORT, false, 1, 3);
    assert.equal(guest.line, "A");
  });

  test("reads 0", () => {
    assert.equal(new PortGuest().in(EXIT_PORT, 4), 0);
  });
});

test("the debug console says that it is there, and prints", () => {
  const guest = new PortGuest();
  assert.equal(guest.in(DEBUG_CONSOLE), 0xe9);
  for (const byte of Buffer.from("debug\n")) guest.out(DEBUG_CONSOLE, byte);
  assert.equal(guest.line, "debug");
});

test("what prints shares one line, as on one terminal", () => {
  const guest = new PortGuest();
  guest.out(DEBUG_CONSOLE, 0x41);
  guest.out(COM1, 0x42);
  guest.out(DEBUG_CONSOLE, 0x0a);
  assert.equal(guest.line, "AB");
});

describe("a port without a device", () => {
  test("reads all ones, of each size, and swallows writes", () => {
    const guest = new PortGuest();
    for (const [bytes, ones] of [
      [1, 0xff],
      [2, 0xffff],
      [4, 0xffff_ffff],
    ] as const) {
      for (const port of [0, 0x80, 0x170, 0x300, 0xffff]) {
        assert.equal(guest.in(port, bytes), ones, port.toString(16));
        guest.out(port, 0x12345678 >>> (32 - 8 * bytes), bytes);
      }
    }
  });

  test("is told once, for log level debug", () => {
    const guest = new PortGuest();
    guest.out(0x300, 1);
    assert.equal(guest.line, "the guest uses a port without a device: 0x0300");
    assert.equal(guest.vmm.get("consoleIsDebug"), 1n);
    for (const isIn of [true, false]) {
      guest.access(0x300, isIn, 1);
      assert.equal(guest.line, "");
    }
  });

  test("is not told where software writes for the time that it takes, or looks for a DMA controller", () => {
    const guest = new PortGuest();
    for (const port of [0x00, 0x1f, 0x80, 0x8f, 0xc0, 0xdf, 0xed]) {
      guest.out(port, 1);
      assert.equal(guest.line, "", port.toString(16));
    }
  });

  test("beside a device leaves the device its part of a wide access", () => {
    const guest = new PortGuest();
    assert.equal(guest.in(COM1 - 1, 2), 0x00ff, "the receiver is empty");
    assert.equal(guest.access(EXIT_PORT - 2, false, 4, 0x0007_0000), vcpuPage("ANSWER_GUEST_EXITED"));
  });

  test("costs no memory, however many there are", () => {
    const guest = new PortGuest();
    for (let port = 0; port < 0x10000; port++) guest.access(port, true, 1);
    assert.equal(guest.in(0x80), 0xff);
  });
});
