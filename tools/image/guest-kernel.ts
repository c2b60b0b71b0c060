// Kernels that are to run as guests: files with a Multiboot header, which become Basalt's boot modules.
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { ToolError } from "../errors.ts";
import { joinOptions } from "./command-line.ts";

/** What `basalt run --kernel` names. */
export interface GuestKernel {
  readonly path: string;
  /** The words of its command line, without the kernel's name in front of them. */
  readonly append?: string | undefined;
  /** RAM of its VM in MiB; Basalt's own default where it is not named. */
  readonly memory?: number | undefined;
}

/** The largest module that Basalt maps for a vmm (hv/core/guest-module.ts). */
const maximumBytes = 128 << 20;

/** Where a header may lie, and how its four or five numbers begin (Multiboot 0.6.96 3.1, Multiboot2 2.0 3.1). */
const headers = [
  { magic: 0x1badb002, searchedBytes: 8192, step: 4 },
  { magic: 0xe85250d6, searchedBytes: 32768, step: 8 },
] as const;

/** Throws a sentence unless the file is one that Basalt can be given. Whether it can be loaded is Basalt's to say. */
export async function checkGuestKernel({ path }: GuestKernel): Promise<void> {
  const status = await stat(path).catch(() => null);
  if (status === null)
    throw new ToolError("usage", `There is no file ${path}. Name the kernel that is to be the guest.`);
  if (!status.isFile()) throw new ToolError("usage", `${path} is no file. Name the kernel that is to be the guest.`);
  if (status.size > maximumBytes) {
    throw new ToolError("usage", `${path} has ${status.size} bytes; a guest's kernel has ${maximumBytes} at most.`);
  }
  const start = await readStart(path, 32768);
  if (!headers.some((header) => hasHeader(start, header))) {
    const what = start.subarray(0, 4).equals(Buffer.from("\x7fELF", "latin1"))
      ? "an ELF without"
      : "no ELF, and has no";
    throw new ToolError("usage", `${path} is ${what} Multiboot header; Basalt starts kernels for Multiboot 1 and 2.`);
  }
}

async function readStart(path: string, bytes: number): Promise<Buffer> {
  let file;
  try {
    file = await open(path);
  } catch (cause) {
    throw new ToolError("usage", `${path} cannot be read: ${(cause as Error).message}.`, { cause });
  }
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function hasHeader(start: Buffer, { magic, searchedBytes, step }: (typeof headers)[number]): boolean {
  const end = Math.min(start.length, searchedBytes) - 4;
  for (let at = 0; at <= end; at += step) if (start.readUInt32LE(at) === magic) return true;
  return false;
}

/** What the kernel is told, its own name first: so it is with QEMU, and kernels that read arguments skip that word. */
export function guestCommandLine({ path, append }: GuestKernel): string {
  return joinOptions(basename(path).replaceAll(/[^A-Za-z0-9_.+-]/g, "_"), append);
}

/** RAM of each of `kernels` in MiB, of which Basalt has one figure for all: the most that one asks for. */
export function memoryOf(kernels: readonly GuestKernel[]): number | undefined {
  const named = kernels.flatMap(({ memory }) => memory ?? []);
  return named.length === 0 ? undefined : Math.max(...named);
}

/** What Basalt's own command line says for `kernels`, which run one after the other; nothing for none. */
export function bootOptionsFor(kernels: readonly GuestKernel[]): string | undefined {
  if (kernels.length === 0) return undefined;
  const guests = kernels.map((_, n) => (n === 0 ? "module" : `module:${n + 1}`));
  const memory = memoryOf(kernels);
  return joinOptions(`guest=${guests.join(",")}`, memory === undefined ? undefined : `memory=${memory}M`);
}

/**
 * `commandLine` as words of GRUB's script language. Refuses what GRUB changes on its way to the module: it puts backslashes
 * before quotes, and cuts at the end of a line.
 */
export function toGrubWords(commandLine: string): string {
  const odd = [...commandLine].find((character) => !/^[ -~]$/.test(character) || /["'\\]/.test(character));
  if (odd !== undefined) {
    throw new ToolError(
      "usage",
      `The guest's command line holds ${JSON.stringify(odd)}; it takes printable ASCII without quotes and backslashes.`,
    );
  }
  const words = commandLine.split(" ").filter((word) => word !== "");
  return words.map((word) => (/^[A-Za-z0-9=,.:/_@%+-]+$/.test(word) ? word : `'${word}'`)).join(" ");
}
