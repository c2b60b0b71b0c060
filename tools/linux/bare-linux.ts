// Boots a Linux on an emulated machine itself, without Basalt, to compare with.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeLinuxIso } from "../build/kernel-iso.ts";
import { bochs } from "../emulators/bochs.ts";
import type { RunPlan } from "../emulators/machine.ts";
import { qemu } from "../emulators/qemu.ts";
import { makeRunDirectory } from "../emulators/run-directory.ts";
import { Watch } from "../emulators/watch.ts";
import { ToolError } from "../errors.ts";
import type { Linux } from "./made-linux.ts";

const limitSeconds = 400;

export interface BareBoot {
  /** What stood at the console. */
  readonly text: string;
  /** Bochs's ticks from the machine's start to its end; null in QEMU, which does not tell. */
  readonly ticks: number | null;
}

/**
 * Boots `linux` with `commandLine`, by which it is to power off, in a machine with `memory` MiB; in QEMU all time counts
 * instructions. Throws a ToolError where the machine does not end by itself.
 */
export async function bootBareLinux(
  on: "bochs" | "tcg",
  linux: Linux,
  commandLine: string,
  memory: number,
): Promise<BareBoot> {
  const directory = await makeRunDirectory();
  const plan: RunPlan = {
    directory,
    iso: join(directory, "linux.iso"),
    elf: linux.kernel,
    kernelPaths: [linux.initramfs],
    commandLine,
    serialPath: join(directory, "serial.txt"),
    media: on === "bochs" ? "iso" : "kernel",
    firmware: "bios",
    cpu: undefined,
    memory,
    debugPort: undefined,
    countsInstructions: on === "tcg",
  };
  if (on === "bochs") await writeLinuxIso(linux, commandLine, plan.iso);
  const machine = on === "bochs" ? bochs : qemu("tcg");
  const watch = new Watch(limitSeconds, undefined);
  const launch = await machine.prepare(plan);
  const childEnd = await watch.run(launch, directory);
  const end = await machine.explain(childEnd, launch, null);
  await rm(plan.iso, { force: true });
  const text = await readFile(plan.serialPath, "utf8");
  if (watch.stopped === null && text !== "") return { text, ticks: end.ticks };
  throw new ToolError("emulator", `Linux on the bare machine did not power off: ${end.cause}. See ${plan.serialPath}.`);
}
