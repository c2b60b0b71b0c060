// AssemblyScript: the writer of the ACPI tables with 1 MiB of guest RAM, as exports for the tests of this folder. Holds no logic.

import { AcpiTables } from "../../../hv/vmm/devices/acpi/tables";
import { Ram } from "../../../hv/vmm/memory/ram";

export function create(ramBytes: u64): AcpiTables {
  return new AcpiTables(new Ram(ramBytes));
}

export function bytes(tables: AcpiTables): u64 {
  return tables.bytes;
}

export function write(tables: AcpiTables, address: u64): u32 {
  return tables.write(address);
}
