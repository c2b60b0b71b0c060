// Puts a guest's kernel into a copy of an ISO, as the boot module that GRUB loads for Basalt.
import { rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { execa } from "execa";
import { ToolError } from "../errors.ts";
import { requireProgram } from "../programs.ts";
import { grubConfiguration } from "./grub-configuration.ts";
import { guestCommandLine, toGrubWords, type GuestKernel } from "./guest-kernel.ts";

const kernelOnIso = "/boot/guest";

/** Copies `isoPath` to `copyPath` with `kernel` as its boot module and `commandLine` as Basalt's command line. */
export async function copyIsoWithKernel(
  isoPath: string,
  copyPath: string,
  kernel: GuestKernel,
  commandLine: string,
): Promise<void> {
  requireProgram("xorriso", "xorriso", "emulator");
  if (!existsSync(isoPath)) throw new ToolError("build", `There is no image at ${isoPath}. Run \`npm run build\`.`);
  const configuration = `${copyPath}.grub.cfg`;
  const module = `${kernelOnIso} ${toGrubWords(guestCommandLine(kernel))}`;
  await writeFile(configuration, grubConfiguration(commandLine, module));
  await rm(copyPath, { force: true });
  const made = await execa(
    "xorriso",
    [
      ...["-return_with", "SORRY", "32", "-indev", isoPath, "-outdev", copyPath],
      // The copy boots as the original does: from CD, disk and USB stick, by BIOS and UEFI.
      ...["-boot_image", "any", "replay"],
      ...["-map", kernel.path, kernelOnIso, "-update", configuration, "/boot/grub/grub.cfg", "-commit"],
    ],
    { reject: false, all: true },
  );
  await rm(configuration);
  if (made.failed) throw new ToolError("emulator", `xorriso could not put ${kernel.path} on an ISO:\n${made.all}`);
}
