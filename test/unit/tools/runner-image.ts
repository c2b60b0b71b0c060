// Builds the runner tests' stand-in for Basalt (runner-image.asm) in a directory of its own.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { writeIso } from "../../../tools/build/iso.ts";
import type { Image } from "../../../tools/emulators/run.ts";

/** Assembles, links and packs the image. The caller removes `directory`. */
export async function buildRunnerImage(): Promise<Image & { readonly directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), "basalt-runner-image-"));
  const source = new URL("runner-image.asm", import.meta.url).pathname;
  const image = { directory, elf: join(directory, "basalt.elf"), iso: join(directory, "basalt.iso") };
  const object = join(directory, "image.o");
  await execa("nasm", ["-f", "elf32", "-o", object, source]);
  const layout = ["-m", "elf_i386", "--omagic", "-Ttext=0x100000", "--no-warn-rwx-segments", "--entry=start"];
  await execa("ld", [...layout, "-o", image.elf, object]);
  await writeIso(image.elf, image.iso);
  return image;
}
