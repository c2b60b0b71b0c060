// The test's own kernels (test/boot/kernels), assembled and linked as others are.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { buildDirectory, root } from "../../../tools/paths.ts";

const sources = join(root, "test/boot/kernels");
const directory = join(buildDirectory, "kernels");

/** Makes `name`.asm an ELF whose code starts at `address`; its path. */
export async function makeKernel(name: string, bits: 32 | 64, address: number): Promise<string> {
  await mkdir(directory, { recursive: true });
  const [object, elf] = [join(directory, `${name}.o`), join(directory, `${name}.elf`)];
  await execa("nasm", [
    "-w+error",
    "-f",
    `elf${bits}`,
    "-I",
    `${sources}/`,
    "-o",
    object,
    join(sources, `${name}.asm`),
  ]);
  const emulation = bits === 32 ? "elf_i386" : "elf_x86_64";
  // Without page alignment in the file: the ELF's own headers would go below 1 MiB, where a PC has no RAM.
  const layout = ["-m", emulation, "-n", "--no-warn-rwx-segments", `-Ttext=0x${address.toString(16)}`, "-e", "start"];
  await execa("ld", [...layout, "-o", elf, object]);
  return elf;
}

/** Makes `name`.asm a file with nothing but what it says itself; its path. */
export async function makeBinary(name: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const binary = join(directory, `${name}.bin`);
  await execa("nasm", ["-w+error", "-f", "bin", "-I", `${sources}/`, "-o", binary, join(sources, `${name}.asm`)]);
  return binary;
}
