// Makes ISOs from which a BIOS boots a kernel that is no Basalt: a test guest, or Linux, on a bare machine.
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toGrubWords } from "../image/guest-kernel.ts";
import type { Linux } from "../linux/made-linux.ts";
import { requireProgram } from "../programs.ts";
import { requireGrub, writeBiosGrub } from "./grub.ts";
import { runStep } from "./step.ts";

/** Writes `isoPath`, which boots the multiboot1 kernel `elfPath` by BIOS. */
export async function writeKernelIso(elfPath: string, isoPath: string): Promise<void> {
  await writeIso(isoPath, ["multiboot"], ["multiboot /boot/kernel.elf"], { "kernel.elf": elfPath });
}

/** Writes `isoPath`, which boots Linux by BIOS with the command line `words`. */
export async function writeLinuxIso(linux: Linux, words: string, isoPath: string): Promise<void> {
  const commands = [`linux /boot/vmlinuz ${toGrubWords(words)}`, "initrd /boot/initramfs"];
  await writeIso(isoPath, ["linux"], commands, { vmlinuz: linux.kernel, initramfs: linux.initramfs });
}

/** Writes an ISO whose GRUB, with `modules`, runs `commands` and boots; `files` by their names in /boot. */
async function writeIso(
  isoPath: string,
  modules: readonly string[],
  commands: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<void> {
  requireProgram("grub-mkimage", "grub-common", "emulator");
  requireProgram("xorriso", "xorriso", "emulator");
  requireGrub();
  const tree = `${isoPath}.making`;
  try {
    await mkdir(join(tree, "boot/grub"), { recursive: true });
    for (const [name, path] of Object.entries(files)) await copyFile(path, join(tree, "boot", name));
    await writeFile(join(tree, "boot/grub/grub.cfg"), [...commands, "boot", ""].join("\n"));
    const biosImage = await writeBiosGrub(tree, ["normal", ...modules]);
    const boot = ["-eltorito-boot", biosImage, "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"];
    await runStep("xorriso", ["-as", "mkisofs", "-quiet", "-output", isoPath, "-rational-rock", ...boot, tree]);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}
