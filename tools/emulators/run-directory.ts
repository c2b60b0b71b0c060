// The directories of runs: build/run/<when>-<random>, with what one run was started from and what it left.
import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { runsDirectory } from "../paths.ts";

const dayInMilliseconds = 24 * 60 * 60 * 1000;

/** Makes an empty directory for a run, and removes those that are more than a day old. */
export async function makeRunDirectory(): Promise<string> {
  await mkdir(runsDirectory, { recursive: true });
  await removeOldRuns();
  const when = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
  return mkdtemp(join(runsDirectory, `${when}-`));
}

async function removeOldRuns(): Promise<void> {
  for (const name of await readdir(runsDirectory)) {
    const path = join(runsDirectory, name);
    const status = await stat(path).catch(() => null);
    if (status !== null && Date.now() - status.mtimeMs > dayInMilliseconds)
      await rm(path, { recursive: true, force: true });
  }
}
