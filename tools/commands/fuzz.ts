// `basalt fuzz`: has hostile guests do their worst to the vmm, for as long as one likes.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { wholeNumber } from "../arguments.ts";
import { COUNTED_VMM } from "../build/ninja-file.ts";
import { exitCodes } from "../exit-codes.ts";
import { Episode, type Found, fuzz } from "../fuzz/episodes.ts";
import { BUDGET, HostileVm } from "../fuzz/hostile-vm.ts";
import { replay, shrink } from "../fuzz/shrink.ts";
import { interruptible } from "../interrupt.ts";
import { root } from "../paths.ts";
import { Progress } from "../progress.ts";
import { printError, printLine, printStatus } from "../terminal.ts";

const OPERATIONS = 10_000_000;
const MOST_MINUTES = 100_000;
const SHRINK_MILLISECONDS = 60_000;
const LARGEST_SEED = 0xffff_ffff;

interface FuzzOptions {
  readonly minutes?: number;
  readonly operations?: number;
  readonly seed?: number;
  readonly build: boolean;
}

export function fuzzCommand(): Command {
  return new Command("fuzz")
    .description(
      "Send vmm.wasm, in Node, what hostile guests can: ports, memory, MSRs, interrupts, virtio rings, kernels and instructions, right and wrong.",
    )
    .option("--minutes <n>", "go on for so long", wholeNumber(1, MOST_MINUTES))
    .option(
      "--operations <n>",
      `go on for so many exits (default: ${OPERATIONS}, or what the minutes hold)`,
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    )
    .option("--seed <n>", "repeat the run that had this seed (default: a new one)", wholeNumber(0, LARGEST_SEED))
    .option("--no-build", "fuzz build/vmm-counted.wasm as it is")
    .addHelpText(
      "after",
      [
        "",
        "A finding is a trap, a call that takes too long, or an effect outside the VM. It is told with the exits that it needs,",
        "and the exit code is 9. The same seed and operations find it again.",
      ].join("\n"),
    )
    .action(async (options: FuzzOptions) => interruptible((signal) => run(options, signal)));
}

async function run(options: FuzzOptions, signal: AbortSignal): Promise<void> {
  if (options.build) await buildCounted();
  const seed = options.seed ?? Math.floor(Math.random() * (LARGEST_SEED + 1));
  const operations = options.operations ?? (options.minutes === undefined ? OPERATIONS : Infinity);
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const end = options.minutes === undefined ? Infinity : 60 * options.minutes;
  const vm = await HostileVm.start(await readFile(join(root, COUNTED_VMM)));
  const progress = new Progress(`fuzzing with seed ${seed}`);
  let told = 0;
  const mayGoOn = (): boolean => {
    const now = Math.floor(seconds() / 10);
    if (now !== told && process.stderr.isTTY)
      progress.relabel(`fuzzing with seed ${seed}: ${millions(vm.operations)} exits`);
    told = now;
    return seconds() < end && !signal.aborted;
  };
  const found = await fuzz(vm, { seed, operations, mayGoOn }).finally(() => progress.end());
  const speed = Math.round(vm.operations / seconds() / 1000);
  if (found) return tell(vm, seed, found, signal);
  const most = Math.max(...vm.most);
  printLine(
    `fuzz: nothing found in ${vm.operations} exits with seed ${seed}, ${speed} thousand a second; ` +
      `the longest call took ${most} iterations of ${BUDGET}`,
  );
  if (signal.aborted) process.exitCode = exitCodes.interrupted.code;
}

async function buildCounted(): Promise<void> {
  const { build } = await import("../build/build.ts");
  await build({ compiler: "gcc" }, [COUNTED_VMM]);
}

function millions(operations: number): string {
  return `${(operations / 1e6).toFixed(1)} million`;
}

/** Tells what was found, with the fewest steps that lead to it. */
function tell(vm: HostileVm, seed: number, { at, finding }: Found, signal: AbortSignal): void {
  process.exitCode = exitCodes.tests.code;
  printError(`${finding.message}.`);
  if (at === null) return printError(`Seen at the end of the run with seed ${seed}.`);
  const { episode, step } = at;
  const current = new Episode(seed, episode);
  printStatus(`looking for what of the ${step + 1} steps of episode ${episode} (${current.traffic.name}) it needs`);
  const end = performance.now() + SHRINK_MILLISECONDS;
  const steps = shrink(vm, current, step, finding, () => performance.now() < end && !signal.aborted);
  for (const line of replay(vm, current, steps)) printLine(line);
  printError(`Found with --seed ${seed} in episode ${episode}, after ${vm.operations} exits at most.`);
}
