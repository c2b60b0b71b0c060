// `basalt build`: makes build/basalt.elf and build/basalt.iso.
import { Command, Option } from "commander";
import type { BuildOptions } from "../build/ninja-file.ts";
import { Progress } from "../progress.ts";

export function buildCommand(): Command {
  return new Command("build")
    .description("Build build/basalt.elf and build/basalt.iso; only what changed is made again.")
    .addOption(new Option("--compiler <name>", "the C compiler").choices(["gcc", "clang"]).default("gcc"))
    .action(async (options: BuildOptions) => buildImage(options));
}

/** Builds the image and shows that it is at it. */
export async function buildImage(options: BuildOptions = { compiler: "gcc" }): Promise<void> {
  const progress = new Progress("building");
  try {
    const { build } = await import("../build/build.ts");
    await build(options);
  } finally {
    progress.end();
  }
}
