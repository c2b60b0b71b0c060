// Reads the record of a guest that a watch has stopped, version 2: docs/watch.md describes its lines.
import { ToolError } from "../errors.ts";
import { fletcher } from "./fletcher.ts";

export const recordVersion = 2;
const pageBytes = 4096;

/** The names of a record's numbers, in order. */
const numberNames = [
  ...["version", "vm", "vcpu", "access", "gpa", "linear"],
  ...["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"],
  ...["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"],
  ...["rip", "rflags", "efer", "cr0", "cr2", "cr3", "cr4"],
  ...["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"].flatMap((name) => [
    name,
    ...["base", "limit", "rights"].map((part) => `${name}-${part}`),
  ]),
  ...["gdtr-base", "gdtr-limit", "idtr-base", "idtr-limit"],
];
const decimalNames = ["version", "vm", "vcpu"];

export interface StopRecord {
  readonly version: number;
  readonly vm: number;
  readonly vcpu: number;
  /** Bits: 1 read, 2 write, 4 fetch, 8 of a paging structure, 0x10 the linear address is valid. */
  readonly access: number;
  /** The guest-physical address of the access. */
  readonly gpa: bigint;
  readonly linear: bigint;
  /** rax to r15, rip, rflags, control, segment and table registers, by the record's names. */
  readonly registers: Readonly<Record<string, bigint>>;
  /** The 4 KiB of guest-physical memory that `gpa` lies in. */
  readonly page: Buffer;
}

/**
 * Reads the lines of one record, each without what stands before "version", "rax", … "end". Throws a ToolError that names
 * the first thing wrong with them.
 */
export function parseRecord(lines: readonly string[]): StopRecord {
  const version = /^version (\d+) /.exec(lines[0] ?? "")?.[1];
  if (version === undefined) throw damaged(`it starts with "${lines[0] ?? ""}"`);
  if (Number(version) !== recordVersion) {
    throw new ToolError("usage", `The record has version ${version}; this basalt reads version ${recordVersion}.`);
  }
  const numbers: bigint[] = [];
  const rows: Buffer[] = [];
  for (const line of lines.slice(0, -1)) {
    if (line.startsWith("page ")) rows.push(pageRow(line));
    else numbers.push(...numbersOf(line, numbers.length));
  }
  if (numbers.length !== numberNames.length) throw damaged(`it lacks ${numberNames[numbers.length]}`);
  const byName = Object.fromEntries(numberNames.map((name, i) => [name, numbers[i]!]));
  const page = Buffer.concat(rows);
  if (page.length !== pageBytes) throw damaged(`its page has ${page.length} bytes`);
  checkPlaces(lines, byName["gpa"]!);
  checkSum(lines.at(-1)!, numbers, page);
  const { vm, vcpu, access, gpa, linear, ...rest } = byName;
  const { version: _version, ...registers } = rest;
  return {
    version: recordVersion,
    vm: Number(vm),
    vcpu: Number(vcpu),
    access: Number(access),
    gpa: gpa!,
    linear: linear!,
    registers,
    page,
  };
}

/** The numbers of a line of names and values; the first is number `first` of the record. */
function numbersOf(line: string, first: number): bigint[] {
  const words = line.split(" ");
  const numbers: bigint[] = [];
  for (let i = 0; i < words.length; i += 2) {
    const [name = "", value = ""] = words.slice(i, i + 2);
    const pattern = decimalNames.includes(name) ? /^\d{1,10}$/ : /^0x[0-9a-f]{1,16}$/;
    if (name !== numberNames[first + i / 2] || !pattern.test(value)) throw damaged(`a line says "${line}"`);
    numbers.push(BigInt(value));
  }
  return numbers;
}

function pageRow(line: string): Buffer {
  const bytes = /^page 0x[0-9a-f]{16} ([0-9a-f]{128})$/.exec(line)?.[1];
  if (bytes === undefined) throw damaged(`a line says "${line}"`);
  return Buffer.from(bytes, "hex");
}

/** The rows of the page follow each other from its start. */
function checkPlaces(lines: readonly string[], gpa: bigint): void {
  let place = gpa - (gpa % BigInt(pageBytes));
  for (const line of lines.filter((text) => text.startsWith("page "))) {
    if (BigInt(line.split(" ")[1]!) !== place) throw damaged(`a line says "${line}"`);
    place += 64n;
  }
}

function checkSum(end: string, numbers: readonly bigint[], page: Buffer): void {
  const bytes = Buffer.alloc(8 * numbers.length);
  numbers.forEach((number, i) => bytes.writeBigUInt64LE(number, 8 * i));
  const sum = `end 0x${fletcher(Buffer.concat([bytes, page]))
    .toString(16)
    .padStart(8, "0")}`;
  if (end !== sum) throw damaged(`it ends with "${end}", but its sum is "${sum}"`);
}

function damaged(what: string): ToolError {
  return new ToolError("panic", `The record of a stopped guest is damaged: ${what}.`);
}

/** Gathers the records that come over the serial line, one for each VM at a time. */
export class RecordReader {
  readonly #lines = new Map<number, string[]>();

  /** Takes the text of a record's line of a VM. */
  receive(vm: number, text: string): void {
    if (text.startsWith("version ")) this.#lines.set(vm, []);
    this.#lines.get(vm)?.push(text);
  }

  /** The record that a VM sent last; throws a ToolError where it is not whole. */
  take(vm: number): StopRecord {
    const lines = this.#lines.get(vm) ?? [];
    this.#lines.delete(vm);
    return parseRecord(lines);
  }
}
