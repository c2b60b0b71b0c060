// Keeps what takes long to make in folders that are named after what it is made of.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

const workplacePrefix = "making-";
const hourInMilliseconds = 60 * 60 * 1000;

/**
 * Sees that `directory`/`key` is there, by `make` in a folder of its own: it appears with everything in it, or not at all.
 * What was made under other keys is removed.
 */
export async function makeOnce(
  directory: string,
  key: string,
  make: (directory: string) => Promise<void>,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await removeOthers(directory, key);
  if (existsSync(join(directory, key))) return;
  const workplace = await mkdtemp(join(directory, workplacePrefix));
  try {
    const made = join(workplace, "made");
    await mkdir(made);
    await make(made);
    await rename(made, join(directory, key)).catch((error: NodeJS.ErrnoException) => {
      // Another process made the same.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(workplace, { recursive: true, force: true });
  }
}

/** Removes from `directory` what was made of other files, and workplaces of an hour ago, whose process was killed. */
export async function removeOthers(directory: string, key: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const status = await stat(path).catch(() => null);
    // Another process may have removed it by now.
    if (status === null || name === key) continue;
    const isYoung = Date.now() - status.mtimeMs < hourInMilliseconds;
    if (!isYoung || !name.startsWith(workplacePrefix)) await rm(path, { recursive: true, force: true });
  }
}
