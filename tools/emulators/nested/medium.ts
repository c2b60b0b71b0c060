// Makes the ISO that Bochs boots: GRUB, Linux, and the runs that Linux's init is to make.
import { copyFile, link, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { ToolError } from "../../errors.ts";
import { requireProgram } from "../../programs.ts";
import { packTree } from "../../linux/archive.ts";
import type { Linux } from "../../linux/made-linux.ts";
import type { InnerRun } from "./inner.ts";

/** What GRUB needs to read this ISO and boot from it. */
const grubModules = "normal linux iso9660 part_gpt part_msdos search search_fs_file fat boot configfile";

/**
 * Bochs's XSAVE is not what this Linux expects; without mitigations and self-tests it boots sooner. A panic of Linux
 * resets by triple fault, which ends Bochs.
 */
const linuxOptions = "console=ttyS0 quiet panic=-1 reboot=t noxsave mitigations=off nokaslr cryptomgr.notests";

const grubConfiguration = `set timeout=0
linux /boot/vmlinuz ${linuxOptions}
initrd /boot/initramfs /boot/runs
boot
`;

/** Writes `isoPath`, working in `directory`. */
export async function writeMedium(
  isoPath: string,
  linux: Linux,
  runs: readonly InnerRun[],
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  requireProgram("grub-mkrescue", "grub-common", "emulator");
  requireProgram("xorriso", "xorriso", "emulator");
  const [tree, runsTree] = [join(directory, "iso"), join(directory, "tree")];
  await mkdir(join(tree, "boot/grub"), { recursive: true });
  await writeFile(join(tree, "boot/grub/grub.cfg"), grubConfiguration);
  await copyFile(linux.kernel, join(tree, "boot/vmlinuz"));
  await copyFile(linux.initramfs, join(tree, "boot/initramfs"));
  await writeRuns(runsTree, runs);
  await writeFile(join(tree, "boot/runs"), await packTree(runsTree, signal));
  // Bochs boots by BIOS, so the other platforms' GRUB is left out.
  const options = ["-d", "/usr/lib/grub/i386-pc", `--install-modules=${grubModules}`];
  const words = [`--output=${isoPath}`, ...options, "--locales=", "--fonts=", "--themes=", tree];
  const made = await execa("grub-mkrescue", words, { reject: false, all: true, cancelSignal: signal });
  if (made.failed) throw new ToolError("emulator", `grub-mkrescue could not make ${isoPath}:\n${made.all}`);
  await rm(tree, { recursive: true });
  await rm(runsTree, { recursive: true });
}

/** Each run's folder as init.sh reads it. A file that several runs boot is stored once. */
async function writeRuns(tree: string, runs: readonly InnerRun[]): Promise<void> {
  const placed = new Map<string, string>();
  for (const { launch, seconds, folder, boots } of runs) {
    await mkdir(join(tree, folder), { recursive: true });
    await writeFile(join(tree, folder, "arguments"), launch.args.map((word) => `${word}\n`).join(""));
    await writeFile(join(tree, folder, "seconds"), `${seconds}\n`);
    for (const [from, there] of boots) {
      const to = join(tree, there);
      const same = placed.get(from);
      await (same === undefined ? copyFile(from, to) : link(same, to));
      placed.set(from, to);
    }
  }
}
