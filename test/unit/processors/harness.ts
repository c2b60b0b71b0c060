// Compiles hv/core/processors with its harness, from the sources as they are or with a defect put in.

import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));
const HARNESS = "test/unit/processors/processors-harness.ts";
const ASC = join(PROJECT, "node_modules/assemblyscript/bin/asc.js");

/** A pointer to an object in the memory of the harness. */
export type Handle = number;

/** The exports of processors-harness.ts. */
export interface Harness {
  readonly memory: WebAssembly.Memory;
  start(): void;
  createHeldLocks(): Handle;
  createLock(lock: number, cpu: number, held: Handle): Handle;
  createMailbox(cpu: number, held: Handle): Handle;
  take(lock: Handle): void;
  release(lock: Handle): void;
  ask(mailbox: Handle, receiver: number, kind: number, argument: number): bigint;
  askAll(mailbox: Handle, receivers: bigint, kind: number, argument: number): bigint;
  serve(mailbox: Handle): number;
  rest(mailbox: Handle): void;
  nextSequence(sequence: number): number;
  stateWord(cpu: number): number;
  pendingWord(receiver: number): number;
  progressWord(cpu: number): number;
  createdWord(cpu: number): number;
  surplusWord(cpu: number): number;
  resultWord(vm: number): number;
  ownerWord(vm: number): number;
  movingBlockWord(vm: number): number;
  movingObjectWord(vm: number): number;
  vmStateWord(vm: number): number;
  requestWord(sender: number, receiver: number): number;
  answerWord(sender: number, receiver: number): number;
  lockTailWord(lock: number): number;
  lockHolderWord(lock: number): number;
  lockNodeWord(lock: number, node: number): number;
  readonly MAX_CPUS: WebAssembly.Global<"i32">;
  readonly SHARED_WORDS: WebAssembly.Global<"i32">;
  readonly CONSOLE_SHOWN: WebAssembly.Global<"i32">;
  readonly RAM_AVAILABLE: WebAssembly.Global<"i32">;
  readonly RAM_MAP: WebAssembly.Global<"i32">;
  readonly RAM_WORDS: WebAssembly.Global<"i32">;
  readonly LOCKS: WebAssembly.Global<"i32">;
  readonly MAIL_LIMIT: WebAssembly.Global<"i64">;
  readonly HOLD_LIMIT: WebAssembly.Global<"i64">;
}

/** What the code calls: hv/core/hardware.ts, the bell and the handler. Values are u64 as Wasm hands them over: signed. */
export interface Host {
  readonly sharedLoad: (word: number) => bigint;
  readonly sharedStore: (word: number, value: bigint) => void;
  readonly sharedExchange: (word: number, value: bigint) => bigint;
  readonly sharedOr: (word: number, bits: bigint) => bigint;
  readonly relax: () => void;
  readonly waitForInterrupt: () => void;
  readonly rdtsc: () => bigint;
  readonly ring: (cpu: number) => void;
  readonly onMail: (sender: number, kind: number, argument: number) => number;
  readonly print: (text: string) => void;
}

/** A piece of a source under hv/core/processors that is replaced before compiling. */
export interface Mutation {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export async function compileHarness(mutation?: Mutation): Promise<WebAssembly.Module> {
  const folder = await mkdtemp(join(tmpdir(), "basalt-processors-"));
  try {
    const sources = mutation === undefined ? PROJECT : await mutatedCopy(folder, mutation);
    const output = join(folder, "harness.wasm");
    const flags = ["--runtime", "stub", "-O3", "--exportStart", "start", "--outFile", output];
    const pages = ["--initialMemory", "1", "--maximumMemory", "1"];
    await promisify(execFile)(process.execPath, [ASC, join(sources, HARNESS), ...flags, ...pages], { cwd: sources });
    return await WebAssembly.compile(await readFile(output));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function mutatedCopy(folder: string, { file, from, to }: Mutation): Promise<string> {
  await cp(join(PROJECT, "hv"), join(folder, "hv"), { recursive: true });
  await cp(join(PROJECT, dirname(HARNESS)), join(folder, dirname(HARNESS)), { recursive: true });
  const path = join(folder, "hv/core/processors", file);
  const text = await readFile(path, "utf8");
  if (text.split(from).length !== 2) throw new Error(`found not exactly once in ${file}, to be mutated: ${from}`);
  await writeFile(path, text.replace(from, to));
  return folder;
}

/** One CPU's instance. An assertion of the code's is an error with its text. */
export function instantiate(module: WebAssembly.Module, host: Host): Harness {
  const { print, ring, onMail, ...hardware } = host;
  const instance = new WebAssembly.Instance(module, {
    env: {
      abort: (message: number): never => {
        const bytes = new DataView(harness.memory.buffer).getUint32((message >>> 0) - 4, true);
        throw new Error(Buffer.from(harness.memory.buffer, message >>> 0, bytes).toString("utf16le"));
      },
    },
    hardware: {
      ...hardware,
      consoleWrite: (text: number, length: number) => {
        print(Buffer.from(harness.memory.buffer, text, length).toString("latin1"));
      },
    },
    "processors-harness": { ring, onMail },
  });
  const harness = instance.exports as unknown as Harness;
  harness.start();
  return harness;
}
