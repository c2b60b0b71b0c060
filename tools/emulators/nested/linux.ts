// The Linux that Bochs boots: Debian's kernel, and a first file system with busybox, KVM, and this machine's QEMU.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { execa } from "execa";
import { ToolError } from "../../errors.ts";
import { buildDirectory } from "../../paths.ts";
import { packTree } from "./archive.ts";
import { placeModules } from "./modules.ts";
import { unpackPackages } from "./packages.ts";

export interface Linux {
  readonly kernel: string;
  /** A compressed cpio archive. */
  readonly initramfs: string;
}

const directoryOfAll = join(buildDirectory, "nested");
const workplacePrefix = "making-";
const hourInMilliseconds = 60 * 60 * 1000;
const init = new URL("init.sh", import.meta.url).pathname;
const recipe = [import.meta.url, new URL("modules.ts", import.meta.url)].map((url) => new URL(url).pathname);
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
 * The Linux in build/nested/, which is made when it is not there, or when this machine's QEMU, init.sh or the recipe
 * have changed since. The packages that are downloaded for it are those of that day. Throws a ToolError where it cannot be made.
 */
export async function makeLinux(onStage: (stage: string) => void, signal: AbortSignal): Promise<Linux> {
  const files = [qemu, ...(await librariesOf(qemu)), ...firmware];
  const key = await keyOf(files);
  const directory = join(directoryOfAll, key);
  await mkdir(directoryOfAll, { recursive: true });
  await removeOthers(directoryOfAll, key);
  if (!existsSync(directory)) {
    onStage("making the Linux for Bochs, once: downloading and unpacking Debian packages");
    const workplace = await mkdtemp(join(directoryOfAll, workplacePrefix));
    try {
      await make(files, workplace, directory, signal);
    } finally {
      await rm(workplace, { recursive: true, force: true });
    }
  }
  return { kernel: join(directory, "vmlinuz"), initramfs: join(directory, "initramfs") };
}

/** `directory` appears with everything in it, or not at all. */
async function make(
  files: readonly string[],
  workplace: string,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const unpacked = join(workplace, "unpacked");
  const packages = await unpackPackages(unpacked, signal);
  const contents = (await readdir(unpacked, { recursive: true })).map((name) => join(unpacked, name));
  const find = (name: RegExp): string => {
    const path = contents.find((path) => name.test(path));
    if (path !== undefined) return path;
    throw new ToolError("setup", `The packages ${packages.join(" and ")} hold nothing that matches ${String(name)}.`);
  };

  const tree = join(workplace, "tree");
  for (const folder of ["bin", "dev", "proc", "sys", "tmp", "lib/modules"]) {
    await mkdir(join(tree, folder), { recursive: true });
  }
  await copyFile(init, join(tree, "init"));
  await chmod(join(tree, "init"), 0o755);
  await copyFile(find(/\/bin\/busybox$/), join(tree, "bin/busybox"));
  await placeModules(find, join(tree, "lib/modules"), signal);
  for (const file of files) {
    await mkdir(join(tree, dirname(file)), { recursive: true });
    await copyFile(file, join(tree, file));
  }

  const made = join(workplace, "made");
  await mkdir(made);
  await copyFile(find(/\/boot\/vmlinuz-[^/]+$/), join(made, "vmlinuz"));
  await writeFile(join(made, "initramfs"), gzipSync(await packTree(tree, signal)));
  await writeFile(join(made, "made-from.txt"), [...packages, ...files].map((name) => `${name}\n`).join(""));
  await rename(made, directory).catch((error: NodeJS.ErrnoException) => {
    // Another process made the same.
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
}

async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await execa("ldd", [program]);
  const paths = [...stdout.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, path]) => path!);
  if (paths.length > 0 && !stdout.includes("not found")) return paths;
  throw new ToolError("emulator", `ldd does not name the libraries of ${program}:\n${stdout}`);
}

/** Tells one state of `files` from another: a package that is installed anew changes size or date. */
async function keyOf(files: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const part of [init, ...recipe]) hash.update(await readFile(part));
  for (const file of files) {
    const status = await stat(file).catch(() => null);
    if (status === null) throw new ToolError("emulator", `There is no ${file}, which --on nested needs. Install QEMU.`);
    hash.update(`${await realpath(file)} ${status.size} ${status.mtimeMs}\n`);
  }
  return hash.digest("hex").slice(0, 16);
}

/** Removes from `directory` what was made of other files, and workplaces of an hour ago, whose process was killed. */
export async function removeOthers(directory: string, key: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const status = await stat(path).catch(() => null);
    // Another process may have removed it by now.
    if (status === null || name === key) continue;
    const isYoung = Date.now() - status.mtimeMs < hourInMilliseconds;
    if (!isYoung || !name.startsWith(workplacePrefix)) await rm(path, { recursive: true, force: true });
  }
}
