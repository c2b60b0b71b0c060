// `basalt screenshot`: makes the README's pictures of the screen anew.
import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Command } from "commander";
import { linesOfBasalt, referenceBoots, takeScreenshot } from "../emulators/screenshot.ts";
import { root, screenshotsDirectory } from "../paths.ts";
import { Progress } from "../progress.ts";
import { printStatus } from "../terminal.ts";
import { buildImage } from "./build.ts";

export function screenshotCommand(): Command {
  return new Command("screenshot")
    .description(
      "Boot by BIOS and by UEFI in QEMU and write the pictures of docs/screenshots with their lines, for the tests to compare.",
    )
    .option("--no-build", "boot the image as it is")
    .action(screenshot);
}

async function screenshot({ build }: { build: boolean }): Promise<void> {
  if (build) await buildImage();
  await mkdir(screenshotsDirectory, { recursive: true });
  for (const [name, boot] of Object.entries(referenceBoots)) {
    const path = join(screenshotsDirectory, `${name}.png`);
    const progress = new Progress(`taking ${relative(root, path)}`);
    const shot = await takeScreenshot(boot).finally(() => progress.end());
    await writeFile(path, shot.png);
    // What the picture shows, so that the tests know where firmware's figures have changed since.
    await writeFile(join(screenshotsDirectory, `${name}.txt`), `${linesOfBasalt(shot).join("\n")}\n`);
    printStatus(`wrote ${relative(root, path)}`);
  }
}
