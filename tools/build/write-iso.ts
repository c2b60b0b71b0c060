// The build's step that makes the ISO. Usage: write-iso.ts ELF ISO
import { writeIso } from "./iso.ts";

const [elf, iso] = process.argv.slice(2);
if (elf === undefined || iso === undefined) throw new Error("usage: write-iso.ts ELF ISO");
await writeIso(elf, iso);
