// `basalt doctor`: judges dumps of VMCSs by every rule of VM entry, and of VMCBs by every rule of VMRUN.
import { existsSync, readFileSync } from "node:fs";
import { Command } from "commander";
import { build } from "../build/build.ts";
import { CPUS, findCpu } from "../doctor/capabilities/cpus.ts";
import { READ_MSRS, readCapabilities, type CapabilitiesRead } from "../doctor/capabilities/read-capabilities.ts";
import { Doctor, type Doctors } from "../doctor/doctor.ts";
import { isUnreadable, STRUCTURES, type Dump, type Note, type Structure, type Unreadable } from "../doctor/dump.ts";
import { examineAny, type ChosenCapabilities, type DumpExamination } from "../doctor/examine.ts";
import { judgeEncodings, readEncodings, type Encodings, type Judgement } from "../doctor/readers/encodings.ts";
import { readDump } from "../doctor/readers/read-dump.ts";
import { storeThrough } from "../doctor/readers/store-through.ts";
import { placeOf } from "../doctor/fields.ts";
import { rulesMarkdown } from "../doctor/rules-markdown.ts";
import { citation } from "../doctor/stages.ts";
import { ToolError } from "../errors.ts";
import { exitCodes, type ExitName } from "../exit-codes.ts";
import { examinationJson } from "../doctor/json.ts";
import { builtDoctor } from "../paths.ts";
import { fitTerminal, printError, printJson, printLine, stdoutColours } from "../terminal.ts";

interface DoctorCommandOptions {
  cpu: string | undefined;
  caps: string | undefined;
  fields: string | undefined;
  rule: string | undefined;
  markdown: boolean | string;
  build: boolean;
  json: boolean;
}

/** The verdicts, from the worst to the best: of several files the worst is the exit code. */
const VERDICTS = ["unreadable", "violated", "undecidable", "ok"] as const satisfies readonly ExitName[];
type Verdict = (typeof VERDICTS)[number];

const STANDARD_INPUT = "-";

const aboutFiles = `
What a FILE may be ("-" is standard input):
  a kernel log with Linux KVM's dump_vmcs, a VMCS dump of Xen, Basalt's own (loglevel=debug), a listing of
  "name: value" or "name = value" with the spellings of the SDM and of common projects, or JSON; of a VMCB a
  kernel log with Linux KVM's dump_vmcb (kvm_amd.dump_invalid_vmcb=1), Basalt's own dump, or JSON

What --cpu takes:
${CPUS.map(({ name, about }) => `  ${name.padEnd(16)}${about}`).join("\n")}

What --caps takes: MSRs 0x480 to 0x493 by name or index, CPUID as \`cpuid -r\` prints it, QEMU's vmxcap, /proc/cpuinfo,
or several of them in one file. As root on Linux, with msr-tools:
  modprobe msr; (${READ_MSRS}; cpuid -1 -r) > caps.txt

Without --cpu and --caps, a rule that depends on a capability "cannot be decided", and its condition is told.

What --json prints: an object for each file, and one for --fields; an array where there are several.
  file                what was read
  unreadable          alone, where the file cannot be read: line and reason
  format              kvm, xen, basalt, listing or json
  structure           vmcs or vmcb
  verdict             violated, undecidable or clean
  capabilitiesFrom    choice (--cpu or --caps), dump or nowhere
  rules, holds        how many rules there are; how many of VM entry hold
  violated, undecidable, advice
                      rules: slug, stage, order (of the stage), section, sentence; then hint, found (name,
                      encoding, value, line, required, bits, entry of the MSR area) and reads, or of undecidable
                      ones missing (kind, name) and condition
  notes               line and text: what of the file was not used, or used on an assumption
  encodings           alone, for --fields: wrong (name, place, text) and notes
Numbers are hexadecimal strings, but those of lines, bits, entries and counts.

A JSON dump holds {"fields": {"GUEST_CR0": "0x80000031", …}} by name or encoding, and where they are known
"capabilities", "state", and the VM-entry MSR-load area as "msrLoad": [["0x277", "0x7040600070406"], …].
Of a VMCB it holds {"vmcb": {"CR0": "0x80000031", …}} by name or offset instead of "fields".

Exit codes: ${exitCodes.ok.code} no rule is violated and all could be decided, ${exitCodes.violated.code} a rule is violated, or an encoding is wrong,
${exitCodes.undecidable.code} none is violated but some cannot be decided, ${exitCodes.unreadable.code} a file cannot be read.
`;

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("Judge a VMCS or a VMCB by every rule of VM entry: why an entry fails, or would.")
    .argument("[file...]", "dumps or listings; - is standard input")
    .option("--cpu <name>", "the processor, by one of the names below")
    .option("--caps <file>", "the processor, by its MSRs and CPUID as a tool printed them")
    .option("--fields <file>", "your own VMCS encodings, checked; a listing is stored through them")
    .option("--rule <slug>", "print a rule, or all whose slug holds this text")
    .option(
      "--markdown [structure]",
      "print all rules as docs/vm-entry-rules.md holds them, or docs/vmrun-rules.md (vmcb)",
      false,
    )
    .option("--no-build", "use build/doctor.wasm as it is")
    .option("--json", "print JSON", false)
    .addHelpText("after", aboutFiles)
    .action(async (files: string[], options: DoctorCommandOptions) => {
      const isAsked = options.fields !== undefined || options.rule !== undefined || options.markdown !== false;
      if (files.length === 0 && !isAsked) {
        throw new ToolError("usage", "Found no file; give a dump, - for standard input, --fields FILE or --rule SLUG.");
      }
      if (options.cpu !== undefined && options.caps !== undefined) {
        throw new ToolError("usage", "Found --cpu and --caps, expected one of them: which processor is it?");
      }
      if ((options.rule !== undefined || options.markdown !== false) && files.length > 0) {
        throw new ToolError(
          "usage",
          "Found a dump beside --rule or --markdown, which print rules: give one or the other.",
        );
      }
      if ([...files, options.caps, options.fields].filter((file) => file === STANDARD_INPUT).length > 1) {
        throw new ToolError("usage", "Found - more than once, expected it once: standard input can be read once.");
      }
      const structure = structureOf(options.markdown);
      const doctors = await loadDoctors(options.build);
      if (structure !== null) return printLine(rulesMarkdown(doctors[structure]).trimEnd());
      if (options.rule !== undefined) return printRules(doctors, options.rule, options.json);
      const verdicts = examineFiles(doctors, files, options);
      const worst = VERDICTS.find((verdict) => verdicts.includes(verdict)) ?? "ok";
      process.exitCode = exitCodes[worst].code;
    });
}

/** Whose rules --markdown asks for; null without it. */
function structureOf(markdown: boolean | string): Structure | null {
  if (markdown === false) return null;
  const wanted = STRUCTURES.find((structure) => structure === (markdown === true ? "vmcs" : markdown));
  if (wanted !== undefined) return wanted;
  throw new ToolError("usage", `Found "${String(markdown)}" behind --markdown, expected ${STRUCTURES.join(" or ")}.`);
}

async function loadDoctors(mayBuild: boolean): Promise<Doctors> {
  if (mayBuild) await build({ compiler: "gcc" }, ["build/doctor.wasm"]);
  if (!existsSync(builtDoctor)) throw new ToolError("build", "There is no build/doctor.wasm. Run `npm run build`.");
  return Doctor.loadAll(readFileSync(builtDoctor));
}

function examineFiles(doctors: Doctors, files: readonly string[], options: DoctorCommandOptions): Verdict[] {
  const processor = chooseProcessor(options);
  const encodings = options.fields === undefined ? null : readAs<Encodings>(options.fields, readEncodings);
  const verdicts: Verdict[] = [];
  const documents: unknown[] = [];
  if (encodings !== null) {
    const judgement = judgeEncodings(encodings);
    verdicts.push(judgement.wrong.length > 0 ? "violated" : "ok");
    if (options.json) documents.push({ file: options.fields, encodings: judgement });
    else printEncodings(options.fields!, encodings, judgement);
  }
  for (const file of files) {
    const dump = readFile(file, readDump);
    if (isUnreadable(dump)) {
      verdicts.push("unreadable");
      if (options.json) documents.push({ file, unreadable: dump });
      else printError(describeUnreadable(file, dump));
      continue;
    }
    const stored = encodings === null ? dump : storeThrough(dump, encodings);
    const examination = examineAny(doctors, stored, processor);
    verdicts.push(verdictOf(examination));
    if (options.json) documents.push({ file, ...examinationJson(stored, examination) });
    else printExamination(file, stored, examination, processor);
  }
  if (options.json) printJson(documents.length === 1 ? documents[0] : documents);
  return verdicts;
}

function chooseProcessor({ cpu, caps }: DoctorCommandOptions): ChosenCapabilities | null {
  if (cpu !== undefined) {
    const found = findCpu(cpu);
    if (typeof found === "string") throw new ToolError("usage", found);
    return found;
  }
  if (caps === undefined) return null;
  const { values, notes } = readAs<CapabilitiesRead>(caps, readCapabilities);
  return {
    name: caps,
    values: new Map([...values].map(([name, { value }]) => [name, value])),
    notes: notes.map(({ line, text }) => `${caps}:${line}: ${text}`),
  };
}

/** Reads a file that is not the matter itself: what cannot be read ends the command. */
function readAs<Result extends object>(file: string, read: (text: string) => Result | Unreadable): Result {
  const result = readFile(file, read);
  if (isUnreadable(result)) throw new ToolError("unreadable", describeUnreadable(file, result));
  return result;
}

/** A file that cannot be opened is unreadable in line 0. */
function readFile<Result>(file: string, read: (text: string) => Result): Result | Unreadable {
  try {
    return read(readFileSync(file === STANDARD_INPUT ? 0 : file, "utf8"));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    const found = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "a directory" : `the error ${code}`;
    return { line: 0, reason: `Found ${found}, expected a text file, or - for standard input.` };
  }
}

function nameOf(file: string): string {
  return file === STANDARD_INPUT ? "standard input" : file;
}

function describeUnreadable(file: string, { line, reason }: Unreadable): string {
  return `${nameOf(file)}${line === 0 ? "" : `:${line}`}: ${reason}`;
}

function verdictOf({ findings }: DumpExamination): Verdict {
  const failing = findings.filter(({ rule }) => rule.stage !== "advice");
  if (failing.some(({ outcome }) => outcome === "violated")) return "violated";
  return failing.some(({ outcome }) => outcome === "undecidable") ? "undecidable" : "ok";
}

function printEncodings(file: string, encodings: Encodings, { wrong, notes }: Judgement): void {
  const count = wrong.length === 1 ? "one is wrong" : `${wrong.length} are wrong`;
  printLine(
    stdoutColours.bold(`${file}: ${encodings.size} encodings, ${wrong.length === 0 ? "none is wrong" : count}`),
  );
  for (const { place, text } of [...wrong, ...notes])
    printLine(`  ${place === null ? "" : `line ${place.line}: `}${text}`);
}

function printExamination(
  file: string,
  dump: Dump,
  examination: DumpExamination,
  processor: ChosenCapabilities | null,
): void {
  const from = { choice: processor?.name ?? "", dump: "as the dump gives them", nowhere: "not known" };
  const count = `${dump.fields.size} fields of a ${dump.structure.toUpperCase()} (${dump.format})`;
  printLine(stdoutColours.bold(`${nameOf(file)}: ${count}, capabilities: ${from[examination.capabilitiesFrom]}`));
  const remarks = examination.remarks.map((text): Note => ({ place: null, text }));
  for (const { place, text } of [...dump.notes, ...remarks]) {
    const note = `  note: ${place === null || place.line === 0 ? "" : `line ${place.line}: `}${text}`;
    for (const line of fitTerminal(note)) printLine(stdoutColours.dim(line));
  }
  for (const line of examination.report.trimEnd().split("\n")) fitTerminal(line).forEach(printLine);
}

function printRules(doctors: Doctors, text: string, json: boolean): void {
  const rules = [...doctors.vmcs.rules, ...doctors.vmcb.rules].filter(({ slug }) => slug.includes(text));
  if (rules.length === 0)
    throw new ToolError(
      "usage",
      `Found no rule whose slug holds "${text}"; see docs/vm-entry-rules.md and docs/vmrun-rules.md.`,
    );
  if (json) return printJson(rules);
  for (const rule of rules) {
    const { slug, section, sentence, hint, inputs } = rule;
    printLine(`${stdoutColours.bold(slug)}${section === "" ? "" : ` (${citation(rule)})`}`);
    fitTerminal(`  ${sentence}`).forEach(printLine);
    if (hint !== "") fitTerminal(`  hint: ${hint}`).forEach(printLine);
    const names = inputs.map(({ kind, name, number }) => (kind === "field" ? `${name} (${placeOf(number)})` : name));
    fitTerminal(`  reads: ${names.join(", ")}`).forEach(printLine);
  }
}
