// Loads the module that --emulate names.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ToolError } from "../errors.ts";
import type { EmulateTool } from "./session.ts";

/** The default export of the module at `path`, for a run with the boot options `append`. Throws a ToolError. */
export async function loadTool(path: string, append: string): Promise<EmulateTool> {
  if (!existsSync(path)) throw new ToolError("usage", `There is no file ${path}. --emulate takes a JavaScript module.`);
  if (!/\bwatch=\S+:emulate\b/.test(append)) {
    throw new ToolError(
      "usage",
      "--emulate waits for a watch, and the boot options have none with the action emulate. " +
        'Add one, as in --append "guest=unpack watch=0:30000-31000:nofetch:emulate".',
    );
  }
  let tool: unknown;
  try {
    tool = ((await import(pathToFileURL(resolve(path)).href)) as { default?: unknown }).default;
  } catch (error) {
    throw new ToolError("usage", `${path} cannot be loaded: ${String(error)}`, { cause: error });
  }
  if (typeof tool === "function") return tool as EmulateTool;
  throw new ToolError(
    "usage",
    `${path} has no function as its default export. Write: export default async (record, guest) => …`,
  );
}
