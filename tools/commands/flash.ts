// `basalt flash`: writes the image to a USB stick, a card or another removable device.
import { createInterface } from "node:readline/promises";
import { Command } from "commander";
import { execa } from "execa";
import { ToolError } from "../errors.ts";
import { listBlockDevices } from "../flash/block-devices.ts";
import { describeContents, describeDevice, showBytes } from "../flash/describe.ts";
import { candidates, flash, resolveDevice } from "../flash/flash.ts";
import { openDevice } from "../flash/target.ts";
import { isoWithCommandLine } from "../image/append.ts";
import { interruptible } from "../interrupt.ts";
import { builtIso } from "../paths.ts";
import { Progress } from "../progress.ts";
import { printJson, printLine, printStatus, stderrColours } from "../terminal.ts";

interface FlashCommandOptions {
  image: string | undefined;
  append: string | undefined;
  yes: boolean;
  dryRun: boolean;
  json: boolean;
}

const about = `
Without a device, lists those that could be written. What is on the device is lost. It writes build/basalt.iso as it is
(\`npm run build\` makes it), or the image of --image (\`basalt image\` makes one), reads it back from the device and compares every byte. To undo it, format the device anew.

It writes only devices that are removable, on USB or SD cards, and loop devices, which are files; and only those that
nothing on this machine uses.
`;

export function flashCommand(): Command {
  return new Command("flash")
    .description("Write the image to a USB stick or SD card, to boot a PC from.")
    .argument("[device]", "the whole device, for example /dev/sdb")
    .option("--image <file>", "an image of \`basalt image\` to be written, instead of build/basalt.iso")
    .option("--append <text>", "words for Basalt's boot command line, put into what is written")
    .option("--yes", "do not ask before overwriting, for scripts", false)
    .option("--dry-run", "show what would be overwritten, and write nothing", false)
    .option("--json", "print the list, or what was done, as JSON", false)
    .addHelpText("after", about)
    .action(async (device: string | undefined, options: FlashCommandOptions) => {
      const image = await isoWithCommandLine(options.image ?? builtIso, options.append);
      if (device === undefined) await list(image.length, options.json);
      else await write(device, image, options);
    });
}

async function list(bytes: number, json: boolean): Promise<void> {
  const devices = candidates(await listBlockDevices(), bytes);
  if (json) return printJson(devices);
  if (devices.length === 0) printStatus("no removable, USB or SD device is plugged in");
  for (const device of devices) {
    printLine(describeDevice(device));
    for (const line of describeContents(device)) printLine(`  ${line}`);
    if (device.refusal !== null) printLine(`  not now: ${device.refusal}`);
  }
}

async function write(path: string, image: Buffer, { yes, dryRun, json }: FlashCommandOptions): Promise<void> {
  let progress: Progress | null = null;
  const device = await interruptible((signal) =>
    flash(
      path,
      image,
      { yes, dryRun },
      {
        list: listBlockDevices,
        resolve: resolveDevice,
        open: openDevice,
        tell: printStatus,
        ask: (question) => askOnTerminal(question, signal),
        onProgress(what) {
          progress ??= new Progress(`writing ${path}`);
          if (process.stderr.isTTY) progress.relabel(`${path}: ${what}`);
        },
        signal,
      },
    ),
  ).finally(() => progress?.end());
  const done = { path: device.path, bytes: image.length, isWritten: !dryRun, isVerified: !dryRun };
  if (!dryRun) await rereadPartitions(device.path);
  if (json) printJson(done);
  else if (dryRun) printStatus("this was a dry run: nothing was written");
  else
    printStatus(
      stderrColours.green(`${device.path} holds Basalt: ${showBytes(image.length)}, each byte read back and compared`),
    );
}

/** Asks on the terminal; null where there is none. An end of input counts as an empty answer. */
async function askOnTerminal(question: string, signal: AbortSignal): Promise<string | null> {
  if (!process.stdin.isTTY) return null;
  // Without `terminal` Ctrl-C stays a signal.
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  try {
    const atEnd = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
    return (await Promise.race([lines.question(question, { signal }), atEnd])).trim();
  } catch (cause) {
    if (signal.aborted) throw new ToolError("interrupted", "Interrupted. Nothing was written.", { cause });
    throw cause;
  } finally {
    lines.close();
  }
}

/** Has Linux look at the device's new partitions; that it did not is no failure, but worth knowing. */
async function rereadPartitions(path: string): Promise<void> {
  const reread = await execa("blockdev", ["--rereadpt", path], { reject: false });
  if (reread.failed) printStatus(`Linux may show the old partitions of ${path} until it is plugged in again`);
}
