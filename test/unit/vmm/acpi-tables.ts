// The ACPI tables as a guest finds them, and what ACPICA's programs say of them.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { loadHarness } from "./harness.ts";

interface Harness {
  create(ramBytes: bigint): number;
  bytes(tables: number): bigint;
  write(tables: number, address: bigint): number;
}

export const RAM_BYTES = 1 << 20;
/** The harness has its own data behind RAM. */
const FLAGS = ["--initialMemory", "32", "--maximumMemory", "32", "--memoryBase", String(RAM_BYTES)];

const exports = await loadHarness<Harness>("acpi-harness.ts", FLAGS);

export class AcpiGuest {
  readonly ram = Buffer.from(exports.memory.buffer, 0, RAM_BYTES);
  private readonly tables: number;

  constructor(ramBytes = RAM_BYTES) {
    this.tables = exports.create(BigInt(ramBytes));
    this.ram.fill(0xa5);
  }

  get bytes(): number {
    return Number(exports.bytes(this.tables));
  }

  write(address: bigint): number {
    return exports.write(this.tables, address);
  }

  /** The table at `address`, as long as its header says. */
  table(address: number): Buffer {
    return Buffer.from(this.ram.subarray(address, address + this.ram.readUInt32LE(address + 4)));
  }

  /** All tables by their signatures, found as an operating system does from the RSDP on. */
  find(rsdp: number): Map<string, Buffer> {
    const found = new Map<string, Buffer>([
      ["RSDP", Buffer.from(this.ram.subarray(rsdp, rsdp + this.ram.readUInt32LE(rsdp + 20)))],
    ]);
    const xsdt = this.table(Number(this.ram.readBigUInt64LE(rsdp + 24)));
    found.set("XSDT", xsdt);
    for (let at = 36; at < xsdt.length; at += 8) {
      const table = this.table(Number(xsdt.readBigUInt64LE(at)));
      found.set(table.toString("latin1", 0, 4), table);
    }
    const fadt = found.get("FACP")!;
    found.set("FACS", this.table(fadt.readUInt32LE(36)));
    found.set("DSDT", this.table(fadt.readUInt32LE(40)));
    return found;
  }
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "basalt-acpi-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export interface Disassembly {
  /** What iasl prints while it disassembles. */
  readonly messages: string;
  readonly source: string;
  /** The table that iasl compiles of that source, and what it prints then. */
  readonly compiled: Buffer;
  readonly compilerMessages: string;
}

/** Has iasl take a table to pieces and put it together again. */
export function disassemble(name: string, table: Buffer): Promise<Disassembly> {
  return inFolder(async (folder) => {
    const file = join(folder, `${name}.dat`);
    await writeFile(file, table);
    const disassembled = await execa("iasl", ["-d", file]);
    const source = join(folder, `${name}.dsl`);
    // Without -oa the compiler changes the forms of the constants, which the disassembler shows as they are.
    const compiled = await execa("iasl", ["-oa", "-p", join(folder, "again"), source]);
    return {
      messages: `${disassembled.stdout}\n${disassembled.stderr}`,
      source: await readFile(source, "latin1"),
      compiled: await readFile(join(folder, "again.aml")),
      compilerMessages: `${compiled.stdout}\n${compiled.stderr}`,
    };
  });
}

/** What iasl compiles of the source of a data table. */
export function compile(source: string): Promise<Buffer> {
  return inFolder(async (folder) => {
    await writeFile(join(folder, "table.asl"), source);
    await execa("iasl", ["-p", join(folder, "table"), join(folder, "table.asl")]);
    return await readFile(join(folder, "table.aml"));
  });
}

/** What ACPICA's interpreter prints for `command` with `dsdt` loaded. */
export function interpret(dsdt: Buffer, command: string): Promise<string> {
  return inFolder(async (folder) => {
    await writeFile(join(folder, "dsdt.aml"), dsdt);
    // Its other output, about the file, would come amid the lines of this.
    const { stdout } = await execa("acpiexec", ["-b", command, "dsdt.aml"], { cwd: folder });
    return stdout;
  });
}
