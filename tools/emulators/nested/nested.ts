// Nested VMX anywhere: Bochs boots a Linux with KVM, in which QEMU boots Basalt, once or several times.
import { mkdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { ToolError } from "../../errors.ts";
import { requireProgram } from "../../programs.ts";
import { bochs } from "../bochs.ts";
import type { Launch, Machine, MachineEnd, RunPlan } from "../machine.ts";
import { qemu } from "../qemu.ts";
import { makeRunDirectory } from "../run-directory.ts";
import { planRun, shownLines, type RunOptions, type RunResult } from "../run.ts";
import { SerialFile } from "../serial.ts";
import { judge, type StopReason } from "../verdict.ts";
import { Watch } from "../watch.ts";
import { makeLinux } from "./linux.ts";
import { folderOf, writeMedium } from "./medium.ts";
import { failedEntryChecks, Report, ticksAtEnd, type RunReport } from "./report.ts";

/** What holds for the boot of Linux, and so for all runs in it. */
export interface NestedOptions {
  /** The limit for the whole boot. */
  readonly timeoutSeconds?: number | undefined;
  /**
   * The limit for each run, so that one that hangs leaves time for the others: in seconds of Linux's time, which are 3.5
   * thousand million ticks, or about a minute here.
   */
  readonly innerSeconds?: number | undefined;
  /** Told what is being done. */
  readonly onStage?: ((stage: string) => void) | undefined;
  /** Keeps the ISOs also when all runs ended with a result. */
  readonly keep?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const defaultNestedTimeoutSeconds = 600;
/** No limit but that of the boot. */
const defaultInnerSeconds = 86_400;

/** Bochs's RAM, in MiB: what Linux and QEMU take besides the inner machine's; and the most that was tried. */
const linuxMemory = 512;
const mostMemory = 1024;

/** The port of Linux that init.sh and the inner machine write to: Bochs's COM2. */
const innerSerial = "/dev/ttyS1";
const elfInLinux = "basalt.elf";

/** How QEMU's exit status tells that it was killed: at its time limit, as nothing else here kills it. */
const killedStatus = 128 + 9;

/** The inner machine: QEMU with KVM, of which some things cannot be had in there. */
const inner: Machine = {
  ...qemu("kvm"),
  refuse(plan) {
    if (plan.debugPort !== undefined)
      return "gdb cannot reach the machine in Linux in Bochs. Use --debug with --on kvm.";
    if (plan.firmware === "uefi") return "Linux in Bochs has no UEFI firmware for QEMU. Leave out --firmware uefi.";
    if (plan.memory <= mostMemory) return qemu("kvm").refuse(plan);
    return `Linux in Bochs has ${mostMemory} MiB at most for a machine, not ${plan.memory}. Give --memory less.`;
  },
};

/**
 * Boots Linux once and makes all `runs` in it, one after the other; the result of each. What stops them from being tried
 * at all is thrown as a ToolError. A run's own time limit and signal do not count here, those of `options` do.
 */
export async function runNested(runs: readonly RunOptions[], options: NestedOptions = {}): Promise<RunResult[]> {
  const directory = await makeRunDirectory();
  requireProgram(bochs.program, bochs.debianPackage, "emulator");
  const plans: RunPlan[] = [];
  for (const [n, run] of runs.entries()) {
    await mkdir(join(directory, String(n)));
    plans.push(await planRun(inner, run, join(directory, String(n))));
  }
  const boot = new NestedBoot(runs, plans, directory, options);
  await boot.prepare();
  const results = await boot.run();
  if (results.every(({ ended }) => ended === "result") && !options.keep) {
    for (const path of [boot.medium, ...plans.map((plan) => plan.directory)]) {
      await rm(path, { recursive: true, force: true });
    }
  }
  return results;
}

/** One boot of Linux in Bochs. */
class NestedBoot {
  readonly medium: string;

  readonly #runs: readonly RunOptions[];
  readonly #plans: readonly RunPlan[];
  readonly #directory: string;
  readonly #options: NestedOptions;
  readonly #launches: Launch[] = [];
  readonly #limit: number;
  readonly #innerSeconds: number;

  constructor(runs: readonly RunOptions[], plans: readonly RunPlan[], directory: string, options: NestedOptions) {
    this.#runs = runs;
    this.#plans = plans;
    this.#directory = directory;
    this.#options = options;
    this.medium = join(directory, "nested.iso");
    this.#limit = options.timeoutSeconds ?? defaultNestedTimeoutSeconds;
    this.#innerSeconds = options.innerSeconds ?? defaultInnerSeconds;
  }

  /** Makes Linux unless it is there, and the medium with everything that the runs need. */
  async prepare(): Promise<void> {
    const linux = await makeLinux(this.#stage);
    const innerRuns = await Promise.all(
      this.#plans.map(async (plan, n) => {
        const folder = folderOf(n);
        const [iso, elf] = [`${folder}/${basename(plan.iso)}`, `${folder}/${elfInLinux}`];
        const launch = await inner.prepare({ ...plan, directory: folder, iso, elf, serialPath: innerSerial });
        if (launch.args.some((word) => word.includes("\n"))) throw new ToolError("usage", "An argument has two lines.");
        this.#launches.push(launch);
        const file = plan.media === "iso" ? ([plan.iso, iso] as const) : ([plan.elf, elf] as const);
        return { args: launch.args, seconds: this.#innerSeconds, files: [file] };
      }),
    );
    await writeMedium(this.medium, linux, innerRuns, this.#directory);
  }

  async run(): Promise<RunResult[]> {
    const [directory, options, runs] = [this.#directory, this.#options, this.#runs];
    const plan: RunPlan = {
      directory,
      iso: this.medium,
      elf: "",
      commandLine: "",
      serialPath: join(directory, "linux.txt"),
      secondSerialPath: join(directory, "serial.txt"),
      media: "iso",
      firmware: "bios",
      cpu: undefined,
      memory: linuxMemory + Math.max(...this.#plans.map(({ memory }) => memory)),
      debugPort: undefined,
    };
    const started = performance.now();
    const report = new Report(runs.length, {
      onBegin: (n) => this.#stage(`QEMU boots Basalt under nested VMX, run ${n + 1} of ${runs.length}`),
      onLine: (n, line) => runs[n]?.onLine?.(line),
    });
    const launch = await bochs.prepare(plan);
    const watch = new Watch(this.#limit, options.signal);
    this.#stage("booting Linux in Bochs");
    const serial = new SerialFile(plan.secondSerialPath!, (line) => report.receive(line));
    try {
      const childEnd = await watch.run(launch, directory);
      serial.close();
      const outerEnd = await bochs.explain(childEnd, launch, null);
      const said = await lastLines(plan.serialPath);
      const cause = [`Linux did not run it to its end: ${outerEnd.cause}`, ...report.remarks, ...said].join("\n  ");
      const seconds = (performance.now() - started) / 1000;
      const texts = textsOf(serial.text);
      return await Promise.all(
        report.runs.map(async (run, n) => {
          const end = await this.#endOf(n, run, { ...outerEnd, cause });
          return {
            ...this.#judge(run, end, watch.stopped),
            result: run.result,
            lines: run.lines,
            serial: texts[n] ?? "",
            seconds,
            ticks: end.ticks,
            directory,
            logPath: launch.logPath,
          };
        }),
      );
    } finally {
      serial.close();
    }
  }

  #stage = (stage: string): void => this.#options.onStage?.(stage);

  /** How the inner machine ended; as Linux did if that ended first. */
  async #endOf(n: number, run: RunReport, outer: MachineEnd): Promise<MachineEnd> {
    if (run.status === null) {
      const contradiction = run.result === null ? null : outer.cause;
      return { started: run.hasBegun, cause: outer.cause, contradiction, ticks: null };
    }
    const output = run.remarks.filter((line) => !line.startsWith("KVM: ")).join("\n");
    const end = await inner.explain({ exitCode: run.status, signal: null, output }, this.#launches[n]!, run.result);
    return { ...end, ticks: ticksAtEnd(run.remarks) };
  }

  #judge(
    run: RunReport,
    end: MachineEnd,
    outerStopped: StopReason | null,
  ): Pick<RunResult, "on" | keyof ReturnType<typeof judge>> {
    const isOverdue = run.status === killedStatus && run.result === null;
    const verdict = judge({
      on: "nested",
      plan: { directory: this.#directory },
      end,
      result: run.result,
      stopped: run.status === null ? outerStopped : isOverdue ? "timeout" : null,
      limit: isOverdue ? `${this.#innerSeconds} s of the inner Linux's time` : `${this.#limit} s`,
      last: run.lines.slice(-shownLines),
    });
    const checks = failedEntryChecks(run.remarks);
    if (verdict.exit === "ok" || checks.length === 0) return { on: "nested", ...verdict };
    return { on: "nested", ...verdict, summary: `${verdict.summary}\nKVM refused a VM entry: ${checks.join("; ")}` };
  }
}

/** What each machine sent, out of all that came on COM2. */
function textsOf(text: string): string[] {
  const pieces = text.split(/^nested: run \d+ begins\n/m).slice(1);
  return pieces.map((piece) => piece.replace(/\n(?:nested: .*\n)*nested: run \d+ ended[^]*$/, ""));
}

async function lastLines(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .slice(-shownLines);
}
