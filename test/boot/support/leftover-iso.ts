// An ISO whose GRUB leaves the machine in a state of the test's choice, as firmware might, before it starts Basalt.
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { Image } from "../../../tools/emulators/run.ts";
import { makeRunDirectory } from "../../../tools/emulators/run-directory.ts";
import { marker, toField } from "../../../tools/image/command-line.ts";
import { builtElf } from "../../../tools/paths.ts";

/** With commands to write to memory, MSRs and PCI configuration space, and to hide RAM. */
const modules = "normal multiboot2 iso9660 part_msdos search memrw wrmsr setpci mmap";
const platform = "/usr/lib/grub/i386-pc";

/** Has `use` run the ISO; `before` are GRUB's commands before it loads Basalt, `after` those behind that. */
export async function withLeftoverIso<T>(
  { before = [], after = [] }: { readonly before?: readonly string[]; readonly after?: readonly string[] },
  use: (image: Image) => Promise<T>,
): Promise<T> {
  const directory = await makeRunDirectory();
  try {
    const tree = join(directory, "tree");
    await mkdir(join(tree, "boot/grub"), { recursive: true });
    await copyFile(builtElf, join(tree, "boot/basalt.elf"));
    const commands = [
      "set timeout=0",
      'menuentry "Basalt" {',
      ...before,
      `${marker}${toField("")}`,
      // Behind that command, which sets it from the image's header.
      "set gfxpayload=text",
      ...after,
      "boot",
      "}",
    ];
    await writeFile(join(tree, "boot/grub/grub.cfg"), commands.map((line) => `${line}\n`).join(""));
    const iso = join(directory, "leftover.iso");
    const options = [`--directory=${platform}`, `--install-modules=${modules}`, "--locales=", "--fonts=", "--themes="];
    await execa("grub-mkrescue", [...options, `--output=${iso}`, tree], { all: true });
    return await use({ elf: builtElf, iso });
  } finally {
    await rm(directory, { recursive: true });
  }
}
