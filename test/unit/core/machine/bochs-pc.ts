// The devices of the PC that Bochs emulates, as its BIOS leaves them: so that both machines print the same lines.
import { IoApic, madt } from "./io-apic.ts";
import type { MachineOptions } from "./machine.ts";
import { ConfigurationPorts, PciSegment } from "./pci.ts";

const IO_APIC = 0xfec00000;
const MASKED = 0x10000;
const LINES = 24;
const PAGE = 4096n;
const HARD_WIRED = 0x4;

/** An i440FX host bridge, and the PIIX3 with its ISA bridge, whose bus mastering is hard-wired, and its other functions. */
const functions = [
  { at: [0, 0, 0], id: 0x12378086, classCode: 0x0600, command: 0x2 },
  { at: [0, 1, 0], id: 0x70008086, classCode: 0x0601, command: 0x7, hardWired: HARD_WIRED, isMultifunction: true },
  { at: [0, 1, 1], id: 0x70108086, classCode: 0x0101, command: 0x5 },
  { at: [0, 1, 2], id: 0x70208086, classCode: 0x0c03, command: 0x1 },
  { at: [0, 1, 3], id: 0x71138086, classCode: 0x0680, command: 0x1 },
] as const;

export const bochsPc: MachineOptions = {
  acpi: { tables: [["APIC", madt(IO_APIC)]] },
  prepare: ({ ports, devices }) => {
    ports.attach(0xcf8, 8, new ConfigurationPorts(new PciSegment(...functions)));
    devices.attach(() => BigInt(IO_APIC), PAGE, new IoApic(Array<number>(LINES).fill(MASKED)));
  },
};
