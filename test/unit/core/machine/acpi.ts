// ACPI tables in memory: RSDP, RSDT or XSDT, FADT, and a DSDT with the object \_S5 (ACPI 6.5, 5.2 and 7.4.2.6).
import { ByteWriter } from "./byte-writer.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

export interface AcpiOptions {
  /** With the XSDT of ACPI 2.0 and later instead of the RSDT. */
  readonly hasXsdt?: boolean;
  readonly pm1a?: number;
  readonly pm1b?: number;
  /** The DSDT's AML; without it that of Bochs: SLP_TYP 0 for both. */
  readonly aml?: Uint8Array;
  /** Signatures to write instead of the right ones. */
  readonly signatures?: Readonly<Record<string, string>>;
}

const base = 0x1fff1000n;

/** Name (_S5_, Package (N) { a, b, … }) with the bytes of the elements as they are given. */
export function s5(...elements: number[]): Uint8Array {
  return new ByteWriter()
    .text("\x08_S5_")
    .u8(0x12, elements.length + 2, 4, ...elements)
    .bytes();
}

function table(signature: string, content: Uint8Array): Uint8Array {
  const bytes = new ByteWriter().text(signature).u32(0).u8(1, 0).text("TESTS ").text("SIMULATE").u32(1).u32(0).u32(1);
  bytes.append(content);
  return bytes.set32(4, bytes.length).bytes();
}

/** Writes the tables from 0x1fff1000 on; returns the root pointer's structure and where it lies. */
export function writeAcpi(memory: PhysicalMemory, options: AcpiOptions = {}): { address: bigint; bytes: Uint8Array } {
  const sign = (name: string): string => options.signatures?.[name] ?? name;
  const hasXsdt = options.hasXsdt ?? false;
  const [root, fadt, dsdt] = [base + 0x100n, base + 0x200n, base + 0x400n];
  memory.write(dsdt, table(sign("DSDT"), options.aml ?? s5(0, 0, 0, 0)));
  const fadtContent = new ByteWriter()
    .u32(0)
    .u32(hasXsdt ? 0 : Number(dsdt))
    .padTo(28);
  fadtContent
    .u32(options.pm1a ?? 0xb004)
    .u32(options.pm1b ?? 0)
    .padTo(104);
  if (hasXsdt) fadtContent.u64(dsdt).padTo(208);
  memory.write(fadt, table(sign("FACP"), fadtContent.bytes()));
  const entries = new ByteWriter();
  if (hasXsdt) entries.u64(base).u64(fadt);
  else entries.u32(Number(base)).u32(Number(fadt));
  memory.write(root, table(sign(hasXsdt ? "XSDT" : "RSDT"), entries.bytes()));
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
