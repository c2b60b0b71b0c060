// Files that a VM is given: that they are there, and are not larger than what Basalt takes.
import { stat } from "node:fs/promises";
import { ToolError } from "../errors.ts";

/** The largest kernel and the largest initrd (hv/core/module-window.ts). */
export const mostLoadedBytes = 128 << 20;
/** What kernel, initrd and disk of a VM have together: what lies in its vmm's memory for them, in pieces of 2 MiB. */
const mostDiskBytes = 766 << 20;
const sectorBytes = 512;

/** Throws a sentence unless `path` is a file of 1 to `most` bytes. `wanted` and `what` are how the sentences call it. */
export async function checkGuestFile(path: string, wanted: string, what: string, most: number): Promise<number> {
  const status = await stat(path).catch(() => null);
  if (status === null) throw new ToolError("usage", `There is no file ${path}. Name ${wanted}.`);
  if (!status.isFile()) throw new ToolError("usage", `${path} is no file. Name ${wanted}.`);
  if (status.size > most) {
    throw new ToolError("usage", `${path} has ${status.size} bytes; ${what} has ${most} at most.`);
  }
  if (status.size === 0) throw new ToolError("usage", `${path} is empty. Name ${wanted}.`);
  return status.size;
}

/** Throws a sentence unless the file can be a guest's initrd. */
export async function checkInitrd(path: string): Promise<void> {
  await checkGuestFile(path, "the initrd", "an initrd", mostLoadedBytes);
}

/** Throws a sentence unless the file can be a guest's disk. */
export async function checkDisk(path: string): Promise<void> {
  const bytes = await checkGuestFile(path, "the disk's contents, or a size as 64M for RAM", "a disk", mostDiskBytes);
  if (bytes % sectorBytes === 0) return;
  throw new ToolError("usage", `${path} has ${bytes} bytes; a disk has a multiple of ${sectorBytes}.`);
}

/** Throws a sentence unless `size`, as "64M", is one that a disk of RAM can have, which is no disk to be read only. */
export function checkRamDisk(size: string, isReadOnly: boolean): void {
  const [, digits, unit] = /^(\d{1,6})([MG])$/.exec(size) ?? [];
  const mebibytes = Number(digits) * (unit === "G" ? 1024 : 1);
  if (!(mebibytes >= 2 && mebibytes <= 766 && mebibytes % 2 === 0)) {
    throw new ToolError(
      "usage",
      `A disk of ${size} cannot be had: RAM for one is an even number of MiB from 2M to 766M.`,
    );
  }
  if (isReadOnly)
    throw new ToolError("usage", "A disk of RAM that is only read stays empty. Leave out --disk-read-only.");
}
