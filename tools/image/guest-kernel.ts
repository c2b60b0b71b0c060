// Kernels that are to run as guests: files that become Basalt's boot modules.
import { basename } from "node:path";
import { ToolError } from "../errors.ts";
import { joinOptions } from "./command-line.ts";
import { checkGuestFile, mostLoadedBytes } from "./guest-files.ts";
import { isLinux, readKernelKind, type KernelKind } from "./kernel-kind.ts";

/** What `basalt run --kernel` names. */
export interface GuestKernel {
  readonly path: string;
  /** The words of its command line, without the kernel's name in front of them. */
  readonly append?: string | undefined;
  /** RAM of its VM in MiB; Basalt's own default where it is not named. */
  readonly memory?: number | undefined;
  /** It is a flat binary, whatever its bytes look like. */
  readonly flat?: boolean | undefined;
}

/** Throws a sentence unless the file is one that Basalt can be given. Whether it can be loaded is Basalt's to say. */
export async function checkGuestKernel({ path, flat }: GuestKernel): Promise<KernelKind | "flat"> {
  await checkGuestFile(path, "the kernel that is to be the guest", "a guest's kernel", mostLoadedBytes);
  if (flat) return "flat";
  const kind = await readKernelKind(path);
  if (kind === "elf" || kind === "unknown") {
    const what =
      kind === "elf"
        ? "an ELF without Multiboot header and without PVH entry point"
        : "no ELF, and has no Multiboot header nor that of a Linux bzImage";
    throw new ToolError(
      "usage",
      `${path} is ${what}; Basalt starts Linux bzImages and kernels for PVH and for Multiboot 1 and 2, and flat binaries that are said to be such.`,
    );
  }
  return kind;
}

/**
 * What the kernel is told, its own name first: so it is with QEMU, and kernels that read arguments skip that word. Linux takes all
 * words for options.
 */
export function guestCommandLine({ path, append }: GuestKernel): string {
  return isLinux(path) ? (append ?? "") : joinOptions(basename(path).replaceAll(/[^A-Za-z0-9_.+-]/g, "_"), append);
}

/** RAM of each of `kernels` in MiB, of which Basalt has one figure for all: the most that one asks for. */
export function memoryOf(kernels: readonly GuestKernel[]): number | undefined {
  const named = kernels.flatMap(({ memory }) => memory ?? []);
  return named.length === 0 ? undefined : Math.max(...named);
}

/** What Basalt's own command line says for `kernels`, which run one after the other; nothing for none. */
export function bootOptionsFor(kernels: readonly GuestKernel[]): string | undefined {
  if (kernels.length === 0) return undefined;
  const guests = kernels.map((_, n) => (n === 0 ? "module" : `module:${n + 1}`));
  const memory = memoryOf(kernels);
  return joinOptions(`guest=${guests.join(",")}`, memory === undefined ? undefined : `memory=${memory}M`);
}

/**
 * `commandLine` as words of GRUB's script language. Refuses what GRUB changes on its way to the module: it puts backslashes
 * before quotes, and cuts at the end of a line.
 */
export function toGrubWords(commandLine: string): string {
  const odd = [...commandLine].find((character) => !/^[ -~]$/.test(character) || /["'\\]/.test(character));
  if (odd !== undefined) {
    throw new ToolError(
      "usage",
      `The guest's command line holds ${JSON.stringify(odd)}; it takes printable ASCII without quotes and backslashes.`,
    );
  }
  const words = commandLine.split(" ").filter((word) => word !== "");
  return words.map((word) => (/^[A-Za-z0-9=,.:/_@%+-]+$/.test(word) ? word : `'${word}'`)).join(" ");
}
