// How core sets COM1 up, and when it says that there is none.
import assert from "node:assert/strict";
import { boot, type MachineOptions, type Run } from "./machine/machine.ts";
import { test } from "./vendors.ts";

const commandLine = "guest=hlt iterations=1";
const [INTERRUPT_ENABLE, FIFO_CONTROL, LINE_CONTROL, MODEM_CONTROL, LINE_STATUS, SCRATCH] = [1, 2, 3, 4, 5, 7];

const ENTER = 0x0d;

/** Whether core says that there is a COM1; a key is there for who has none to end it by. */
function saysCom1(run: Run): boolean {
  const line = run.lines.find((text) => text.startsWith("basalt: console: "));
  assert.match(line ?? "", /^basalt: console: (no )?COM1, /);
  return !line!.includes("no COM1");
}

test("COM1 has 115,200 baud, 8 data bits, no parity and no interrupts, whatever firmware left", () => {
  const left: MachineOptions["prepare"] = ({ serial }) => {
    serial.registers.fill(0xff);
    serial.divisor.fill(0xff);
  };
  const run = boot({ commandLine, prepare: left });
  assert.ok(saysCom1(run));
  const { registers, divisor } = run.machine.serial;
  // 1.8432 MHz / 16 / 115,200.
  assert.deepEqual(divisor, [1, 0]);
  assert.equal(registers[LINE_CONTROL], 0x03);
  assert.equal(registers[INTERRUPT_ENABLE], 0);
  assert.equal(registers[FIFO_CONTROL], 0x07);
  assert.equal(registers[MODEM_CONTROL], 0x03);
});

test("a machine with nothing at COM1's ports has no COM1", () => {
  assert.ok(!saysCom1(boot({ commandLine, hasSerial: false, keys: [ENTER] })));
});

test("what keeps no byte in the scratch register, or has no line status, is no COM1", () => {
  for (const [register, value] of [
    [SCRATCH, 0],
    [LINE_STATUS, 0xff],
  ] as const) {
    const prepare: MachineOptions["prepare"] = ({ serial }) => void serial.reads.set(register, value);
    assert.ok(!saysCom1(boot({ commandLine, prepare, keys: [ENTER] })));
  }
});
