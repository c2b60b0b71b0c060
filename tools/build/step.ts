// Starts a program that a step of the build consists of.
import { execa } from "execa";
import { ToolError } from "../errors.ts";

/** The date of everything in the image: 2000-01-01 00:00:00 UTC, in seconds since 1970. */
const sourceDate = 946684800;

/** Runs `program` such that it writes no date or time zone of its own into the image; throws with what it printed. */
export async function runStep(program: string, args: readonly string[]): Promise<void> {
  const env = { SOURCE_DATE_EPOCH: String(sourceDate), TZ: "UTC" };
  const run = await execa(program, args, { reject: false, all: true, env });
  if (run.failed) throw new ToolError("build", `${run.command} failed:\n${run.all}`);
}
