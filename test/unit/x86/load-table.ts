// Loads one of hv/x86's files as plain data, and reads the fixtures that hold it.
import { readFileSync } from "node:fs";

export type Table = Record<string, unknown>;

/** Imports hv/x86/<name>.ts. Its types are AssemblyScript's, so the module arrives as untyped data. */
export async function loadTable(name: string): Promise<Table> {
  const url = new URL(`../../../hv/x86/${name}.ts`, import.meta.url);
  return (await import(url.href)) as Table;
}

/** Returns the exported numbers whose name satisfies `belongs`, as name and value pairs. */
export function numbersOf(table: Table, belongs: (name: string) => boolean): [string, number][] {
  const numbers: [string, number][] = [];
  for (const [name, value] of Object.entries(table)) {
    if (typeof value === "number" && belongs(name)) numbers.push([name, value]);
  }
  return numbers;
}

/** Returns an exported array of strings; fails where the table has none of that name. */
export function namesOf(table: Table, name: string): string[] {
  const names = table[name];
  if (!Array.isArray(names)) throw new Error(`found no array ${name}, expected one of names: export it from hv/x86`);
  return names as string[];
}

/** Reads test/fixtures/<name>: tab-separated columns, `#` starts a comment line. */
export function readFixture(name: string): string[][] {
  const url = new URL(`../../fixtures/${name}`, import.meta.url);
  return readFileSync(url, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split("\t"));
}
