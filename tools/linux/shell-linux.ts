// The Linux that the tests boot in a VM: Debian's kernel, and a first file system with busybox and virtio drivers.
import { join } from "node:path";
import { buildDirectory } from "../paths.ts";
import { makeLinux, type Linux } from "./made-linux.ts";

const init = new URL("init.sh", import.meta.url).pathname;
/** A shell's missing words. */
const programs = [new URL("ticks.asm", import.meta.url).pathname];

/** By busybox's insmod, which looks for no file itself; init.sh has their order. */
const modules = [
  ...["virtio_ring.ko", "virtio.ko", "virtio_pci_modern_dev.ko", "virtio_pci_legacy_dev.ko", "virtio_pci.ko"],
  ...["virtio_blk.ko", "virtio-rng.ko", "virtio_console.ko"],
];

/**
 * The Linux in build/linux/shell/, made when it is not there, or when Debian's packages or init.sh have changed since. Its init
 * ends in a shell at the console, see init.sh. Throws a ToolError where it cannot be made.
 */
export function makeShellLinux(
  onStage: (stage: string) => void = () => {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Linux> {
  return makeLinux(
    { directory: join(buildDirectory, "linux/shell"), states: [], init, modules, programs, files: [] },
    onStage,
    signal,
  );
}
