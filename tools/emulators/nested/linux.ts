// The Linux that Bochs boots: Debian's kernel, and a first file system with busybox, KVM, and this machine's QEMU.
import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { ToolError } from "../../errors.ts";
import { makeLinux, type Linux } from "../../linux/made-linux.ts";
import { buildDirectory } from "../../paths.ts";

const init = new URL("init.sh", import.meta.url).pathname;
const modules = ["irqbypass.ko", "kvm.ko", "kvm-intel.ko"];
const qemu = "/usr/bin/qemu-system-x86_64";

/** What QEMU loads into its machine: by `-kernel`, by `-cdrom`, and for the devices that q35 has unasked. */
const firmware = [
  "/usr/share/seabios/bios-256k.bin",
  "/usr/share/seabios/vgabios-stdvga.bin",
  "/usr/share/qemu/kvmvapic.bin",
  "/usr/share/qemu/pvh.bin",
  "/usr/lib/ipxe/qemu/efi-e1000e.rom",
];

/**
 * The Linux in build/linux/nested/, which is made when it is not there, or when Debian's packages, this machine's QEMU or
 * init.sh have changed since. Throws a ToolError where it cannot be made.
 */
export async function makeNestedLinux(onStage: (stage: string) => void, signal: AbortSignal): Promise<Linux> {
  const files = [qemu, ...(await librariesOf(qemu)), ...firmware];
  const directory = join(buildDirectory, "linux/nested");
  return makeLinux({ directory, states: await statesOf(files), init, modules, programs: [], files }, onStage, signal);
}

async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await execa("ldd", [program]);
  const paths = [...stdout.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, path]) => path!);
  if (paths.length > 0 && !stdout.includes("not found")) return paths;
  throw new ToolError("emulator", `ldd does not name the libraries of ${program}:\n${stdout}`);
}

/** Tells one state of `files` from another: a package that is installed anew changes size or date. */
async function statesOf(files: readonly string[]): Promise<string[]> {
  const states: string[] = [];
  for (const file of files) {
    const status = await stat(file).catch(() => null);
    if (status === null) throw new ToolError("emulator", `There is no ${file}, which --on nested needs. Install QEMU.`);
    states.push(`${await realpath(file)} ${status.size} ${status.mtimeMs}`);
  }
  return states;
}
