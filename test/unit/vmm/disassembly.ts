// What binutils' objdump makes of encodings: the independent judge of the decoder.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Mode } from "./encodings.ts";

/** One instruction as objdump prints it in Intel's syntax. */
export interface Disassembled {
  readonly length: number;
  readonly text: string;
}

const MACHINES: Readonly<Record<Mode, string>> = { 2: "i8086", 4: "i386", 8: "i386:x86-64" };

/**
 * Each encoding, of 15 bytes at most, stands at a multiple of this, with NOPs behind it: whatever begins in its bytes ends in the
 * 15 behind it, so that the next slot is read from its start.
 */
const SLOT = 32;
const NOP = 0x90;

/** Disassembles the instruction that each of `encodings` starts with. */
export async function disassemble(encodings: readonly Uint8Array[], mode: Mode): Promise<Disassembled[]> {
  const code = Buffer.alloc(encodings.length * SLOT, NOP);
  encodings.forEach((bytes, i) => code.set(bytes, i * SLOT));
  const folder = await mkdtemp(join(tmpdir(), "basalt-objdump-"));
  try {
    const file = join(folder, "code.bin");
    await writeFile(file, code);
    const options = ["-D", "-z", "-b", "binary", "-m", MACHINES[mode], "-M", "intel", "--insn-width=16"];
    const { stdout } = await execa("objdump", [...options, file], { maxBuffer: 1 << 30 });
    return firstOfSlots(stdout, encodings.length);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function firstOfSlots(listing: string, slots: number): Disassembled[] {
  const found: Disassembled[] = [];
  for (const line of listing.split("\n")) {
    if (found.length === slots) break;
    const match = /^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t?(.*)$/.exec(line);
    if (match === null) continue;
    if (parseInt(match[1]!, 16) !== found.length * SLOT) continue;
    found.push({ length: match[2]!.trim().split(" ").length, text: match[3]!.replace(/ *#.*$/, "").trim() });
  }
  if (found.length !== slots)
    throw new Error(`found ${found.length} instructions in objdump's listing, expected ${slots}`);
  return found;
}
