// Holds that the C compiles with clang too, under the build's own flags; gcc is what everything else here builds with.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { execa } from "execa";
import { ninjaFile } from "../../../tools/build/ninja-file.ts";
import { root } from "../../../tools/paths.ts";
import { isInstalled } from "../../../tools/programs.ts";

const skip = isInstalled("clang") ? false : "clang is not installed, and the build does not need it";

test("clang compiles every C file of boot/ without a warning", { skip }, async () => {
  const flags = /^cflags = (.*)$/m.exec(ninjaFile({ compiler: "clang" }, resolve(root)))![1]!;
  const directory = await mkdtemp(join(tmpdir(), "basalt-clang-"));
  try {
    const sources = (await readdir(join(root, "boot/runtime"))).filter((name) => name.endsWith(".c"));
    for (const source of sources) {
      const output = join(directory, `${source}.o`);
      const all = flags.replaceAll("$root", resolve(root)).split(" ");
      await execa("clang", [...all, "-c", `boot/runtime/${source}`, "-o", output], { cwd: root });
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
