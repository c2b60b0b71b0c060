// Compiles the DSDT of a VM (hv/vmm/devices/acpi/dsdt.asl) by iasl. Run by itself it writes dsdt.ts beside the source.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import { format } from "prettier";
import { root } from "../paths.ts";
import { requireProgram } from "../programs.ts";

const folder = join(root, "hv/vmm/devices/acpi");

/** The compiled table, header included; what iasl says of the source, a warning or a remark too, is an error. */
export async function compileDsdt(): Promise<Buffer> {
  requireProgram("iasl", "acpica-tools", "setup");
  const output = await mkdtemp(join(tmpdir(), "basalt-dsdt-"));
  try {
    const { stdout } = await execa("iasl", ["-we", "-p", join(output, "dsdt"), join(folder, "dsdt.asl")]);
    if (!stdout.includes("0 Errors, 0 Warnings, 0 Remarks")) throw new Error(stdout);
    return await readFile(join(output, "dsdt.aml"));
  } finally {
    await rm(output, { recursive: true });
  }
}

/** dsdt.ts: the table as AssemblyScript. */
export function dsdtSource(table: Uint8Array): Promise<string> {
  const source = `// The DSDT, compiled from dsdt.asl: \`node --import tsx tools/build/dsdt.ts\` writes this file.

/** The whole table with its header. */
export const DSDT: StaticArray<u8> = [${[...table].join(", ")}];
`;
  return format(source, { parser: "typescript", printWidth: 120, trailingComma: "all" });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await writeFile(join(folder, "dsdt.ts"), await dsdtSource(await compileDsdt()));
}
