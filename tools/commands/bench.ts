// `basalt bench`: measures what Basalt costs and holds it against the bars.
import { Command } from "commander";
import { exitCounts } from "../bench/exits.ts";
import { vmBoot } from "../bench/linux.ts";
import { judgeMeasure, linux, nested, repeatable, timed, wordBar, type Measured } from "../bench/measures.ts";
import { exitCodes } from "../exit-codes.ts";
import { Progress } from "../progress.ts";
import { printError, printJson, printLine, stdoutColours } from "../terminal.ts";
import { buildImage } from "./build.ts";

interface BenchOptions {
  readonly build: boolean;
  readonly nested: boolean;
  readonly linux: boolean;
  readonly start: boolean;
  readonly json: boolean;
}

export function benchCommand(): Command {
  return new Command("bench")
    .description(
      "Measure Basalt and hold it against its bars; a tick is an instruction of the emulator, on any machine.",
    )
    .option("--no-build", "measure the image as it is")
    .option("--no-nested", "leave out what is measured under nested KVM, which takes a minute")
    .option("--no-linux", "leave out the boots of Debian's Linux, which take minutes")
    .option("--no-start", "leave out the time of `npm start`")
    .option("--json", "print JSON", false)
    .action(bench);
}

async function bench({ build, nested: withNested, linux: withLinux, start, json }: BenchOptions): Promise<void> {
  if (build) await buildImage();
  const rows: Measured[] = [];
  const measures = [
    ...repeatable,
    ...(withNested ? [nested] : []),
    ...(withLinux ? linux : []),
    ...(start ? timed : []),
  ];
  for (const measure of measures) {
    const progress = new Progress(`measuring: ${measure.name}`);
    rows.push(judgeMeasure(measure, await measure.measure().finally(() => progress.end())));
  }
  if (json) printJson(rows);
  else {
    tableOf(rows).forEach(printLine);
    if (withLinux) await printExits();
  }
  for (const row of rows.filter(({ isMet }) => !isMet)) {
    printError(`${row.name}: found ${show(row.value)} ${row.unit}, expected ${wordBar(row)}.`);
    process.exitCode = exitCodes.tests.code;
  }
}

/** The exits of Linux in a VM by their reasons, and why it takes them. */
async function printExits(): Promise<void> {
  for (const [on, where] of [["bochs", "by VMX in Bochs"] as const, ["tcg", "by SVM in QEMU's TCG"] as const]) {
    printLine(`\nVM exits of Linux to the prompt of its shell, ${where}:`);
    for (const { reason, exits, share, need } of exitCounts(await vmBoot(on, false))) {
      printLine(`${String(exits).padStart(8)}  ${(100 * share).toFixed(1).padStart(5)} %  ${reason}${explain(need)}`);
    }
  }
}

function explain(need: string | undefined): string {
  return need === undefined ? "" : `: ${need}`;
}

/** The rows as aligned columns: value, unit, bar, verdict, name. */
function tableOf(rows: readonly Measured[]): string[] {
  const values = rows.map(({ value, unit }) => `${show(value)} ${unit}`);
  const bars = rows.map(({ bar, isLeast }) => (bar === null ? "no bar" : `bar ${isLeast ? "from " : ""}${bar}`));
  const width = (column: readonly string[]): number => Math.max(...column.map((cell) => cell.length));
  return rows.map((row, n) => {
    return [values[n]!.padStart(width(values)), bars[n]!.padEnd(width(bars)), verdictOf(row), row.name].join("  ");
  });
}

function verdictOf({ bar, isMet }: Measured): string {
  if (bar === null) return "      ";
  return isMet ? stdoutColours.green("met   ") : stdoutColours.red("missed");
}

function show(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}
