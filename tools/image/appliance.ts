// An appliance: a bootable image with Basalt, a VM table and all that the VMs are given.
import { mkdtemp, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ToolError } from "../errors.ts";
import type { Vm } from "../vms/vm.ts";
import { modulesFor, writeTable } from "../vms/vm-table.ts";
import { copyIsoWithModules } from "./add-modules.ts";

/** Throws a sentence unless an image may be written to `path`: what is there is overwritten only if `force` is set. */
export async function checkOutput(path: string, force: boolean): Promise<void> {
  const folder = await stat(dirname(path)).catch(() => null);
  if (!folder?.isDirectory())
    throw new ToolError("usage", `There is no folder ${dirname(path)} to write ${basename(path)} to.`);
  const there = await stat(path).catch(() => null);
  if (there === null) return;
  if (!there.isFile()) {
    throw new ToolError(
      "usage",
      `${path} is no file. Write the image to one; \`basalt flash --image\` writes it to a device.`,
    );
  }
  if (!force)
    throw new ToolError("usage", `${path} is there already. Overwrite it with --force, or take another name.`);
}

/**
 * Writes an image to `path` that boots Basalt, the one at `isoPath`, with `vms` and the boot options `options`, as the ISO itself
 * boots: from CD, disk and USB stick, by BIOS and UEFI. The image's size in bytes.
 */
export async function writeAppliance(
  vms: readonly Vm[],
  options: string,
  isoPath: string,
  path: string,
): Promise<number> {
  // Beside the image, so that the whole of it gets its name at once.
  const work = await mkdtemp(`${path}.making-`);
  try {
    const made = join(work, "image.iso");
    const table = await writeTable(vms, work);
    await copyIsoWithModules(isoPath, made, [...modulesFor(vms).files, table], options);
    const { size } = await stat(made);
    await rename(made, path);
    return size;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
