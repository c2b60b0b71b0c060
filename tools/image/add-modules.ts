// Puts files into a copy of an ISO as the boot modules that GRUB loads for Basalt.
import { rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { execa } from "execa";
import { ToolError } from "../errors.ts";
import { requireProgram } from "../programs.ts";
import { grubConfiguration } from "./grub-configuration.ts";
import { toGrubWords } from "./guest-kernel.ts";

/** A file that is to be a boot module. */
export interface ModuleFile {
  readonly path: string;
  /** Its own command line. */
  readonly commandLine: string;
}

/** Where module `n`, from 0 on, lies on the ISO. */
function placeOnIso(n: number): string {
  return `/boot/module${n + 1}`;
}

/** Copies `isoPath` to `copyPath` with `modules` as its boot modules and `commandLine` as Basalt's command line. */
export async function copyIsoWithModules(
  isoPath: string,
  copyPath: string,
  modules: readonly ModuleFile[],
  commandLine: string,
): Promise<void> {
  requireProgram("xorriso", "xorriso", "emulator");
  if (!existsSync(isoPath)) throw new ToolError("build", `There is no image at ${isoPath}. Run \`npm run build\`.`);
  const configuration = `${copyPath}.grub.cfg`;
  const lines = modules.map((module, n) => `${placeOnIso(n)} ${toGrubWords(module.commandLine)}`.trim());
  await writeFile(configuration, grubConfiguration(commandLine, lines));
  await rm(copyPath, { force: true });
  const made = await execa(
    "xorriso",
    [
      ...["-return_with", "SORRY", "32", "-indev", isoPath, "-outdev", copyPath],
      // The copy boots as the original does: from CD, disk and USB stick, by BIOS and UEFI.
      ...["-boot_image", "any", "replay"],
      ...modules.flatMap(({ path }, n) => ["-map", path, placeOnIso(n)]),
      ...["-update", configuration, "/boot/grub/grub.cfg", "-commit"],
    ],
    { reject: false, all: true },
  );
  await rm(configuration);
  if (made.failed)
    throw new ToolError(
      "emulator",
      `xorriso could not put ${modules.map(({ path }) => path).join(", ")} on an ISO:\n${made.all}`,
    );
}
