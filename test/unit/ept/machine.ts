// Compiles the harness around core's memory objects and gives the tests its exports, its memory and its hardware.

import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));
const HARNESS = "test/unit/ept/ept-harness.ts";
const ASC = join(PROJECT, "node_modules/assemblyscript/bin/asc.js");
const MEMORY_PAGES = 256;

/** A pointer to an object in the memory of the harness. */
export type Handle = number;

/** The exports of ept-harness.ts. Addresses and capabilities are bigint, statuses and permissions are numbers. */
export interface Harness {
  memory: WebAssembly.Memory;
  start(): void;
  statusText(status: number): Handle;
  createPool(pages: number, physicalBase: bigint): Handle;
  poolAllocate(pool: Handle): number;
  poolFree(pool: Handle, page: number): void;
  poolInUse(pool: Handle): number;
  poolAvailable(pool: Handle): number;
  poolPhysicalAddress(pool: Handle, pointer: number): bigint;
  createMtrrs(physicalAddressBits: number): Handle;
  mtrrType(mtrrs: Handle, address: bigint): number;
  mtrrTypeOfBlock(mtrrs: Handle, address: bigint, bytes: bigint): number;
  mtrrUniformBytes(mtrrs: Handle, address: bigint, limit: bigint): bigint;
  createEpt(pool: Handle, capabilities: bigint, mtrrs: Handle, physicalAddressBits: number): Handle;
  eptStatus(ept: Handle): number;
  eptPointerOf(ept: Handle): bigint;
  eptMap(ept: Handle, guest: bigint, host: bigint, bytes: bigint, permissions: number): number;
  eptUnmap(ept: Handle, guest: bigint, bytes: bigint): number;
  eptProtect(ept: Handle, guest: bigint, bytes: bigint, permissions: number): number;
  eptQuery(ept: Handle, guest: bigint, into: Handle): number;
  eptFlush(ept: Handle): number;
  eptRequireInvalidation(ept: Handle): void;
  eptRelease(ept: Handle): void;
  checkPointer(eptp: bigint, capabilities: bigint, physicalAddressBits: number): number;
  createVpid(vpid: number, capabilities: bigint): Handle;
  invvpidSupport(capabilities: bigint): number;
  eptSupport(capabilities: bigint): number;
  vpidRequireInvalidation(vpid: Handle): void;
  executeInvvpid(capabilities: bigint, vpid: number): number;
  createGuestTranslations(ept: Handle, vpid: Handle): Handle;
  prepareEntry(translations: Handle): number;
  createEptTables(pool: Handle, capabilities: bigint, physicalAddressBits: number): Handle;
  createNestedPagingTables(pool: Handle, physicalAddressBits: number): Handle;
  tablesRoot(tables: Handle): number;
  tablesMap(
    tables: Handle,
    guest: bigint,
    host: bigint,
    bytes: bigint,
    permissions: number,
    memoryType: number,
  ): number;
  tablesUnmap(tables: Handle, guest: bigint, bytes: bigint): number;
  tablesProtect(tables: Handle, guest: bigint, bytes: bigint, permissions: number): number;
  tablesQuery(tables: Handle, guest: bigint, into: Handle): number;
  tablesRelease(tables: Handle): void;
  tablesInvalidationIsPending(tables: Handle): number;
  tablesClearPendingInvalidation(tables: Handle): void;
  createTranslation(): Handle;
  translatedAddress(translation: Handle): bigint;
  translatedPageBytes(translation: Handle): bigint;
  translatedPermissions(translation: Handle): number;
  translatedMemoryType(translation: Handle): number;
  translatedIsAccessed(translation: Handle): number;
  translatedIsDirty(translation: Handle): number;
}

/** The privileged instructions that the memory objects execute. */
export interface Hardware {
  rdmsr(index: number): bigint;
  invept(type: number, eptp: bigint): number;
  invvpid(type: number, vpid: number, linearAddress: bigint): number;
}

/** A piece of a source under hv/ that is replaced before compiling, to show that a test notices. */
export interface Mutation {
  file: string;
  from: string;
  to: string;
}

/** Compiles the harness, from a mutated copy of the sources if a mutation is given. */
export async function compileHarness(mutation?: Mutation): Promise<WebAssembly.Module> {
  const folder = await mkdtemp(join(tmpdir(), "basalt-ept-"));
  try {
    const sources = mutation === undefined ? PROJECT : await mutatedCopy(folder, mutation);
    const output = join(folder, "harness.wasm");
    const pages = ["--initialMemory", `${MEMORY_PAGES}`, "--maximumMemory", `${MEMORY_PAGES}`];
    const flags = ["--runtime", "stub", "-O3", "--exportStart", "start", "--debug", ...pages, "--outFile", output];
    await promisify(execFile)(process.execPath, [ASC, join(sources, HARNESS), ...flags], { cwd: sources });
    return await WebAssembly.compile(await readFile(output));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function mutatedCopy(folder: string, { file, from, to }: Mutation): Promise<string> {
  await cp(join(PROJECT, "hv"), join(folder, "hv"), { recursive: true });
  await cp(join(PROJECT, dirname(HARNESS)), join(folder, dirname(HARNESS)), { recursive: true });
  const path = join(folder, file);
  const text = await readFile(path, "utf8");
  if (text.split(from).length !== 2) throw new Error(`found not exactly once in ${file}, to be mutated: ${from}`);
  await writeFile(path, text.replace(from, to));
  return folder;
}

/** One instance of the harness with memory of its own, running on the hardware given. */
export async function instantiate(module: WebAssembly.Module, hardware: Hardware): Promise<Harness> {
  const instance = await WebAssembly.instantiate(module, {
    env: {
      abort: (message: number, _file: number, line: number) => {
        throw new Error(`abort at line ${line}: ${textAt(harness, message)}`);
      },
    },
    hardware: {
      rdmsr: (index: number) => hardware.rdmsr(index >>> 0),
      invept: (type: number, eptp: bigint) => hardware.invept(type >>> 0, BigInt.asUintN(64, eptp)),
      invvpid: (type: number, vpid: number, linearAddress: bigint) =>
        hardware.invvpid(type >>> 0, vpid >>> 0, BigInt.asUintN(64, linearAddress)),
    },
  });
  const harness = instance.exports as unknown as Harness;
  harness.start();
  return harness;
}

/** The text of an AssemblyScript string. */
function textAt(harness: Harness, pointer: Handle): string {
  const bytes = new DataView(harness.memory.buffer).getUint32((pointer >>> 0) - 4, true);
  return Buffer.from(harness.memory.buffer, pointer >>> 0, bytes).toString("utf16le");
}

/** The name of a status, such as MAPPING_OK: what tests compare with. */
export function statusName(harness: Harness, status: number): string {
  const text = textAt(harness, harness.statusText(status));
  return text.slice(0, text.indexOf(":"));
}

/** Host-physical memory as hardware reads it: core's memory, seen at its physical base. */
export class PhysicalMemory {
  readonly base: bigint;
  readonly #view: DataView;

  constructor(harness: Harness, base: bigint) {
    this.base = base;
    this.#view = new DataView(harness.memory.buffer);
  }

  read64(address: bigint): bigint {
    return this.#view.getBigUint64(Number(address - this.base), true);
  }

  write64(address: bigint, value: bigint): void {
    this.#view.setBigUint64(Number(address - this.base), value, true);
  }
}
