// The UART with a line of its own, as functions for uart-interrupts.test.ts and uart-random.test.ts.

import { ConsoleLine } from "../../../hv/vmm/devices/console-line";
import { COM1_IRQ, Uart } from "../../../hv/vmm/devices/uart/uart";
import { InterruptInputs, InterruptLine } from "../../../hv/vmm/interrupts";
import { Signals } from "../../../hv/vmm/signals";
import { StateTable } from "../../../hv/vmm/state";

class Inputs extends InterruptInputs {
  rises: u32 = 0;
  isHigh: bool = false;

  setLevel(input: u32, isHigh: bool): void {
    assert(input == 4, "COM1 has IRQ 4");
    assert(isHigh != this.isHigh, "a level is told when it changes");
    this.isHigh = isHigh;
    if (isHigh) this.rises++;
  }
}

class Fixture {
  readonly signals: Signals = new Signals();
  readonly line: ConsoleLine = new ConsoleLine(this.signals, false);
  readonly inputs: Inputs = new Inputs();
  readonly uart: Uart = new Uart(this.line, new InterruptLine(this.inputs, COM1_IRQ));
}

const fixture: Fixture = new Fixture();
const other: Fixture = new Fixture();
const table: StateTable = new StateTable();

export function read(register: u32): u32 {
  return <u32>fixture.uart.read(register, 1);
}

export function write(register: u32, value: u32): void {
  fixture.uart.write(register, 1, value);
}

export function receive(byte: u32): void {
  fixture.uart.receive(<u8>byte);
}

export function receiveBreak(): void {
  fixture.uart.receiveBreak();
}

export function room(): u32 {
  return fixture.uart.room;
}

export function isPlain(): bool {
  return fixture.uart.isPlain;
}

export function reset(): void {
  fixture.uart.reset();
}

export function isHigh(): bool {
  return fixture.inputs.isHigh;
}

/** How often the interrupt's line has risen. */
export function rises(): u32 {
  return fixture.inputs.rises;
}

/** Bytes that were sent to the console since it was asked last. */
export function sent(): i32 {
  const length = fixture.line.length;
  fixture.line.clear();
  return length;
}

/** Saves the UART; how many numbers that are. */
export function save(): i32 {
  table.startSaving();
  fixture.uart.visit(table);
  return table.length;
}

export function number(index: i32): u64 {
  return table.numbers[index];
}

export function setNumber(index: i32, value: u64): void {
  table.numbers[index] = value;
}

/** Restores from the first `length` numbers; the status. */
export function restore(length: i32): u32 {
  table.length = length;
  table.startRestoring();
  fixture.uart.visit(table);
  return table.status;
}

/** Register of another UART, which has been restored from the same numbers. */
export function readRestored(register: u32, length: i32): u32 {
  table.length = length;
  table.startRestoring();
  other.uart.visit(table);
  return <u32>other.uart.read(register, 1);
}
