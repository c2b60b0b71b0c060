// Writes an image to a device, reads it back and compares every byte.
import { ToolError } from "../errors.ts";
import type { Target } from "./target.ts";

/** So much is written between two looks at whether it has reached the device. */
const chunkBytes = 1 << 18;

/** Hears what is being done, in words. */
export type OnProgress = (what: string) => void;

/** What the user is told, who has to know what state the device is in. */
interface Writing {
  readonly path: string;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** Writes `image` to the start of `target` and verifies it. Throws a ToolError that says what the device holds now. */
export async function writeImage(target: Target, image: Uint8Array, writing: Writing): Promise<void> {
  await write(target, image, writing);
  await verify(target, image, writing);
}

async function write(target: Target, image: Uint8Array, { path, signal, onProgress }: Writing): Promise<void> {
  const incomplete = (offset: number): string =>
    `${path} is now incomplete: ${offset} of ${image.length} bytes were written. It does not boot; flash it again.`;
  for (let offset = 0; offset < image.length; offset += chunkBytes) {
    if (signal.aborted) throw new ToolError("interrupted", `Interrupted. ${incomplete(offset)}`);
    onProgress(`writing, ${Math.floor((100 * offset) / image.length)} %`);
    try {
      await target.write(image.subarray(offset, offset + chunkBytes), offset);
      await target.flush();
    } catch (cause) {
      throw new ToolError("written", `Writing failed: ${messageOf(cause)}. ${incomplete(offset)}`, { cause });
    }
  }
}

async function verify(target: Target, image: Uint8Array, { path, signal, onProgress }: Writing): Promise<void> {
  onProgress("reading back and comparing");
  let found: Uint8Array;
  try {
    found = await target.readBack(image.length, signal);
  } catch (cause) {
    if (signal.aborted) {
      throw new ToolError(
        "interrupted",
        `Interrupted. ${path} was written, but not compared; flash it again to be sure.`,
      );
    }
    throw new ToolError("written", `${path} was written, but cannot be read back: ${messageOf(cause)}.`, { cause });
  }
  const wrong = image.reduce((count, byte, offset) => (byte === found[offset] ? count : count + 1), 0);
  if (wrong === 0) return;
  const first = image.findIndex((byte, offset) => byte !== found[offset]);
  throw new ToolError(
    "written",
    `${path} does not hold what was written: ${wrong} of ${image.length} bytes differ, the first at offset ${first}. ` +
      "Do not boot from it; flash it again, or use another.",
  );
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
