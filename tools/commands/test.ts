// `basalt test`: builds the image and runs the tests with Node's test runner.
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { Command } from "commander";
import { execa } from "execa";
import { wholeNumber } from "../arguments.ts";
import { ToolError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { root, testDirectory } from "../paths.ts";
import { buildImage } from "./build.ts";

const reporter = new URL("../test-reporter.mjs", import.meta.url).href;

/** A boot test keeps one CPU busy, so two at once is what a small machine can take. */
const defaultJobs = 2;

export function testCommand(): Command {
  return new Command("test")
    .description("Build the image and run the unit and boot tests.")
    .argument("[part...]", "only the test files whose path holds one of these texts, for example `unit` or `boot/ept`")
    .option("--jobs <number>", "test files at a time", wholeNumber(1, 64), defaultJobs)
    .option("--no-build", "test the image as it is")
    .action(test);
}

async function test(parts: string[], options: { jobs: number; build: boolean }): Promise<void> {
  const files = findTests(parts);
  if (options.build) await buildImage();
  const nodeOptions = [
    "--import",
    "tsx",
    "--test",
    `--test-concurrency=${options.jobs}`,
    `--test-reporter=${reporter}`,
  ];
  const run = await execa(process.execPath, [...nodeOptions, ...files], { cwd: root, stdio: "inherit", reject: false });
  if (run.isTerminated) process.exitCode = exitCodes.interrupted.code;
  else if (run.failed) process.exitCode = exitCodes.tests.code;
}

/** The test files below test/, from the repository's root, narrowed to `parts` unless it is empty. */
export function findTests(parts: readonly string[]): string[] {
  const all = readdirSync(testDirectory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => relative(root, join(testDirectory, name)))
    .sort();
  const chosen = parts.length === 0 ? all : all.filter((name) => parts.some((part) => name.includes(part)));
  if (chosen.length > 0) return chosen;
  throw new ToolError(
    "usage",
    `No test file's path holds ${parts.map((part) => `"${part}"`).join(" or ")}. See test/.`,
  );
}
