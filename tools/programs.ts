// Finds the programs that Basalt's tools start, and names the Debian package of one that is missing.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { ToolError } from "./errors.ts";
import type { ExitName } from "./exit-codes.ts";

/** Whether `name` is an executable file in one of PATH's directories. */
export function isInstalled(name: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Throws with exit `exit` unless program `name` of Debian package `debianPackage` is installed. */
export function requireProgram(name: string, debianPackage: string, exit: ExitName): void {
  if (isInstalled(name)) return;
  throw new ToolError(
    exit,
    `${name} is not installed. Run \`npm run setup\`, or install the package ${debianPackage}.`,
  );
}
