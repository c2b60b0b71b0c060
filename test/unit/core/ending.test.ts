// What comes after the result line: the boot option `end`, machines without a serial line, and the ways to reset.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadTable } from "../x86/load-table.ts";
import { assertEnd, assertNoLine } from "./assertions.ts";
import { FADT, genericAddress, type AcpiOptions } from "./machine/acpi.ts";
import { boot, type Run } from "./machine/machine.ts";

const IO = 1;
const ENTER = 0x0d;
const RESET_REGISTER_SUPPORTED = 1 << 10;
const kinds = (run: Run): readonly string[] => run.machine.endSteps.map(({ kind }) => kind);
const withEnd = (end: string, acpi: AcpiOptions | null = {}): Run =>
  boot({ commandLine: `guest=hlt iterations=1 ${end}`, acpi });
const out8 = (port: number, value: number) => ({ kind: "out8", port, mask: 0, value }) as const;
const resetSteps = [
  out8(0xcf9, 2),
  out8(0xcf9, 6),
  { kind: "wait8", port: 0x64, mask: 2, value: 0 },
  out8(0x64, 0xfe),
  { kind: "triple-fault", port: 0, mask: 0, value: 0 },
] as const;

test("a machine powers off at its end, with end=power-off and by default", () => {
  for (const end of ["", "end=auto", "end=power-off"])
    assert.deepEqual(kinds(withEnd(end)), ["set16", "set16", "wait8"]);
});

test("with end=halt nothing is done", () => {
  const run = withEnd("end=halt");
  assertEnd(run, "ok");
  assert.deepEqual(run.machine.endSteps, []);
});

test("end=reset tries port 0xcf9, the keyboard controller and a triple fault, one after the other", () => {
  for (const acpi of [{}, null]) assert.deepEqual(withEnd("end=reset", acpi).machine.endSteps, resetSteps);
});

test("end=reset tries the FADT's reset register first, where the FADT says that there is one, at a port", () => {
  const registers = { [FADT.reset]: genericAddress(IO, 0x1234n) };
  const flags = RESET_REGISTER_SUPPORTED;
  const first = withEnd("end=reset", { flags, registers, resetValue: 7 }).machine.endSteps;
  assert.deepEqual(first, [out8(0x1234, 7), ...resetSteps]);
  assert.deepEqual(withEnd("end=reset", { registers, resetValue: 7 }).machine.endSteps, resetSteps);
  const inMemory = { [FADT.reset]: genericAddress(0, 0xfed80000n) };
  assert.deepEqual(withEnd("end=reset", { flags, registers: inMemory }).machine.endSteps, resetSteps);
});

test("an end that there is not is refused, with the names that there are", () => {
  for (const word of ["end=", "end=off", "end"]) {
    assertEnd(withEnd(word), "bad-option", /no such end; expected one of auto, power-off, reset, halt, wait/);
  }
});

test("a panic ends the machine by the same steps", () => {
  assert.deepEqual(kinds(withEnd("fail=assertion")), ["set16", "set16", "wait8"]);
  assert.deepEqual(withEnd("fail=assertion end=reset").machine.endSteps, resetSteps);
});

test("without COM1 and keyboard the machine says so and stays on, or its screen would be lost unread", () => {
  const run = boot({ commandLine: "guest=hlt iterations=1", hasSerial: false, hasKeyboard: false });
  assertEnd(run, "ok", /no COM1, screen 80x25 text, no keyboard: display only/);
  assert.deepEqual(run.machine.endSteps, []);
});

test("without COM1 a panic's report stays on the screen, whether or not a keyboard answers", () => {
  for (const hasKeyboard of [false, true]) {
    const run = boot({ commandLine: "fail=assertion", hasSerial: false, hasKeyboard });
    assert.equal(run.name, "assertion");
    assert.deepEqual(run.machine.endSteps, []);
  }
});

test("without COM1 Enter is awaited, which switches the machine off, and other keys do nothing", () => {
  const run = boot({ commandLine: "guest=hlt iterations=1", hasSerial: false, keys: [0, 0x20, 0, 0x61, ENTER] });
  assertEnd(run, "ok", /press Enter to switch off, R to restart; the power button does no harm now$/);
  assert.deepEqual(kinds(run), ["set16", "set16", "wait8"]);
});

test("what was typed before the question is no answer to it", () => {
  const run = boot({
    commandLine: "iterations=1",
    hasSerial: false,
    staleKeys: [ENTER, 0, 0x72, ENTER],
    keys: [0, ENTER],
  });
  assert.deepEqual(kinds(run), ["set16", "set16", "wait8"]);
});

test("the question is asked at every log level, as without it the machine seems to hang", () => {
  for (const option of ["quiet", "loglevel=error"]) {
    const run = boot({ commandLine: `iterations=1 ${option}`, hasSerial: false, keys: [ENTER] });
    assert.equal(run.lines.length, 1, run.lines.join("\n"));
    assertEnd(run, "ok", /press Enter/);
  }
});

test("where no power-off was found, R alone is asked for", () => {
  const run = boot({ commandLine: "iterations=1", acpi: null, hasSerial: false, keys: [ENTER, 0x72] });
  assertEnd(
    run,
    "ok",
    /press R to restart; the power button/,
    /restarting; if nothing happens, switch this machine off/,
  );
  assert.deepEqual(run.machine.endSteps, resetSteps);
});

test("with end=wait a key is awaited also where there is a COM1, and r and R restart the machine", () => {
  for (const key of [0x52, 0x72]) {
    const run = boot({ commandLine: "guest=hlt iterations=1 end=wait", keys: [key] });
    assert.deepEqual(run.machine.endSteps, resetSteps);
  }
});

test("without COM1 an end that was asked for comes without delay", () => {
  const run = boot({ commandLine: "guest=hlt iterations=1 end=power-off", hasSerial: false });
  assertNoLine(run, /display only|press any key/);
  assert.deepEqual(kinds(run), ["set16", "set16", "wait8"]);
});

test("the choice of the end, for every option, with and without serial line and keyboard", async () => {
  const module = await loadTable("../core/firmware/end-choice");
  const names = module["END_NAMES"] as readonly string[];
  const chooseEnd = module["chooseEnd"] as (wanted: number, hasSerial: boolean, hasKeyboard: boolean) => number;
  const chosen = (wanted: string, hasSerial: boolean, hasKeyboard: boolean): string | undefined =>
    names[chooseEnd(names.indexOf(wanted), hasSerial, hasKeyboard)];
  for (const hasKeyboard of [false, true]) {
    assert.equal(chosen("auto", true, hasKeyboard), "power-off");
    assert.equal(chosen("auto", false, hasKeyboard), hasKeyboard ? "wait" : "halt");
    for (const hasSerial of [false, true]) {
      assert.equal(chosen("wait", hasSerial, hasKeyboard), hasKeyboard ? "wait" : "halt");
      for (const asked of ["power-off", "reset", "halt"]) assert.equal(chosen(asked, hasSerial, hasKeyboard), asked);
    }
  }
});
