// COM1 of the simulated machine: the registers of a 16550A UART, whose transmitter is always empty.
import type { PortBytes, PortDevice } from "./ports.ts";

const LINE_CONTROL = 3;
const LINE_STATUS = 5;
const DIVISOR_LATCH = 0x80;
const TRANSMITTER_EMPTY = 0x60;

export class SerialPort implements PortDevice {
  readonly isUnrecorded = true;
  /** What was written last, by the offset of the port. */
  readonly registers = [0, 0, 0, 0, 0, 0, 0, 0];
  /** The low and the high half, which lie behind the first two ports while the divisor latch is open. */
  readonly divisor = [12, 0];
  /** What a chip that is no 16550A does otherwise: a register reads as something else. */
  readonly reads = new Map<number, number>();

  read(offset: number, bytes: PortBytes): number {
    if (bytes !== 1) throw new Error(`core read ${bytes} bytes of COM1, whose registers have one`);
    return this.reads.get(offset) ?? (offset === LINE_STATUS ? TRANSMITTER_EMPTY : this.registers[offset]!);
  }

  write(offset: number, bytes: PortBytes, value: number): void {
    if (bytes !== 1) throw new Error(`core wrote ${bytes} bytes to COM1, whose registers have one`);
    const isLatch = offset < 2 && (this.registers[LINE_CONTROL]! & DIVISOR_LATCH) !== 0;
    (isLatch ? this.divisor : this.registers)[offset] = value;
  }
}
