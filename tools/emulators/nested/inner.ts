// A machine inside: how QEMU is started in the Linux that Bochs boots, and how the run there ended.
import { basename } from "node:path";
import { ToolError } from "../../errors.ts";
import type { Launch, Machine, MachineEnd, RunPlan } from "../machine.ts";
import { qemu } from "../qemu.ts";
import { planRun, shownLines, type RunOptions, type RunResult } from "../run.ts";
import { judge, type StopReason, type Verdict } from "../verdict.ts";
import { failedEntryChecks, ticksAtEnd, type RunReport } from "./report.ts";

/** A run to be made in Linux. */
export interface InnerRun {
  /** Its plan here; the same in Linux is in `launch`. */
  readonly plan: RunPlan;
  readonly launch: Launch;
  /** Its folder in Linux. */
  readonly folder: string;
  /** The files that it boots: where each is here, and its path in Linux. */
  readonly boots: readonly (readonly [from: string, to: string])[];
  /** Its limit, in seconds of Linux's own time. */
  readonly seconds: number;
}

/** What came of Linux itself. */
export interface OuterEnd {
  readonly directory: string;
  /** How it ended, for runs that it did not make to their end. */
  readonly cause: string;
  /** What it said before the first run. */
  readonly remarks: readonly string[];
  readonly stopped: StopReason | null;
  /** The limit of the whole boot, in seconds. */
  readonly limit: number;
}

/** The most RAM that was tried, in MiB. */
const mostMemory = 1024;

/** Bochs's COM2, which Linux's init writes to as well. */
const serialPort = "/dev/ttyS1";

/** QEMU's exit status when it was killed: at its time limit, or by Linux, which says so. */
const killedStatus = 128 + 9;
const outOfMemory = /out of memory/i;

const machine: Machine = {
  ...qemu("kvm"),
  refuse(plan) {
    if (plan.debugPort !== undefined) {
      return "gdb cannot reach the machine in Linux in Bochs. Use --debug with --on kvm.";
    }
    if (plan.firmware === "uefi") return "Linux in Bochs has no UEFI firmware for QEMU. Leave out --firmware uefi.";
    if (plan.memory <= mostMemory) return qemu("kvm").refuse(plan);
    return `Linux in Bochs has ${mostMemory} MiB at most for a machine, not ${plan.memory}. Give --machine-memory less.`;
  },
};

/** Plans run `n` of a boot in `directory`. Throws a ToolError where it cannot be tried. */
export async function planInnerRun(
  options: RunOptions,
  n: number,
  directory: string,
  seconds: number,
): Promise<InnerRun> {
  const plan = await planRun(machine, options, directory);
  // Linux's init takes the folders in alphabetical order.
  const folder = `/runs/${String(n).padStart(3, "0")}`;
  const here = plan.media === "kernel" ? plan.elf : plan.iso;
  const there = `${folder}/${basename(here)}`;
  const boots: (readonly [string, string])[] = [[here, there]];
  const kernelPaths = (plan.kernelPaths ?? []).map((_, guest) => `${folder}/guest${guest + 1}`);
  if (plan.media === "kernel") {
    for (const [guest, path] of kernelPaths.entries()) boots.push([plan.kernelPaths![guest]!, path]);
  }
  const paths = { directory: folder, iso: there, elf: there, serialPath: serialPort };
  const launch = await machine.prepare({ ...plan, ...paths, kernelPaths });
  if (launch.args.some((word) => word.includes("\n"))) {
    throw new ToolError("usage", "An argument holds a line break; Linux's init reads one argument a line.");
  }
  return { plan, launch, folder, boots, seconds };
}

/** How the run ended: as QEMU's exit status tells, or as Linux did if that ended first. */
export async function judgeInnerRun(
  run: InnerRun,
  report: RunReport,
  outer: OuterEnd,
): Promise<Verdict & Pick<RunResult, "on" | "ticks">> {
  const lacksMemory = report.remarks.some((remark) => outOfMemory.test(remark));
  const isOverdue = report.status === killedStatus && !lacksMemory && report.result === null;
  const end = report.status === null ? endWithLinux(report, outer.cause) : await endOfQemu(run, report, report.status);
  const verdict = judge({
    on: "nested",
    plan: { directory: outer.directory },
    end,
    result: report.result,
    stopped: report.status === null ? outer.stopped : isOverdue ? "timeout" : null,
    limit: isOverdue ? `${run.seconds} s of Linux's time` : `${outer.limit} s`,
    last: report.lines.slice(-shownLines),
  });
  const checks = failedEntryChecks(report.remarks).slice(-shownLines);
  const refused = checks.length === 0 ? "" : `\nKVM refused a VM entry: ${checks.join("; ")}`;
  const before = outer.remarks.map((remark) => `\nBefore the first run: ${remark}`).join("");
  const more = verdict.exit === "ok" ? "" : refused + before;
  return { on: "nested", ...verdict, summary: verdict.summary + more, ticks: end.ticks };
}

function endWithLinux({ hasBegun, result }: RunReport, cause: string): MachineEnd {
  return { started: hasBegun, cause, contradiction: result === null ? null : cause, ticks: null };
}

async function endOfQemu({ launch }: InnerRun, report: RunReport, exitCode: number): Promise<MachineEnd> {
  const output = report.remarks.filter((line) => !line.startsWith("KVM: ")).join("\n");
  const end = await machine.explain({ exitCode, signal: null, output }, launch, report.result);
  return { ...end, ticks: ticksAtEnd(report.remarks) };
}
