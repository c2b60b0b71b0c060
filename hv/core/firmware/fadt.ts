// The registers that the FADT names (ACPI 6.5, 5.2.9), each as an I/O port.

import { Bytes } from "../memory/bytes";
import { AcpiTables, TableLocation } from "./acpi-tables";

// Offsets in the FADT. An X_ field is a generic address structure; it counts where the table has it and it is not 0.
const DSDT: u32 = 40;
const SMI_CMD: u32 = 48;
const ACPI_ENABLE: u32 = 52;
const PM1A_EVENT: u32 = 56;
const PM1B_EVENT: u32 = 60;
const PM1A_CONTROL: u32 = 64;
const PM1B_CONTROL: u32 = 68;
const FLAGS: u32 = 112;
const RESET_REGISTER: u32 = 116;
const RESET_VALUE: u32 = 128;
const X_DSDT: u32 = 140;
const X_PM1A_EVENT: u32 = 148;
const X_PM1B_EVENT: u32 = 160;
const X_PM1A_CONTROL: u32 = 172;
const X_PM1B_CONTROL: u32 = 184;
const SLEEP_CONTROL: u32 = 244;
const SLEEP_STATUS: u32 = 256;

const FLAG_RESET_REGISTER_SUPPORTED: u32 = 1 << 10;
const FLAG_HARDWARE_REDUCED: u32 = 1 << 20;

// ACPI 6.5, 5.2.3.2: address space, width and offset in bits, access size, address.
const GENERIC_ADDRESS_BYTES: u32 = 12;
const ADDRESS_SPACE_IO: u32 = 1;

export class Fadt {
  readonly smiCommandPort: u32;
  readonly acpiEnable: u32;
  readonly resetValue: u32;

  constructor(private readonly table: Bytes) {
    this.smiCommandPort = table.u32(SMI_CMD) & 0xffff;
    this.acpiEnable = table.u8(ACPI_ENABLE);
    this.resetValue = table.u8(RESET_VALUE);
  }

  get isHardwareReduced(): bool {
    return (this.table.u32(FLAGS) & FLAG_HARDWARE_REDUCED) != 0;
  }

  dsdt(tables: AcpiTables): TableLocation | null {
    const extended = this.table.u64(X_DSDT);
    return tables.at(extended != 0 ? extended : <u64>this.table.u32(DSDT), "DSDT");
  }

  // Ports: 0 where there is none, or where the register is not at a port.
  get pm1aControl(): u32 {
    return this.block(PM1A_CONTROL, X_PM1A_CONTROL);
  }
  get pm1bControl(): u32 {
    return this.block(PM1B_CONTROL, X_PM1B_CONTROL);
  }
  get pm1aEvent(): u32 {
    return this.block(PM1A_EVENT, X_PM1A_EVENT);
  }
  get pm1bEvent(): u32 {
    return this.block(PM1B_EVENT, X_PM1B_EVENT);
  }
  get sleepControl(): u32 {
    return this.port(SLEEP_CONTROL);
  }
  get sleepStatus(): u32 {
    return this.port(SLEEP_STATUS);
  }
  get reset(): u32 {
    return this.table.u32(FLAGS) & FLAG_RESET_REGISTER_SUPPORTED ? this.port(RESET_REGISTER) : 0;
  }

  private block(field: u32, extended: u32): u32 {
    const isExtended = extended + GENERIC_ADDRESS_BYTES <= this.table.length && this.table.u64(extended + 4) != 0;
    return isExtended ? this.port(extended) : this.portOf(<u64>this.table.u32(field));
  }

  private port(field: u32): u32 {
    return this.table.u8(field) == ADDRESS_SPACE_IO ? this.portOf(this.table.u64(field + 4)) : 0;
  }

  private portOf(address: u64): u32 {
    return address > 0xffff ? 0 : <u32>address;
  }
}
