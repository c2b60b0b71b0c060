// Debian's kernel and busybox, unpacked below build/ once for each of their versions.
import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { buildDirectory } from "../paths.ts";
import { makeOnce } from "./keep.ts";
import { unpackPackages, wantedPackages } from "./packages.ts";

export interface DebianPackages {
  /** The names of the package files, which have the versions in them. */
  readonly names: readonly string[];
  /** Tells these versions from others. */
  readonly key: string;
  /** The path of the file whose path matches. Throws a ToolError where there is none. */
  find(name: RegExp): string;
}

const directoryOfAll = join(buildDirectory, "linux/packages");
const listName = "packages.txt";
/** What is downloaded where apt's lists say nothing yet. */
const unknownKey = "unknown";

/**
 * The packages of the versions that this machine's apt would install, downloaded when they are not there. Where apt names no
 * version, those that are there. Throws a ToolError where they cannot be downloaded.
 */
export async function debianPackages(onStage: (stage: string) => void, signal: AbortSignal): Promise<DebianPackages> {
  const wanted = await wantedPackages(signal);
  const key = wanted === null ? ((await keptKey()) ?? unknownKey) : keyOf(wanted);
  await makeOnce(directoryOfAll, key, async (directory) => {
    onStage("downloading and unpacking Debian's Linux and busybox, once");
    const names = await unpackPackages(directory, signal);
    await rm(join(directory, "packages"), { recursive: true, force: true });
    await writeFile(join(directory, listName), names.sort().join("\n"));
  });
  const directory = join(directoryOfAll, key);
  const names = (await readFile(join(directory, listName), "utf8")).split("\n");
  const paths = (await readdir(directory, { recursive: true })).map((name) => join(directory, name));
  return {
    names,
    key: keyOf(names),
    find(name) {
      const path = paths.find((path) => name.test(path));
      if (path !== undefined) return path;
      throw new ToolError("setup", `The packages ${names.join(" and ")} hold nothing that matches ${String(name)}.`);
    },
  };
}

async function keptKey(): Promise<string | undefined> {
  const names = await readdir(directoryOfAll).catch(() => []);
  return names.find((name) => /^(?:[0-9a-f]{16}|unknown)$/.test(name));
}

function keyOf(names: readonly string[]): string {
  return createHash("sha256")
    .update([...names].sort().join("\n"))
    .digest("hex")
    .slice(0, 16);
}
