// Bochs: the emulator with VMX, and with SVM, that runs anywhere and repeats exactly.
import { readFile, stat, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { execa } from "execa";
import { ToolError } from "../errors.ts";
import type { Launch, Machine, Media, RunPlan } from "./machine.ts";

export const defaultBochsCpu = "corei7_skylake_x";

/** The model with SVM. */
export const bochsAmdCpu = "ryzen";

/** Instructions in a second of the machine's time. */
const instructionsPerSecond = 10_000_000;

/**
 * A server for VNC that nobody connects to, and that does not wait for that. Bochs's "term" would draw on a terminal of its own
 * that nobody reads: once that is full, after some ten screens, Bochs stands still.
 */
const display = 'rfb, options="timeout=0"';

/** MiB of RAM that Bochs holds in memory; of more it keeps what is used least in a file. */
const maximumHostMemory = 2048;

/** The machine's clock at its start, so that two runs are the same. */
const startTime = 946684800;

/** How Bochs words the ACPI power-off that Basalt ends with. */
const powerOff = "ACPI control: soft power off";

/** A line of Bochs's log: ticks, severity, device, message. */
const logLine = /^(\d{11,})[a-z]\[(.{6})\] (.*)$/;
const panicLine = />>PANIC<< (.*)$/m;

/** The file names of one run, in its directory, which Bochs runs in. */
const configurationName = "bochsrc";
const commandsName = "debugger-commands";
const logName = "bochs.log";

/** Heads, sectors a track and bytes of one cylinder of Bochs's disk; the image must consist of whole cylinders. */
const heads = 16;
const sectorsPerTrack = 63;
const cylinderBytes = heads * sectorsPerTrack * 512;

const drives: Partial<Record<Media, (plan: RunPlan, cylinders: number) => string>> = {
  iso: (plan) => `ata0-master: type=cdrom, path=${basename(plan.iso)}, status=inserted\nboot: cdrom`,
  disk: (plan, cylinders) =>
    `ata0-master: type=disk, path=${basename(plan.iso)}, mode=flat, cylinders=${cylinders}, heads=${heads}, ` +
    `spt=${sectorsPerTrack}\nboot: disk`,
};

/** The configuration of one run from a drive as \`drives\` words it. */
function bochsConfiguration(plan: RunPlan, drive: string): string {
  return `display_library: ${display}
config_interface: textconfig
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, serial=1, iodebug=1, gameport=0
memory: guest=${plan.memory}, host=${Math.min(plan.memory, maximumHostMemory)}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
cpu: model=${plan.cpu ?? defaultBochsCpu}, count=${plan.processors ?? 1}, ips=${instructionsPerSecond}, reset_on_triple_fault=0, ignore_bad_msrs=1
floppya: type=none
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
${drive}
${serialPorts(plan)}
port_e9_hack: enabled=1
clock: sync=none, time0=${startTime}
log: ${logName}
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
`;
}

function serialPorts({ serialPath, serialPort, secondSerialPath }: RunPlan): string {
  if (serialPort !== undefined) return `com1: enabled=1, mode=socket-client, dev=127.0.0.1:${serialPort}`;
  const paths = secondSerialPath === undefined ? [serialPath] : [serialPath, secondSerialPath];
  return paths.map((path, n) => `com${n + 1}: enabled=1, mode=file, dev=${basename(path)}`).join("\n");
}

export const bochs: Machine = {
  program: "bochs",
  debianPackage: "bochs",

  refuse(plan) {
    if (drives[plan.media] === undefined) {
      return `Bochs boots from CD and disk only. Use --media iso or disk, or run --media ${plan.media} --on tcg.`;
    }
    if (plan.firmware === "uefi") return "Bochs has no UEFI firmware. Leave out --firmware uefi, or run it --on tcg.";
    if (plan.debugPort !== undefined) {
      return (
        "Debian's Bochs has no gdb stub, it is built with a debugger of its own. Use --debug with --on kvm or " +
        "--on tcg. For Bochs's debugger: `basalt run --on bochs --keep`, then " +
        "`bochs -q -f bochsrc` in the directory that it names; `help` lists its commands."
      );
    }
    return null;
  },

  async prepare(plan): Promise<Launch> {
    if (plan.cpu !== undefined) await requireCpuModel(plan.cpu);
    const cylinders = plan.media === "disk" ? await fillCylinders(plan.iso) : 0;
    const drive = drives[plan.media]!(plan, cylinders);
    await writeFile(join(plan.directory, configurationName), bochsConfiguration(plan, drive));
    // Continue; and quit when the machine stops in the debugger.
    await writeFile(join(plan.directory, commandsName), "c\nq\n");
    const args = ["-q", "-f", configurationName, "-rc", commandsName];
    return { command: this.program, args, logPath: join(plan.directory, logName) };
  },

  async explain(end, launch, result) {
    const log = launch.logPath === null ? "" : await readFile(launch.logPath, "utf8").catch(() => "");
    const ticks = lastTick(log);
    const panic = (panicLine.exec(log) ?? panicLine.exec(end.output))?.[1] ?? null;
    const by = end.signal === null ? `exit code ${end.exitCode}` : end.signal;
    const cause = panic === null ? `Bochs ended with ${by} and named no cause` : `Bochs stopped: ${panic}`;
    return {
      started: ticks > 0,
      cause: ticks > 0 || panic !== null ? cause : `${cause}; it printed:\n${end.output.trim()}`,
      contradiction: result === null || panic === powerOff ? null : `the machine should have powered off, but ${cause}`,
      ticks,
    };
  },
};

/** Makes the image as long as whole cylinders are, and answers how many these are. */
async function fillCylinders(path: string): Promise<number> {
  const cylinders = Math.ceil((await stat(path)).size / cylinderBytes);
  await truncate(path, cylinders * cylinderBytes);
  return cylinders;
}

/** Bochs itself only calls the line "malformed". */
async function requireCpuModel(cpu: string): Promise<void> {
  const { all } = await execa("bochs", ["-help", "cpu"], { all: true, reject: false });
  const models = all.split("\n").filter((line) => /^[a-z][a-z0-9_]*$/.test(line));
  if (models.length === 0 || models.includes(cpu)) return;
  throw new ToolError("usage", `Bochs has no CPU model "${cpu}". It has: ${models.join(", ")}.`);
}

/** A line of Bochs's log. */
export interface BochsLogLine {
  readonly ticks: number;
  /** Six letters, spaces at the end included: "CPU0  ". */
  readonly device: string;
  readonly message: string;
}

/** The lines of a log that have a time. */
export function bochsLogLines(log: string): BochsLogLine[] {
  return log.split("\n").flatMap((line) => {
    const [, ticks, device = "", message = ""] = logLine.exec(line) ?? [];
    return ticks === undefined ? [] : [{ ticks: Number(ticks), device, message }];
  });
}

/** The ticks of the log's last line that has them. */
function lastTick(log: string): number {
  return bochsLogLines(log).at(-1)?.ticks ?? 0;
}
