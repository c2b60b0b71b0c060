// The `basalt` command line: its commands, its help and its exit codes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { benchCommand } from "./commands/bench.ts";
import { buildCommand } from "./commands/build.ts";
import { checkCommand } from "./commands/check.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { flashCommand } from "./commands/flash.ts";
import { fuzzCommand } from "./commands/fuzz.ts";
import { imageCommand } from "./commands/image.ts";
import { probeCommand } from "./commands/probe.ts";
import { runCommand } from "./commands/run.ts";
import { screenshotCommand } from "./commands/screenshot.ts";
import { testCommand } from "./commands/test.ts";
import { whereCommand } from "./commands/where.ts";
import { ToolError } from "./errors.ts";
import { describeExitCodes, exitCodes } from "./exit-codes.ts";
import { root } from "./paths.ts";
import { printError, stderrColours } from "./terminal.ts";

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

const program = new Command("basalt")
  .description("Builds Basalt, the hypervisor whose logic is TypeScript, and runs it.")
  .version(version)
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, stderrColours.red("basalt:"))) })
  .showHelpAfterError("Try `basalt --help`.")
  .addHelpText("after", `\nExit codes:\n${describeExitCodes()}`);

const commands = [
  buildCommand(),
  runCommand(),
  checkCommand(),
  imageCommand(),
  flashCommand(),
  testCommand(),
  benchCommand(),
  fuzzCommand(),
  doctorCommand(),
  whereCommand(),
  probeCommand(),
  screenshotCommand(),
];
for (const command of commands) {
  program.addCommand(command.copyInheritedSettings(program));
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof ToolError) {
    printError(error.message);
    process.exitCode = error.exitCode;
  } else {
    printError(`this is a bug in the basalt command: ${error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = exitCodes.internal.code;
  }
}
