// Puts a boot command line in its place in a copy of an ISO.
import { readFile, writeFile } from "node:fs/promises";
import { ToolError } from "../errors.ts";
import { fieldLength, marker, toField } from "./command-line.ts";

/**
 * The ISO at `isoPath` with `commandLine` as Basalt's command line, or with its own one where that is undefined. The image keeps
 * its size and layout.
 */
export async function isoWithCommandLine(isoPath: string, commandLine: string | undefined): Promise<Buffer> {
  const field = commandLine === undefined ? "" : toField(commandLine);
  const iso = await readIso(isoPath);
  iso.write(field, findField(iso, isoPath), "latin1");
  return iso;
}

/** Copies `isoPath` to `copyPath` with `commandLine` as Basalt's command line. */
export async function copyIsoWithCommandLine(isoPath: string, copyPath: string, commandLine: string): Promise<void> {
  await writeFile(copyPath, await isoWithCommandLine(isoPath, commandLine));
}

async function readIso(isoPath: string): Promise<Buffer> {
  try {
    return await readFile(isoPath);
  } catch (cause) {
    throw new ToolError("build", `There is no image at ${isoPath}. \`npm run build\` makes build/basalt.iso.`, {
      cause,
    });
  }
}

/** The offset of the command line in `iso`; throws unless there is exactly one field of the right length. */
function findField(iso: Buffer, isoPath: string): number {
  const markerOffset = iso.indexOf(marker, 0, "latin1");
  const second = markerOffset < 0 ? -1 : iso.indexOf(marker, markerOffset + 1, "latin1");
  const offset = markerOffset + marker.length;
  const field = iso.toString("latin1", offset, offset + fieldLength + 1);
  const isField = field.length === fieldLength + 1 && field.indexOf("\n") === fieldLength;
  if (markerOffset >= 0 && second < 0 && isField) return offset;
  const found = markerOffset < 0 ? "no" : second < 0 ? "a badly padded" : "more than one";
  throw new ToolError(
    "build",
    `${isoPath} holds ${found} "${marker.trim()}" line; expected one with ${fieldLength} characters. Build the image again.`,
  );
}
