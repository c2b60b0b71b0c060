// Nested VMX anywhere: Bochs boots a Linux with KVM, in which QEMU boots Basalt, once or several times.
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { unlessInterrupted } from "../../interrupt.ts";
import { requireProgram } from "../../programs.ts";
import { bochs } from "../bochs.ts";
import type { RunPlan } from "../machine.ts";
import { makeRunDirectory } from "../run-directory.ts";
import { shownLines, type RunOptions, type RunResult } from "../run.ts";
import { SerialFile } from "../serial.ts";
import { Watch } from "../watch.ts";
import { judgeInnerRun, planInnerRun, type InnerRun } from "./inner.ts";
import { makeNestedLinux } from "./linux.ts";
import { writeMedium } from "./medium.ts";
import { Report, type ReportListener } from "./report.ts";

/** What holds for the boot of Linux, and so for all runs in it. */
export interface NestedOptions {
  /** The limit for the whole boot. */
  readonly timeoutSeconds?: number | undefined;
  /**
   * The limit for each run, so that one that hangs leaves time for the others: in seconds of Linux's time, which are 3.5
   * thousand million ticks, or about a minute here. None if undefined.
   */
  readonly innerSeconds?: number | undefined;
  /** Told what is being done. */
  readonly onStage?: ((stage: string) => void) | undefined;
  /** Keeps the ISOs also when all runs ended with a result. */
  readonly keep?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const defaultNestedTimeoutSeconds = 600;

/** RAM for Linux and QEMU in MiB, besides that of the machine inside. */
const linuxMemory = 512;

/**
 * Boots Linux once and makes all `runs` in it, one after the other; the result of each. What stops them from being tried
 * at all is thrown as a ToolError. A run's own time limit and signal do not count here, those of `options` do.
 */
export async function runNested(runs: readonly RunOptions[], options: NestedOptions = {}): Promise<RunResult[]> {
  requireProgram(bochs.program, bochs.debianPackage, "emulator");
  const directory = await makeRunDirectory();
  const medium = join(directory, "nested.iso");
  const innerRuns: InnerRun[] = [];
  for (const [n, run] of runs.entries()) {
    const place = join(directory, String(n));
    await mkdir(place);
    innerRuns.push(await planInnerRun(run, n, place, options.innerSeconds ?? dayInSeconds));
  }
  const signal = options.signal ?? new AbortController().signal;
  await unlessInterrupted(signal, "Linux for Bochs was being made", async () => {
    const linux = await makeNestedLinux((stage) => options.onStage?.(stage), signal);
    await writeMedium(medium, linux, innerRuns, directory, signal);
  });

  const results = await boot(runs, innerRuns, medium, directory, options);
  if (results.every(({ ended }) => ended === "result") && !options.keep) {
    for (const path of [medium, ...innerRuns.map(({ plan }) => plan.directory)]) await rm(path, { recursive: true });
  }
  return results;
}

const dayInSeconds = 86_400;

async function boot(
  runs: readonly RunOptions[],
  innerRuns: readonly InnerRun[],
  medium: string,
  directory: string,
  options: NestedOptions,
): Promise<RunResult[]> {
  const started = performance.now();
  const consolePath = join(directory, "linux.txt");
  const reportPath = join(directory, "serial.txt");
  const memory = linuxMemory + Math.max(...innerRuns.map(({ plan }) => plan.memory));
  const launch = await bochs.prepare(planOfLinux({ directory, iso: medium, memory, consolePath, reportPath }));
  const limit = options.timeoutSeconds ?? defaultNestedTimeoutSeconds;
  const watch = new Watch(limit, options.signal);
  const report = new Report(runs.length, listenerOf(runs, options));
  options.onStage?.("booting Linux in Bochs");
  const serial = new SerialFile(reportPath, (line) => report.receive(line));
  try {
    const childEnd = await watch.run(launch, directory);
    serial.close();
    const { cause } = await bochs.explain(childEnd, launch, null);
    const outer = {
      directory,
      cause: [`Linux did not run it to its end: ${cause}`, ...(await lastLines(consolePath))].join("\n  "),
      remarks: report.remarks,
      stopped: watch.stopped,
      limit,
    };
    const texts = textsOf(serial.text);
    return await Promise.all(
      report.runs.map(async (runReport, n) => ({
        ...(await judgeInnerRun(innerRuns[n]!, runReport, outer)),
        result: runReport.result,
        lines: runReport.lines,
        serial: texts[n] ?? "",
        seconds: (performance.now() - started) / 1000,
        directory,
        logPath: launch.logPath,
      })),
    );
  } finally {
    serial.close();
  }
}

interface LinuxPlan {
  readonly directory: string;
  readonly iso: string;
  readonly memory: number;
  readonly consolePath: string;
  readonly reportPath: string;
}

function planOfLinux({ directory, iso, memory, consolePath, reportPath }: LinuxPlan): RunPlan {
  return {
    ...{ directory, iso, memory, serialPath: consolePath, secondSerialPath: reportPath },
    ...{ media: "iso", firmware: "bios", cpu: undefined, debugPort: undefined },
    // Of Basalt, which Bochs itself does not boot here.
    ...{ elf: "", commandLine: "" },
  };
}

function listenerOf(runs: readonly RunOptions[], { onStage }: NestedOptions): ReportListener {
  return {
    onBegin(n) {
      const which = runs.length === 1 ? "" : `, run ${n + 1} of ${runs.length}`;
      onStage?.(`booting Basalt in QEMU under nested VMX${which}`);
    },
    onLine: (n, line) => runs[n]?.onLine?.(line),
  };
}

/** What each machine sent, out of all that came on COM2. */
function textsOf(text: string): string[] {
  const pieces = text.split(/^nested: run \d+ begins\n/m).slice(1);
  return pieces.map((piece) => piece.replace(/\n(?:nested: .*\n)*nested: run \d+ ended[^]*$/, ""));
}

/** The last of what Linux said on its console. */
async function lastLines(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.split("\n").map((line) => line.trimEnd());
  return lines.filter((line) => line !== "").slice(-shownLines);
}
