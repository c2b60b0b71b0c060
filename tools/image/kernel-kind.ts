// Recognises kernels by their headers: Linux bzImage, PVH, Multiboot 1 and 2.
import { closeSync, openSync, readSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { ToolError } from "../errors.ts";

/** "elf": an ELF that is none of the others. */
export type KernelKind = "linux" | "pvh" | "multiboot" | "elf" | "unknown";

/** Where a header may lie, and how its four or five numbers begin (Multiboot 0.6.96 3.1, Multiboot2 2.0 3.1). */
const multibootHeaders = [
  { magic: 0x1badb002, searchedBytes: 8192, step: 4 },
  { magic: 0xe85250d6, searchedBytes: 32768, step: 8 },
] as const;
const searchedBytes = 32768;

/** Linux's Documentation/arch/x86/boot.rst: boot_flag and header. */
const linuxFlag = { offset: 0x1fe, value: 0xaa55 };
const linuxHeader = { offset: 0x202, text: "HdrS" };

const programNote = 4;
const leastHeaderBytes = 32;
/** Xen's public/elfnote.h: XEN_ELFNOTE_PHYS32_ENTRY. */
const pvhEntry = { name: "Xen\0", type: 18 };
const maximumNoteBytes = 1 << 20;

/** Where the fields of an ELF of 64 and of 32 bits lie (System V ABI, chapters 4 and 5). */
const layouts = {
  2: { headers: 32, headerBytes: 54, headerCount: 56, fileOffset: 8, fileBytes: 32, isWide: true },
  1: { headers: 28, headerBytes: 42, headerCount: 44, fileOffset: 4, fileBytes: 16, isWide: false },
} as const;
type Layout = (typeof layouts)[keyof typeof layouts];

/** What the file says that it is, the first of them where it says several. Throws a sentence where it cannot be read. */
export async function readKernelKind(path: string): Promise<KernelKind> {
  let file;
  try {
    file = await open(path);
  } catch (cause) {
    throw new ToolError("usage", `${path} cannot be read: ${(cause as Error).message}.`, { cause });
  }
  try {
    const start = await read(file, 0, searchedBytes);
    if (hasLinuxHeader(start)) return "linux";
    if (multibootHeaders.some((header) => hasMultibootHeader(start, header))) return "multiboot";
    if (!start.subarray(0, 4).equals(Buffer.from("\x7fELF", "latin1"))) return "unknown";
    return (await hasPvhEntry(file, start)) ? "pvh" : "elf";
  } finally {
    await file.close();
  }
}

/** Whether the file is a Linux kernel; one that cannot be read is none. */
export function isLinux(path: string): boolean {
  try {
    const file = openSync(path, "r");
    try {
      const start = Buffer.alloc(linuxHeader.offset + linuxHeader.text.length);
      return readSync(file, start) === start.length && hasLinuxHeader(start);
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

async function read(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, position);
  return buffer.subarray(0, bytesRead);
}

function hasLinuxHeader(start: Buffer): boolean {
  const { offset, text } = linuxHeader;
  if (start.length < offset + text.length) return false;
  return (
    start.readUInt16LE(linuxFlag.offset) === linuxFlag.value && start.toString("latin1", offset, offset + 4) === text
  );
}

function hasMultibootHeader(start: Buffer, header: (typeof multibootHeaders)[number]): boolean {
  const end = Math.min(start.length, header.searchedBytes) - 4;
  for (let at = 0; at <= end; at += header.step) if (start.readUInt32LE(at) === header.magic) return true;
  return false;
}

async function hasPvhEntry(file: FileHandle, start: Buffer): Promise<boolean> {
  const layout = layouts[start[4] as keyof typeof layouts] as Layout | undefined;
  if (layout === undefined || start.length < 64) return false;
  const step = start.readUInt16LE(layout.headerBytes);
  const count = start.readUInt16LE(layout.headerCount);
  const headers = await readPart(file, word(start, layout.headers, layout), step * count);
  const whole = step < leastHeaderBytes ? 0 : Math.min(count, Math.floor(headers.length / step));
  for (let n = 0; n < whole; n++) {
    const header = headers.subarray(n * step, (n + 1) * step);
    if (header.readUInt32LE(0) !== programNote || step < layout.fileBytes + 8) continue;
    const [place, bytes] = [layout.fileOffset, layout.fileBytes].map((offset) => word(header, offset, layout));
    if (namesPvhEntry(await readPart(file, place!, bytes!))) return true;
  }
  return false;
}

/** Nothing where the place is none that a file has, as the file's own numbers are not taken for it. */
async function readPart(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const isPlausible = Number.isSafeInteger(position) && bytes <= maximumNoteBytes;
  return isPlausible ? read(file, position, bytes) : Buffer.alloc(0);
}

/** A field as wide as the ELF's addresses. */
function word(bytes: Buffer, offset: number, { isWide }: Layout): number {
  return isWide ? Number(bytes.readBigUInt64LE(offset)) : bytes.readUInt32LE(offset);
}

/** A note's name and what it says are each filled up to 4 bytes. */
function namesPvhEntry(notes: Buffer): boolean {
  for (let at = 0; at + 12 <= notes.length;) {
    const nameBytes = notes.readUInt32LE(at);
    const bytes = notes.readUInt32LE(at + 4);
    const name = notes.toString("latin1", at + 12, at + 12 + nameBytes);
    if (name === pvhEntry.name && notes.readUInt32LE(at + 8) === pvhEntry.type) return true;
    at += 12 + filled(nameBytes) + filled(bytes);
  }
  return false;
}

function filled(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
