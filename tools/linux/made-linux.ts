// Linuxes that are made of Debian's packages once, and kept below build/ until what they are made of changes.
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { runStep } from "../build/step.ts";
import { packTree } from "./archive.ts";
import { debianPackages } from "./debian-packages.ts";
import { makeOnce } from "./keep.ts";
import { placeModules } from "./modules.ts";

export interface Linux {
  readonly kernel: string;
  /** A compressed cpio archive. */
  readonly initramfs: string;
}

/** What a Linux is made of, besides kernel and busybox. */
export interface Recipe {
  /** The folder below which each state has its own; it holds nothing else. */
  readonly directory: string;
  /** Lines that tell what the Linux is made of, if not from its init and modules. */
  readonly states: readonly string[];
  /** The script that is /init. */
  readonly init: string;
  /** The kernel's modules that lie in /lib/modules, as "kvm.ko". */
  readonly modules: readonly string[];
  /** Sources for NASM of programs, which lie in /bin under their own names. */
  readonly programs: readonly string[];
  /** Files that lie where they lie on this machine. */
  readonly files: readonly string[];
}

const folders = ["bin", "dev", "proc", "root", "sys", "tmp", "lib/modules"];

/**
 * The Linux of `recipe`, which is made when it is not there, or of something else. Throws a ToolError where it cannot be
 * made.
 */
export async function makeLinux(recipe: Recipe, onStage: (stage: string) => void, signal: AbortSignal): Promise<Linux> {
  const packages = await debianPackages(onStage, signal);
  const hash = createHash("sha256");
  for (const path of [new URL(import.meta.url).pathname, recipe.init, ...recipe.programs])
    hash.update(await readFile(path));
  hash.update([packages.key, ...recipe.modules, ...recipe.states].join("\n"));
  const key = hash.digest("hex").slice(0, 16);
  const directory = join(recipe.directory, key);
  await makeOnce(recipe.directory, key, async (made) => {
    const tree = join(made, "tree");
    for (const folder of folders) await mkdir(join(tree, folder), { recursive: true });
    await copyFile(recipe.init, join(tree, "init"));
    await chmod(join(tree, "init"), 0o755);
    await copyFile(packages.find(/\/bin\/busybox$/), join(tree, "bin/busybox"));
    await placeModules(recipe.modules, (name) => packages.find(name), join(tree, "lib/modules"), signal);
    for (const source of recipe.programs) {
      const name = basename(source, ".asm");
      const object = join(made, `${name}.o`);
      await runStep("nasm", ["-w+error", "-f", "elf64", "-o", object, source]);
      await runStep("ld", ["-static", "-s", "-o", join(tree, "bin", name), object]);
      await rm(object);
    }
    for (const file of recipe.files) {
      await mkdir(join(tree, dirname(file)), { recursive: true });
      await copyFile(file, join(tree, file));
    }
    await copyFile(packages.find(/\/boot\/vmlinuz-[^/]+$/), join(made, "vmlinuz"));
    await writeFile(join(made, "initramfs"), gzipSync(await packTree(tree, signal)));
    await rm(tree, { recursive: true });
    await writeFile(join(made, "made-from.txt"), [...packages.names, ...recipe.states, ""].join("\n"));
  });
  return { kernel: join(directory, "vmlinuz"), initramfs: join(directory, "initramfs") };
}
