// GRUB for an ISO: one image that the BIOS starts, with its modules as files, and one for UEFI, with its modules inside.
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { runStep } from "./step.ts";

/** Where GRUB's own files lie, and the Debian package of each. */
const bios = { platform: "i386-pc", directory: "/usr/lib/grub/i386-pc", debianPackage: "grub-pc-bin" };
const uefi = { platform: "x86_64-efi", directory: "/usr/lib/grub/x86_64-efi", debianPackage: "grub-efi-amd64-bin" };

/** What GRUB needs to read the configuration, to load Basalt, and to say on COM1 why it could not; `test` is the command [. */
const commonModules = ["normal", "multiboot2", "serial", "terminal", "test"];

/** What the BIOS's image must hold to find the other modules. Each module in it is decompressed at every boot. */
const biosCoreModules = ["biosdisk", "iso9660"];

/** What the UEFI image needs to find the ISO from the small partition that it is started from, and to leave a framebuffer. */
const uefiModules = [...commonModules, "iso9660", "part_gpt", "part_msdos", "search_fs_file", "efi_gop"];

/** GRUB's folder on the ISO. */
const prefix = "/boot/grub";

/** The first sector of the ISO where it lies on a disk; it loads the image that a BIOS starts from a CD. */
export const grubMasterBootRecord = join(bios.directory, "boot_hybrid.img");

/** Throws unless GRUB's files for both firmwares are installed. */
export function requireGrub(): void {
  for (const { directory, debianPackage } of [bios, uefi]) {
    if (existsSync(directory)) continue;
    throw new ToolError(
      "build",
      `${directory} is missing. Run \`npm run setup\`, or install the package ${debianPackage}.`,
    );
  }
}

/**
 * Writes GRUB for the BIOS, with `modules` and what they need, into `tree`, the ISO's contents. Returns the path in the ISO
 * of what the BIOS starts.
 */
export async function writeBiosGrub(tree: string, modules: readonly string[] = commonModules): Promise<string> {
  const image = join(prefix, "bios.img");
  const args = ["--format=i386-pc-eltorito", `--prefix=${prefix}`, `--output=${join(tree, image)}`];
  await runStep("grub-mkimage", [...args, ...biosCoreModules]);
  const folder = join(tree, prefix, bios.platform);
  await mkdir(folder);
  const dependencies = await readFile(join(bios.directory, "moddep.lst"), "utf8");
  const names = withDependencies(dependencies, modules);
  for (const name of names) await copyFile(join(bios.directory, `${name}.mod`), join(folder, `${name}.mod`));
  // From this GRUB loads the module of a command when it is used; each line takes its time at every boot.
  const commands = await readFile(join(bios.directory, "command.lst"), "utf8");
  const present = commands.split("\n").filter((line) => names.some((name) => line.endsWith(`: ${name}`)));
  await writeFile(join(folder, "command.lst"), `${present.join("\n")}\n`);
  return image;
}

/** Writes GRUB for UEFI to `path`. It takes the medium that has a file `mark` in GRUB's folder for the one that it is of. */
export async function writeUefiGrub(path: string, mark: string): Promise<void> {
  const configuration = `${path}.cfg`;
  await writeFile(configuration, `search.file ${prefix}/${mark} root\nset prefix=($root)${prefix}\n`);
  const args = ["--format=x86_64-efi", `--prefix=${prefix}`, `--config=${configuration}`, `--output=${path}`];
  await runStep("grub-mkimage", [...args, ...uefiModules]);
}

/** `names` and all that they need, by GRUB's moddep.lst: a line `module: module...` for each. */
export function withDependencies(moddep: string, names: readonly string[]): string[] {
  const needs = new Map(
    moddep.split("\n").map((line) => {
      const [name = "", rest = ""] = line.split(":");
      return [name, rest.split(" ").filter((word) => word !== "")] as const;
    }),
  );
  const all = new Set(names);
  // A set's iteration goes on to what is added on the way.
  for (const name of all) needs.get(name)?.forEach((needed) => all.add(needed));
  return [...all];
}
