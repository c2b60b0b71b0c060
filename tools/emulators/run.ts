// Runs Basalt's image once in one emulator, from the start of the machine to its result.
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { copyIsoWithModules, type ModuleFile } from "../image/add-modules.ts";
import { copyIsoWithCommandLine } from "../image/append.ts";
import { HostSession, type EmulateTool } from "../emulate/session.ts";
import { joinOptions } from "../image/command-line.ts";
import {
  bootOptionsFor,
  checkGuestKernel,
  guestCommandLine,
  memoryOf,
  type GuestKernel,
} from "../image/guest-kernel.ts";
import { builtElf, builtIso } from "../paths.ts";
import { requireProgram } from "../programs.ts";
import { mebibytesOfAll, type Vm } from "../vms/vm.ts";
import { modulesFor, writeTable } from "../vms/vm-table.ts";
import { bochs } from "./bochs.ts";
import type { Devices, EmulatorName, Firmware, Machine, Media, PlaceName, RunPlan } from "./machine.ts";
import { qemu } from "./qemu.ts";
import { makeRunDirectory } from "./run-directory.ts";
import { parseResult, SerialFile, type BasaltResult } from "./serial.ts";
import { SerialSocket } from "./serial-socket.ts";
import { judge, powerOffSeconds, type Verdict } from "./verdict.ts";
import { Watch } from "./watch.ts";

/** The image that runs: the ELF is needed for media "kernel", the ISO for all others. */
export interface Image {
  readonly elf: string;
  readonly iso: string;
}

export interface RunOptions {
  /** Words for Basalt's command line, behind `guest=NAME`. */
  readonly append?: string | undefined;
  readonly guest?: string | undefined;
  /** Kernels to be the guests, one after the other, instead of `guest`: one, or up to sixteen. */
  readonly kernel?: GuestKernel | readonly GuestKernel[] | undefined;
  /** VMs to run side by side, instead of `guest`. */
  readonly vms?: readonly Vm[] | undefined;
  /** A CPU model by the emulator's own name. */
  readonly cpu?: string | undefined;
  /** Processors of the machine; one if undefined. */
  readonly processors?: number | undefined;
  /** RAM of the machine in MiB. */
  readonly memory?: number | undefined;
  /** The limit for the whole run; there is none under a debugger. */
  readonly timeoutSeconds?: number | undefined;
  readonly onLine?: ((line: string) => void) | undefined;
  /** The port for gdb. The machine waits for it. */
  readonly debug?: number | undefined;
  readonly media?: Media | undefined;
  readonly firmware?: Firmware | undefined;
  readonly devices?: Devices | undefined;
  /** Whether time-stamp counter and time of QEMU's TCG count instructions; Bochs's always do, KVM's cannot. */
  readonly countsInstructions?: boolean | undefined;
  /** Keeps what the machine writes to port 0x402, QEMU's in a log of its own; Bochs's is among its other lines. */
  readonly hasJournal?: boolean | undefined;
  readonly image?: Image | undefined;
  /** What guests are handed to that a watch with the action `emulate` stops. */
  readonly emulate?: EmulateTool | undefined;
  /** Called before the machine starts, with what sends bytes to its serial line; not together with `emulate`. */
  readonly onSerial?: ((send: (bytes: Uint8Array) => void) => void) | undefined;
  /** Together with `onSerial`: gets all that the machine sends, as it comes. */
  readonly onText?: ((text: string) => void) | undefined;
  /** Keeps the run's ISO also when the run ended with a result. */
  readonly keep?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RunResult extends Verdict {
  readonly on: PlaceName;
  /** What Basalt printed as its result, null if it did not come to it. */
  readonly result: BasaltResult | null;
  readonly lines: readonly string[];
  /** The serial line as it was sent, escape sequences included. */
  readonly serial: string;
  readonly seconds: number;
  /** The machine's time-stamp counter at its end, where it counts instructions: in Bochs, and nested in it. */
  readonly ticks: number | null;
  /** The run's files: serial.txt, and for Bochs bochsrc and bochs.log. */
  readonly directory: string;
  readonly logPath: string | null;
}

export const defaultMemory = 512;
/** MiB: a guest up to this size lies below the hole, and what Basalt, the kernel's file and firmware take besides. */
const mostBelowHole = 2048;
const besidesGuest = 256;
/** MiB: what QEMU and Bochs have below 4 GiB at most, and the same. */
const besidesLargeGuest = 3584 + 256;
export const defaultTimeoutSeconds = 120;

/** How many of the last lines an error shows. */
export const shownLines = 5;

const machines: Record<EmulatorName, Machine> = { kvm: qemu("kvm"), bochs, tcg: qemu("tcg") };

/**
 * Runs the image in emulator `on`. How the run ended, a time limit included, is in the result; what stops it from
 * being tried at all (no image, no emulator, options that do not go together) is thrown as a ToolError.
 */
export async function runOn(on: EmulatorName, options: RunOptions = {}): Promise<RunResult> {
  const machine = machines[on];
  const plan = await planRun(machine, options, await makeRunDirectory());
  const result = await play(on, machine, plan, options);
  if (result.ended === "result" && !options.keep) await rm(plan.iso, { force: true });
  return result;
}

/** Plans a run of `machine` in `directory` and puts its ISO there. Throws a ToolError where it cannot be tried. */
export async function planRun(machine: Machine, options: RunOptions, directory: string): Promise<RunPlan> {
  const image = options.image ?? { elf: builtElf, iso: builtIso };
  const kernels = kernelsOf(options);
  for (const kernel of kernels) await checkGuestKernel(kernel);
  const vms = options.vms ?? [];
  const modules = vms.length === 0 ? kernels.map(moduleOf) : modulesFor(vms).files;
  const media = options.media ?? "iso";
  const plan: RunPlan = {
    directory,
    iso: join(directory, "basalt.iso"),
    elf: image.elf,
    commandLine: commandLineOf(options, media),
    kernelPaths: kernels.map(({ path }) => path),
    serialPath: join(directory, "serial.txt"),
    media,
    firmware: options.firmware ?? "bios",
    cpu: options.cpu,
    processors: options.processors,
    memory: options.memory ?? memoryFor(kernels, vms, await mebibytesOfFiles(modules)),
    debugPort: options.debug,
    devices: options.devices,
    journalPath: options.hasJournal ? join(directory, "journal.txt") : undefined,
    countsInstructions: options.countsInstructions,
  };
  if (media === "kernel" && options.vms !== undefined) {
    throw new ToolError(
      "usage",
      "QEMU gives a module of an ELF that it loads itself no command line, by which Basalt knows the VM table. Boot the VMs from a medium.",
    );
  }
  const refusal = machine.refuse(plan);
  if (refusal !== null) throw new ToolError("usage", refusal);
  requireProgram(machine.program, machine.debianPackage, "emulator");
  if (media === "kernel") return plan;
  const table = vms.length === 0 ? [] : [await writeTable(vms, directory)];
  const all = [...modules, ...table];
  if (all.length === 0) await copyIsoWithCommandLine(image.iso, plan.iso, plan.commandLine);
  else await copyIsoWithModules(image.iso, plan.iso, all, plan.commandLine);
  return plan;
}

function moduleOf(kernel: GuestKernel): ModuleFile {
  return { path: kernel.path, commandLine: guestCommandLine(kernel) };
}

/** What the files of `modules` take of the machine's memory. */
async function mebibytesOfFiles(modules: readonly ModuleFile[]): Promise<number> {
  const sizes = await Promise.all(modules.map(async ({ path }) => (await stat(path)).size));
  return sizes.reduce((sum, bytes) => sum + Math.ceil(bytes / 2 ** 20), 0);
}

function kernelsOf({ kernel }: RunOptions): readonly GuestKernel[] {
  if (kernel === undefined) return [];
  return "path" in kernel ? [kernel] : kernel;
}

/**
 * Basalt's command line. GRUB passes a guest's with its module. QEMU that loads the ELF itself has no way for that; it takes
 * one kernel only.
 */
function commandLineOf(options: RunOptions, media: Media): string {
  const { guest, append } = options;
  const kernels = kernelsOf(options);
  const named = guest === undefined ? undefined : `guest=${guest}`;
  const basalts = joinOptions(named, bootOptionsFor(kernels), append);
  const [first] = kernels;
  return first !== undefined && media === "kernel" ? `${basalts} -- ${guestCommandLine(first)}` : basalts;
}

/**
 * RAM that has the guest's in one piece, below the hole that PCs have under 4 GiB, else above it; or that of all VMs; and
 * `files`, what they are given.
 */
function memoryFor(kernels: readonly GuestKernel[], vms: readonly Vm[], files: number): number {
  if (vms.length > 0) return Math.max(defaultMemory, mebibytesOfAll(vms) + files + besidesGuest);
  const guests = memoryOf(kernels) ?? 0;
  return guests <= mostBelowHole ? Math.max(defaultMemory, guests + besidesGuest) : guests + besidesLargeGuest;
}

async function play(on: EmulatorName, machine: Machine, planned: RunPlan, options: RunOptions): Promise<RunResult> {
  const started = performance.now();
  const limit = options.debug === undefined ? (options.timeoutSeconds ?? defaultTimeoutSeconds) : null;
  const watch = new Watch(limit, options.signal);
  let result: BasaltResult | null = null;
  const onLine = (line: string): void => {
    options.onLine?.(line);
    session?.receive(line);
    if (result !== null) return;
    result = parseResult(line);
    if (result !== null) watch.stopAfter(powerOffSeconds, "no power-off");
  };
  const isTwoWay = options.emulate !== undefined || options.onSerial !== undefined;
  const socket = isTwoWay ? await SerialSocket.open(planned.serialPath, onLine, options.onText) : undefined;
  if (socket !== undefined) options.onSerial?.((bytes) => socket.write(bytes));
  const session = options.emulate && new HostSession(options.emulate, (line) => socket?.send(line));
  const serial = socket ?? new SerialFile(planned.serialPath, onLine);
  try {
    const plan = { ...planned, serialPort: socket?.port };
    const launch = await machine.prepare(plan);
    const childEnd = await watch.run(launch, plan.directory);
    await socket?.ended();
    serial.close();
    await session?.end();
    const end = await machine.explain(childEnd, launch, result);
    const last = serial.lastLines(shownLines);
    return {
      on,
      ...judge({ on, plan, end, result, stopped: watch.stopped, limit: `${limit} s`, last }),
      result,
      lines: serial.lines,
      serial: serial.text,
      seconds: (performance.now() - started) / 1000,
      ticks: end.ticks,
      directory: plan.directory,
      logPath: launch.logPath,
    };
  } finally {
    serial.close();
  }
}
