// Downloads Debian packages and unpacks them, without installing them.
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { ToolError } from "../errors.ts";

/** The kernel of Debian's images for virtual machines: small, and with KVM. The package names the current one. */
const kernelMetapackage = "linux-image-cloud-amd64";
/** Linux's shell and tools in one file without libraries. */
const busybox = "busybox-static";

/** Where apt keeps what it knows. */
const aptDirectory = "/var/lib/apt";

/**
 * Unpacks the kernel and busybox into `directory`; the names of the package files. They come from where this machine's
 * apt gets its packages, which checks them. Throws a ToolError where apt cannot download them.
 */
export async function unpackPackages(directory: string, signal: AbortSignal): Promise<string[]> {
  const downloads = join(directory, "packages");
  let failure = await download(downloads, signal);
  if (failure !== null && !signal.aborted && (await updatePackageLists(signal))) {
    failure = await download(downloads, signal);
  }
  if (failure !== null) throw cannotDownload(failure);
  const files = await readdir(downloads);
  for (const file of files) {
    const unpacking = await run("dpkg-deb", ["--extract", join(downloads, file), directory], signal);
    if (unpacking.failed) throw cannotDownload(unpacking.said);
  }
  return files;
}

/** The names of the files that `unpackPackages` would download, by the package lists; null where these do not tell. */
export async function wantedPackages(signal: AbortSignal): Promise<string[] | null> {
  const { kernel } = await findKernel(signal);
  if (kernel === undefined) return null;
  const { failed, said } = await run("apt-get", ["download", "--print-uris", kernel, busybox], signal);
  const files = [...said.matchAll(/^'[^']*' (\S+\.deb) \d+/gm)].map(([, file]) => file!);
  return failed || files.length !== 2 ? null : files;
}

/** The package that is the kernel, which has its version in its name. */
async function findKernel(signal: AbortSignal): Promise<{ kernel: string | undefined; said: string }> {
  const { said } = await run("apt-cache", ["depends", kernelMetapackage], signal);
  return { kernel: /^ *Depends: (linux-image-\S+)$/m.exec(said)?.[1], said };
}

/** Downloads both packages into `directory`, which then holds nothing else; null, or what was said against it. */
async function download(directory: string, signal: AbortSignal): Promise<string | null> {
  const { kernel, said: saidOfKernel } = await findKernel(signal);
  if (kernel === undefined) return saidOfKernel;
  // The one that an earlier attempt got may be of another version.
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const { failed, said } = await run("apt-get", ["download", kernel, busybox], signal, directory);
  return failed ? said : null;
}

/**
 * The lists may be missing, or name packages that were replaced since: gets new ones if that asks no question. apt-get ends
 * where another one gets them just now, so processes of Basalt's take turns.
 */
async function updatePackageLists(signal: AbortSignal): Promise<boolean> {
  const isRoot = process.getuid?.() === 0;
  const words = [...(isRoot ? [] : ["sudo", "-n"]), "apt-get", "update"];
  return !(await run("flock", [aptDirectory, ...words], signal)).failed;
}

/** Runs a program whose words are read here, so in English. */
async function run(
  program: string,
  args: string[],
  signal: AbortSignal,
  cwd?: string,
): Promise<{ failed: boolean; said: string }> {
  const result = await execa(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    reject: false,
    cancelSignal: signal,
    all: true,
    stdin: "ignore",
    env: { LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
  });
  return { failed: result.failed, said: result.all === "" ? (result.shortMessage ?? "") : result.all };
}

function cannotDownload(said: string): ToolError {
  return new ToolError(
    "setup",
    `This needs the Debian packages ${kernelMetapackage} and ${busybox}, which could not be downloaded. ` +
      `Downloading them needs Debian's apt, package lists (\`sudo apt-get update\`) and the network, once.\n${said.trim()}`,
  );
}
