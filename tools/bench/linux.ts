// What Linux takes to the prompt of its shell, where its init powers off: in a VM, and on the bare machine.
import type { RunResult } from "../emulators/run.ts";
import { runOn } from "../emulators/run.ts";
import { ToolError } from "../errors.ts";
import { bootBareLinux } from "../linux/bare-linux.ts";
import { makeShellLinux } from "../linux/shell-linux.ts";
import type { Vm } from "../vms/vm.ts";

export type LinuxPlace = "bochs" | "tcg";

/** Of the VM, and of the bare machine, in MiB. */
const memory = 512;
/** The machine under Basalt has room for the VM, its disk, and what GRUB loads. */
const machineMemory = 1024;
const limitSeconds = 400;

/** Bochs's XSAVE is not what this Linux expects. */
const words: Record<LinuxPlace, string> = {
  bochs: "console=ttyS0 noxsave basalt.bench",
  tcg: "console=ttyS0 basalt.bench",
};

const made = new Map<string, Promise<unknown>>();

/** What `make` answers, which is made once. */
function once<T>(key: string, make: () => Promise<T>): Promise<T> {
  const known = made.get(key) as Promise<T> | undefined;
  const promise = known ?? make();
  made.set(key, promise);
  return promise;
}

/** A boot in a VM. In Bochs all time counts instructions, in QEMU with `countsInstructions`; then it takes longer. */
export function vmBoot(on: LinuxPlace, countsInstructions: boolean): Promise<RunResult> {
  return once(`vm ${on} ${countsInstructions}`, async () => {
    const { kernel, initramfs } = await makeShellLinux();
    const vm: Vm = {
      kernel,
      initrd: initramfs,
      commandLine: words[on],
      memory: `${memory}M`,
      disk: "8M",
      console: "raw",
    };
    const options = { vms: [vm], memory: machineMemory, timeoutSeconds: limitSeconds, countsInstructions };
    const run = await runOn(on, { ...options, append: "loglevel=debug" });
    if (run.exit !== "ok") throw new ToolError(run.exit, run.summary);
    return run;
  });
}

function bareBoot(on: LinuxPlace) {
  return once(`bare ${on}`, async () => bootBareLinux(on, await makeShellLinux(), words[on], memory));
}

/** In Bochs: ticks of the machine from its start to its end. In QEMU: instructions from Linux's first to its last. */
export async function costInVm(on: LinuxPlace): Promise<number> {
  const run = await vmBoot(on, on === "tcg");
  if (on === "tcg") return numberIn(run.serial, /basalt: vm0: ran (\d+) ticks/);
  if (run.ticks !== null) return run.ticks;
  throw new ToolError("emulator", `Bochs left no ticks in ${run.logPath}; expected them in each line.`);
}

/** The same on the bare machine; in QEMU from the machine's start on, of which its firmware is a small part. */
export async function costOnBareMachine(on: LinuxPlace): Promise<number> {
  const { text, ticks } = await bareBoot(on);
  return ticks ?? numberIn(text, /basalt-test: ticks (\d+)/);
}

export async function costRatio(on: LinuxPlace): Promise<number> {
  return (await costInVm(on)) / (await costOnBareMachine(on));
}

/** What a VM takes beside its guest's RAM: pages and objects of core's, and all of the memory that its vmm has. */
export async function bytesBesideRam(): Promise<number> {
  const { serial } = await vmBoot("tcg", false);
  const pages = numberIn(serial, /vm0: beside RAM: (\d+) pages/);
  const objects = numberIn(serial, /vm0: beside RAM: \d+ pages, (\d+) bytes of objects/);
  return pages * 4096 + objects + numberIn(serial, /vm0: beside RAM: .* (\d+) bytes of its vmm/);
}

function numberIn(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  if (found !== undefined) return Number(found);
  throw new ToolError("internal", `Nothing that was printed matches ${pattern}.`);
}
