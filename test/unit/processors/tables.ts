// MADTs and MP tables as bytes, by rows (ACPI 6.5, 5.2.12; Intel MultiProcessor Specification 1.4, chapter 4).
import { checksum } from "../core/machine/acpi.ts";
import { ByteWriter } from "../core/machine/byte-writer.ts";
import type { PhysicalMemory } from "../core/machine/physical-memory.ts";

const LOCAL_APIC = 0xfee00000;

/** An entry of type 0. */
export const apic = (id: number, flags = 1): Uint8Array => new ByteWriter().u8(0, 8, id, id).u32(flags).bytes();
/** An entry of type 9. */
export const x2apic = (id: number, flags = 1): Uint8Array =>
  new ByteWriter().u8(9, 16, 0, 0).u32(id).u32(flags).u32(id).bytes();
export const ioApic = (id: number): Uint8Array => new ByteWriter().u8(1, 12, id, 0).u32(0xfec00000).u32(0).bytes();
/** An interrupt source override: ISA line `source` at `line`. */
export const override = (source: number, line: number, flags: number): Uint8Array =>
  new ByteWriter().u8(2, 10, 0, source).u32(line).u16(flags).bytes();
/** Non-maskable interrupts at LINT1 of every processor. */
export const nmi = Uint8Array.of(4, 6, 0xff, 0, 0, 1);

/** What follows the header of a MADT with these entries. */
export function madtOf(...entries: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter().u32(LOCAL_APIC).u32(1);
  for (const entry of entries) writer.append(entry);
  return writer.bytes();
}

/** As QEMU 7.2 writes it for `-smp 4` on a PC. */
export const qemuMadt = madtOf(
  ...[0, 1, 2, 3].map((id) => apic(id)),
  ioApic(0),
  override(0, 2, 0),
  ...[5, 9, 10, 11].map((line) => override(line, line, 0xd)),
  nmi,
);

/** As Bochs 2.7's BIOS writes it for `count=2`: the I/O APIC has the ID behind the processors'. */
export const bochsMadt = madtOf(apic(0), apic(1), ioApic(2), override(0, 2, 0));

export interface MpOptions {
  /** Feature byte 1. */
  readonly defaultConfiguration?: number;
  /** The floating pointer structure's length in units of 16 bytes: 1 unless it is wrong. */
  readonly pointerLength?: number;
  /** What is added to a right checksum. */
  readonly pointerError?: number;
  readonly tableError?: number;
  readonly signature?: string;
  /** The configuration table's length and number of entries, unless they are right. */
  readonly length?: number;
  readonly entryCount?: number;
  readonly tableAddress?: number;
}

/** Local APIC ID and CPU flags of a processor entry. */
export const mpProcessor = (id: number, flags = 1): Uint8Array =>
  new ByteWriter().u8(0, id, 0x14, flags).u32(0x600).u32(0x201).padTo(20).bytes();
/** A bus, an I/O APIC, or an assignment of an interrupt. */
export const mpOther = (type: number): Uint8Array => new ByteWriter().u8(type, 0, 0, 0).u32(0).bytes();

/** As Bochs 2.7's BIOS writes them for `count=2`: processors, the ISA bus, the I/O APIC and its lines but line 2's. */
export const bochsMpEntries = [
  mpProcessor(0, 3),
  mpProcessor(1),
  ...[1, 2, ...Array<number>(15).fill(3)].map((type) => mpOther(type)),
];

const TABLE = 0xf6000;

/** Writes the floating pointer structure at `pointer`, and the configuration table that it leads to. */
export function writeMpTable(
  memory: PhysicalMemory,
  pointer: number,
  entries: readonly Uint8Array[],
  options: MpOptions = {},
): void {
  const { tableAddress = TABLE, signature = "PCMP", defaultConfiguration = 0 } = options;
  const floating = new ByteWriter()
    .text("_MP_")
    .u32(defaultConfiguration ? 0 : tableAddress)
    .u8(options.pointerLength ?? 1, 4, 0);
  floating.u8(defaultConfiguration).padTo(16);
  floating.set(10, checksum(floating.bytes()) + (options.pointerError ?? 0));
  memory.write(BigInt(pointer), floating.bytes());
  if (defaultConfiguration) return;
  const table = new ByteWriter().text(signature).u16(0).u8(4, 0).text("TESTS   ").text("SIMULATED   ").padTo(34);
  table
    .u16(options.entryCount ?? entries.length)
    .u32(LOCAL_APIC)
    .padTo(44);
  for (const entry of entries) table.append(entry);
  const length = options.length ?? table.length;
  table.set(4, length, length >> 8);
  table.set(7, checksum(table.bytes()) + (options.tableError ?? 0));
  memory.write(BigInt(tableAddress), table.bytes());
}
