// Makes the directory in NASM's debug information relative. Usage: nasm-paths.ts SOURCE OBJECT
import { readFileSync, writeFileSync } from "node:fs";

// NASM names a source as its command line does, which is from the repository's root, but calls the directory of the
// source, with its absolute path, the one that this is relative to. The repository's root is right, and written as "."
// it is the same on every machine. NASM has no option for it.

/** In .debug_info (DWARF 3 section 7.5.1): where the unit's length stands, and its name, behind three fixed fields. */
const LENGTH_OFFSET = 0;
const NAME_OFFSET = 0x20;

/** In an ELF64 file's header, and in a section's (System V ABI, chapter 4). */
const ELF = { sectionHeaders: 0x28, sectionCount: 0x3c, sectionNames: 0x3e } as const;
const SECTION = { name: 0, offset: 24, size: 32, headerSize: 64 } as const;
const RELOCATION_SIZE = 24;

/** `object`, which NASM made of `source`, with `.` as the directory that its sources' names are relative to. */
export function withRelativeDirectory(object: Uint8Array, source: string): Buffer {
  const elf = Buffer.from(object);
  const info = findSection(elf, ".debug_info");
  const relocations = findSection(elf, ".rela.debug_info");
  const name = textAt(elf, info.offset + NAME_OFFSET);
  const start = info.offset + NAME_OFFSET + name.length + 1;
  const directory = textAt(elf, start);
  if (name !== source || !directory.startsWith("/")) {
    throw new Error(
      `NASM's debug information has "${name}" and "${directory}" where "${source}" and its directory were expected: ` +
        "NASM has changed; see tools/build/nasm-paths.ts",
    );
  }
  const shorter = Buffer.byteLength(directory) - 1;
  const end = info.offset + info.size;
  elf.write(".", start);
  elf.copy(elf, start + 1, start + 1 + shorter, end);
  elf.fill(0, end - shorter, end);
  elf.writeBigUInt64LE(BigInt(info.size - shorter), info.header + SECTION.size);
  elf.writeUInt32LE(elf.readUInt32LE(info.offset + LENGTH_OFFSET) - shorter, info.offset + LENGTH_OFFSET);
  for (let at = relocations.offset; at < relocations.offset + relocations.size; at += RELOCATION_SIZE) {
    const place = elf.readBigUInt64LE(at);
    if (place > start - info.offset) elf.writeBigUInt64LE(place - BigInt(shorter), at);
  }
  return elf;
}

function findSection(elf: Buffer, name: string): { header: number; offset: number; size: number } {
  const headers = Number(elf.readBigUInt64LE(ELF.sectionHeaders));
  const section = (index: number): { header: number; offset: number; size: number } => {
    const header = headers + index * SECTION.headerSize;
    const field = (at: number): number => Number(elf.readBigUInt64LE(header + at));
    return { header, offset: field(SECTION.offset), size: field(SECTION.size) };
  };
  const names = section(elf.readUInt16LE(ELF.sectionNames)).offset;
  for (let index = 0; index < elf.readUInt16LE(ELF.sectionCount); index++) {
    const found = section(index);
    if (textAt(elf, names + elf.readUInt32LE(found.header + SECTION.name)) === name) return found;
  }
  throw new Error(`NASM's object has no section ${name}: NASM has changed; see tools/build/nasm-paths.ts`);
}

function textAt(elf: Buffer, offset: number): string {
  return elf.toString("utf8", offset, elf.indexOf(0, offset));
}

const [source, object] = process.argv.slice(2);
if (source !== undefined && object !== undefined && import.meta.filename === process.argv[1]) {
  writeFileSync(object, withRelativeDirectory(readFileSync(object), source));
}
