// Makes an ISO from which a BIOS boots a multiboot1 kernel that is no Basalt: a test guest on a bare machine.
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { requireProgram } from "../programs.ts";
import { requireGrub, writeBiosGrub } from "./grub.ts";
import { runStep } from "./step.ts";

const grubConfiguration = `multiboot /boot/kernel.elf
boot
`;

/** Writes `isoPath`, which boots the kernel `elfPath` by BIOS. */
export async function writeKernelIso(elfPath: string, isoPath: string): Promise<void> {
  requireProgram("grub-mkimage", "grub-common", "emulator");
  requireProgram("xorriso", "xorriso", "emulator");
  requireGrub();
  const tree = `${isoPath}.making`;
  try {
    await mkdir(join(tree, "boot/grub"), { recursive: true });
    await copyFile(elfPath, join(tree, "boot/kernel.elf"));
    await writeFile(join(tree, "boot/grub/grub.cfg"), grubConfiguration);
    const biosImage = await writeBiosGrub(tree, ["normal", "multiboot"]);
    const boot = ["-eltorito-boot", biosImage, "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"];
    await runStep("xorriso", ["-as", "mkisofs", "-quiet", "-output", isoPath, "-rational-rock", ...boot, tree]);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}
