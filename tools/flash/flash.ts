// Flashing, from the name of a device to a verified medium; what touches the machine comes from outside.
import { access, constants, realpath, stat } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { ToolError } from "../errors.ts";
import { withParts, type BlockDevice } from "./block-devices.ts";
import { describeContents, describeDevice, showBytes } from "./describe.ts";
import { findRefusal } from "./refusals.ts";
import type { Target } from "./target.ts";
import { writeImage, type OnProgress } from "./write.ts";

/** What flashing asks of the machine and of the user. */
export interface Surroundings {
  readonly list: () => Promise<BlockDevice[]>;
  /** The path behind symbolic links of a block device; throws a ToolError for what is none, or may not be written. */
  readonly resolve: (path: string) => Promise<string>;
  readonly open: (path: string) => Promise<Target>;
  readonly tell: (line: string) => void;
  /** The user's answer to `question`; null where there is nobody to ask. */
  readonly ask: (question: string) => Promise<string | null>;
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal;
}

export interface FlashOptions {
  /** Overwrite without asking. */
  readonly yes: boolean;
  /** End before anything is written. */
  readonly dryRun: boolean;
}

/** Overwrites the device at `path` with `image`; answers which device that was. */
export async function flash(
  path: string,
  image: Uint8Array,
  { yes, dryRun }: FlashOptions,
  surroundings: Surroundings,
): Promise<BlockDevice> {
  const { list, resolve, tell, ask, open, onProgress, signal } = surroundings;
  const resolved = await resolve(path);
  const examine = async (): Promise<BlockDevice> => {
    const device = findDevice(resolved, await list());
    const refusal = findRefusal(device, image.length);
    if (refusal !== null) throw new ToolError("device", `${refusal} Nothing was written.`);
    return device;
  };
  const show = (device: BlockDevice): void => {
    tell(describeDevice(device));
    for (const line of describeContents(device)) tell(`  ${line}`);
    tell(`everything on it will be lost: its first ${showBytes(image.length)} become Basalt`);
  };

  const found = await examine();
  if (dryRun) {
    show(found);
    return found;
  }
  // While it is open Linux gives its name to no other device, so that what is shown now is what will be written.
  const target = await open(resolved);
  try {
    const device = await examine();
    show(device);
    if (!yes) await confirm(device, ask);
    if (signal.aborted) throw new ToolError("interrupted", "Interrupted. Nothing was written.");
    requireUnchanged(device, await list());
    await writeImage(target, image, { path: resolved, signal, onProgress });
    return device;
  } finally {
    await target.close();
  }
}

/** The devices that could be flashed, each with the reason why it may not be now, or null. */
export function candidates(
  devices: readonly BlockDevice[],
  bytes: number,
): (BlockDevice & { refusal: string | null })[] {
  return devices
    .filter(({ type, isRemovable }) => type === "disk" && isRemovable)
    .map((device) => ({ ...device, refusal: findRefusal(device, bytes) }));
}

/** The path of the block device that `path` leads to; throws for what is none, or may not be written by this user. */
export async function resolveDevice(path: string): Promise<string> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const problem = error.code === "ENOENT" ? `There is no ${path}` : `${path} cannot be looked at (${error.message})`;
    throw new ToolError("device", `${problem}; run \`basalt flash\` for the devices that there are.`, { cause: error });
  });
  if (!found.isBlockDevice()) {
    throw new ToolError(
      "device",
      `${path} is no block device; name one, such as /dev/sdb. (To have the image as a file, copy build/basalt.iso.)`,
    );
  }
  await access(path, constants.R_OK | constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EACCES") return;
    throw new ToolError(
      "device",
      `${path} may not be written by this user; run the command as root, for example with sudo. Nothing was written.`,
      { cause },
    );
  });
  return realpath(path);
}

function findDevice(path: string, devices: readonly BlockDevice[]): BlockDevice {
  const device = devices.flatMap(withParts).find((candidate) => candidate.path === path);
  if (device !== undefined) return device;
  throw new ToolError("device", `lsblk does not tell what ${path} is; name a device that it lists.`);
}

/** A card reader keeps its name when its card is changed. */
function requireUnchanged(shown: BlockDevice, devices: readonly BlockDevice[]): void {
  const now = devices.flatMap(withParts).find(({ path }) => path === shown.path);
  if (isDeepStrictEqual(now, shown)) return;
  const what = now === undefined ? "gone" : `now: ${[describeDevice(now), ...describeContents(now)].join("; ")}`;
  throw new ToolError(
    "device",
    `${shown.path} is no longer what was shown, it is ${what}. Nothing was written; run the command again.`,
  );
}

async function confirm({ name, path }: BlockDevice, ask: Surroundings["ask"]): Promise<void> {
  const answer = await ask(`Type ${name} to overwrite it: `);
  if (answer === null) {
    throw new ToolError(
      "device",
      `There is no terminal to ask on before ${path} is overwritten; add --yes to do it unasked.`,
    );
  }
  if (answer === name || answer === path) return;
  throw new ToolError("device", `Found the answer ${JSON.stringify(answer)}, expected ${name}. Nothing was written.`);
}
