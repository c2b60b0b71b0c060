// How long the first thing takes that a user does.
import { execa } from "execa";
import { ToolError } from "../errors.ts";
import { root } from "../paths.ts";

/** Seconds of `npm start` in a built tree, in QEMU's TCG, which it takes where KVM does not work, to the end of the run. */
export async function measureStart(): Promise<number> {
  const started = performance.now();
  const run = await execa("npm", ["start", "--silent", "--", "--on", "tcg"], { cwd: root, reject: false, all: true });
  if (run.failed) throw new ToolError("build", `\`npm start\` failed:\n${run.all}`);
  return (performance.now() - started) / 1000;
}
