// Boots the tests' Linux on an emulated machine itself, without Basalt, for what its kernel warns of there.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeLinuxIso } from "../../../tools/build/kernel-iso.ts";
import { bochs } from "../../../tools/emulators/bochs.ts";
import type { RunPlan } from "../../../tools/emulators/machine.ts";
import { qemu } from "../../../tools/emulators/qemu.ts";
import { makeRunDirectory } from "../../../tools/emulators/run-directory.ts";
import { Watch } from "../../../tools/emulators/watch.ts";
import type { Linux } from "../../../tools/linux/made-linux.ts";
import { linuxPlaces, type LinuxPlace } from "./linux-shell.ts";

const limitSeconds = 400;
const memory = 512;

/** What stood at the console of `linux`, which lists its kernel's warnings and powers off. The log stays in build/run/. */
export async function bootBareLinux(on: LinuxPlace, linux: Linux): Promise<string> {
  const directory = await makeRunDirectory();
  const commandLine = `${linuxPlaces[on].words} basalt.warnings basalt.bench`;
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
  await new Watch(limitSeconds, undefined).run(await machine.prepare(plan), directory);
  await rm(plan.iso, { force: true });
  return readFile(plan.serialPath, "utf8");
}
