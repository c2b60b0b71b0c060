// ACPI tables in memory: RSDP, RSDT or XSDT, FADT, and a DSDT with the object \_S5 (ACPI 6.5, 5.2 and 7.4.2.6).
import { ByteWriter } from "./byte-writer.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

export interface AcpiOptions {
  /** With the XSDT of ACPI 2.0 and later instead of the RSDT, and with the FADT's 64-bit fields. */
  readonly hasXsdt?: boolean;
  readonly pm1a?: number;
  readonly pm1b?: number;
  readonly pm1aEvent?: number;
  readonly pm1bEvent?: number;
  readonly smiCommand?: number;
  readonly acpiEnable?: number;
  /** The FADT's flags, and its generic address structures (12 bytes) by their offsets in the table. */
  readonly flags?: number;
  readonly registers?: Readonly<Record<number, Uint8Array>>;
  readonly resetValue?: number;
  /** The DSDT's AML; without it that of Bochs: SLP_TYP 0 for both. */
  readonly aml?: Uint8Array;
  /** Further tables behind the FADT: a signature and what follows the header. */
  readonly tables?: readonly (readonly [string, Uint8Array])[];
  /** Signatures to write instead of the right ones. */
  readonly signatures?: Readonly<Record<string, string>>;
  /** Where the tables begin. */
  readonly base?: bigint;
}

/** The FADT's generic address structures that core reads. */
export const FADT = { reset: 116, pm1aEvent: 148, pm1a: 172, pm1b: 184, sleepControl: 244, sleepStatus: 256 } as const;

/** A generic address structure (ACPI 6.5, 5.2.3.2). Address space 0 is memory, 1 is I/O. */
export function genericAddress(space: number, address: bigint, bits = 8): Uint8Array {
  return new ByteWriter().u8(space, bits, 0, 0).u64(address).bytes();
}

const defaultBase = 0x1fff1000n;

/** Name (_S5_, Package (N) { a, b, … }) with the bytes of the elements as they are given. */
export function s5(...elements: number[]): Uint8Array {
  return new ByteWriter()
    .text("\x08_S5_")
    .u8(0x12, elements.length + 2, 4, ...elements)
    .bytes();
}

/** The byte that makes the sum of all 0 where there is a 0 now. */
export function checksum(bytes: Uint8Array): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
}

/** In the header. */
const CHECKSUM = 9;

/** With a header, whose checksum is right. */
function table(signature: string, content: Uint8Array): Uint8Array {
  const bytes = new ByteWriter().text(signature).u32(0).u8(1, 0).text("TESTS ").text("SIMULATE").u32(1).u32(0).u32(1);
  bytes.append(content).set32(4, bytes.length);
  return bytes.set(CHECKSUM, checksum(bytes.bytes())).bytes();
}

/** Writes the tables; returns the root pointer's structure and where it lies. */
export function writeAcpi(memory: PhysicalMemory, options: AcpiOptions = {}): { address: bigint; bytes: Uint8Array } {
  const sign = (name: string): string => options.signatures?.[name] ?? name;
  const { hasXsdt = false, base = defaultBase } = options;
  const [root, fadt, dsdt] = [base + 0x100n, base + 0x200n, base + 0x400n];
  const dsdtBytes = table(sign("DSDT"), options.aml ?? s5(0, 0, 0, 0));
  memory.write(dsdt, dsdtBytes);
  memory.write(fadt, table(sign("FACP"), fadtContent(options, dsdt)));
  const entries = [base, fadt];
  let next = dsdt + 0x1000n + BigInt(dsdtBytes.length);
  for (const [name, content] of options.tables ?? []) {
    memory.write(next, table(name, content));
    entries.push(next);
    next += 0x1000n + BigInt(content.length);
  }
  const list = new ByteWriter();
  for (const entry of entries)
    list.append(
      new ByteWriter()
        .u64(entry)
        .bytes()
        .subarray(0, hasXsdt ? 8 : 4),
    );
  memory.write(root, table(sign(hasXsdt ? "XSDT" : "RSDT"), list.bytes()));
  const rsdp = new ByteWriter()
    .text(sign("RSD PTR "))
    .u8(0)
    .text("TESTS ")
    .u8(hasXsdt ? 2 : 0);
  rsdp.u32(hasXsdt ? 0 : Number(root));
  if (hasXsdt) rsdp.u32(36).u64(root).u32(0);
  memory.write(base, rsdp.bytes());
  return { address: base, bytes: rsdp.bytes() };
}

/** What follows the header, which has 36 bytes. */
function fadtContent(options: AcpiOptions, dsdt: bigint): Uint8Array {
  const { hasXsdt = false, pm1a = 0xb004, pm1b = 0, pm1aEvent = 0, pm1bEvent = 0 } = options;
  const writer = new ByteWriter().u32(0).u32(hasXsdt ? 0 : Number(dsdt));
  writer
    .padTo(48 - 36)
    .u32(options.smiCommand ?? 0)
    .u8(options.acpiEnable ?? 0);
  writer
    .padTo(56 - 36)
    .u32(pm1aEvent)
    .u32(pm1bEvent)
    .u32(pm1a)
    .u32(pm1b);
  writer.padTo(112 - 36).u32(options.flags ?? 0);
  writer.padTo(128 - 36).u8(options.resetValue ?? 0);
  writer.padTo(140 - 36);
  const registers = Object.entries(options.registers ?? {});
  if (hasXsdt || registers.length > 0) writer.u64(hasXsdt ? dsdt : 0n).padTo(276 - 36);
  for (const [offset, bytes] of registers) writer.set(Number(offset) - 36, ...bytes);
  return writer.bytes();
}
