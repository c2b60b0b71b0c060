// Runs a test guest on an emulated machine itself, without Basalt.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeKernelIso } from "../../../tools/build/kernel-iso.ts";
import { bochs } from "../../../tools/emulators/bochs.ts";
import type { RunPlan } from "../../../tools/emulators/machine.ts";
import { qemu } from "../../../tools/emulators/qemu.ts";
import { makeRunDirectory } from "../../../tools/emulators/run-directory.ts";
import { Watch } from "../../../tools/emulators/watch.ts";
import type { Reference } from "../../guests/deviations.ts";
import { elfOf, readReport, type GuestReport, type Topic } from "../../guests/topics.ts";

const limitSeconds = 60;

export interface BareRun extends GuestReport {
  /** How the machine ended, in the emulator's words. */
  readonly end: string;
  readonly directory: string;
}

/** QEMU is given Intel's name, so that it does as Intel's CPUs where they differ from AMD's. */
const machines = {
  bochs: { machine: bochs, cpu: undefined },
  tcg: { machine: qemu("tcg"), cpu: "max,vendor=GenuineIntel" },
} as const;

/** How each emulator words the end that `topic` must have; by exit port it depends on whether a check failed. */
export function expectedEnd(on: Reference, topic: Topic, { failed }: GuestReport): RegExp {
  if (topic.ends === "by triple fault")
    return on === "bochs" ? /3rd \(\d+\) exception with no resolution/ : /^exit code 0$/;
  if (on === "bochs") return /^Shutdown port: shutdown requested$/;
  return failed.size === 0 ? /^exit code 1$/ : /^exit code 3$/;
}

/** Boots `topic` on the bare machine `on`. Rejects when the machine cannot be started. */
export async function runBare(on: Reference, topic: Topic): Promise<BareRun> {
  const directory = await makeRunDirectory();
  const { machine, cpu } = machines[on];
  const plan: RunPlan = {
    directory,
    iso: join(directory, "guest.iso"),
    elf: elfOf(topic),
    commandLine: "",
    serialPath: join(directory, "serial.txt"),
    media: on === "bochs" ? "iso" : "kernel",
    firmware: "bios",
    cpu,
    memory: topic.memory,
    debugPort: undefined,
  };
  if (on === "bochs") await writeKernelIso(plan.elf, plan.iso);
  const launch = await machine.prepare(plan);
  const watch = new Watch(limitSeconds, undefined);
  const child = await watch.run(launch, directory);
  const log = launch.logPath === null ? null : await readFile(launch.logPath, "utf8");
  const panic = log === null ? `exit code ${child.exitCode}` : (/>>PANIC<< (.*)$/m.exec(log)?.[1] ?? "no panic");
  await rm(plan.iso, { force: true });
  const lines = (await readFile(plan.serialPath, "utf8")).split("\n");
  return { ...readReport(lines), end: watch.stopped ?? panic, directory };
}
