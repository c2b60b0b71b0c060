// The ports of ACPI's PM1 control register, and of the SMI command that switches ACPI mode on.
import type { PortDevice } from "./ports.ts";

const SCI_EN = 1;

/** PM1_CNT at two ports. Bit 0, SCI_EN, is the hardware's; the others are what was written. */
export class Pm1Control implements PortDevice {
  value: number;

  constructor(value = SCI_EN) {
    this.value = value;
  }
  read(offset: number): number {
    return this.value >> (8 * offset);
  }
  write(_offset: number, _bytes: number, value: number): void {
    this.value = (value & ~SCI_EN) | (this.value & SCI_EN);
  }
}
