// The boot command line: `guest=hlt quiet loglevel=debug …`.

import { MAXIMUM_COMMAND_LINE } from "./boot-information";
import { FurtherModules } from "./further-modules";
import { decimal, indexOf, list, memorySize, NO_MEMORY_SIZE, NO_NUMBER } from "./option-values";
import { CONSOLE_LINES, CONSOLE_NAMES, VmDescription } from "./vm-description";
import { DEFENCE_NAMES, DEFENCES_AUTOMATIC } from "../cpu/defences";
import { END_AUTOMATIC, END_NAMES } from "../firmware/end-choice";
import { Watch } from "../watch/watch";
import { WatchReading } from "../watch/watch-option";
import { Console, LEVEL_INFO, LEVEL_NAMES, LEVEL_WARNING } from "../console/console";
import { MAX_CPUS, MAX_VMS } from "../processors/shared-words";

const KNOWN: string =
  "guest=NAME[,NAME...][+NAME...], cpus=N|all|available, iterations=N, ticks=N, repeat=N, defences=auto|none|NAME[,NAME...], loglevel=error|warning|info|debug, quiet, strict, doctor=NAME, probe, vmx-script, mutate=all, memory=SIZE, initrd=module:N, disk=module:N[:readonly]|ram:SIZE, load=flat, populate=touch|start, watch=VM:START-END:KIND:ACTION, step=auto|tf, console=lines|raw, answer=N, end=NAME, fail=NAME; behind -- a module's own";

/** What `fail=` makes happen on purpose, so that the reports of host failures can be seen and tested. */
export const FAIL_NOTHING: u32 = 0;
export const FAIL_ASSERTION: u32 = 1;
export const FAIL_EXCEPTION: u32 = 2;
export const FAIL_STACK: u32 = 3;
export const FAIL_BOUNDS: u32 = 4;
/** The VMCS of each guest gets an EPTP beyond MAXPHYADDR, or access rights of GS that say nothing. */
export const FAIL_ENTRY_CONTROLS: u32 = 5;
export const FAIL_ENTRY_STATE: u32 = 6;
/** CPU 1 and those behind it get no start-up interrupt, find themselves different, or panic when their first VMs have ended. */
export const FAIL_PROCESSOR_SILENT: u32 = 7;
export const FAIL_PROCESSOR_DIFFERS: u32 = 8;
export const FAIL_PROCESSOR_PANICS: u32 = 9;
const FAIL_NAMES: StaticArray<string> = [
  "nothing",
  "assertion",
  "exception",
  "stack",
  "bounds",
  "entry-controls",
  "entry-state",
  "processor-silent",
  "processor-differs",
  "processor-panics",
];

/** `doctor=`: when the rules of VM entry are gone through. */
const DOCTOR_NAMES: StaticArray<string> = ["on-failure", "strict"];

/** `step=`: how one instruction is made to run by itself. */
const STEP_NAMES: StaticArray<string> = ["auto", "tf"];
/** `populate=`: when a guest's RAM is taken and zeroed. */
const POPULATE_NAMES: StaticArray<string> = ["touch", "start"];

/** No guest that a vmm loads: it runs alone, and needs none. */
const MUTATION: string = "mutate";
const MAXIMUM_ROUNDS: u64 = 1000000;
/** What is behind this word is for the guest. */
const SEPARATOR: string = "--";

const DEFAULT_MEMORY: u64 = 128 << 20;
/** A third of a minute at 3 GHz. */
const DEFAULT_ANSWER_TICKS: u64 = 60000000000;

/** Of a wrong option, so that what is wrong with it fits the line too. */
const SHOWN_LETTERS: i32 = 60;

/** A watch of the option `watch`, and the VM that it is for, by its number or its name. */
export class WatchChoice {
  constructor(
    readonly vm: string,
    readonly watch: Watch,
    /** The option's value, to tell of it. */
    readonly value: string,
  ) {}
}

/** The options, with their defaults where the command line names none. */
export class BootOptions {
  /** The groups run one after the other, the VMs of a group side by side. `describeVms` (vms.ts) completes them. */
  readonly groups: Array<Array<VmDescription>> = [[new VmDescription()]];
  /** `guest=` was there. */
  namesGuests: bool = false;
  /** `cpus=N`: how many processors are used, 1 to 64; 0: all. */
  cpuLimit: u32 = 0;
  /** `cpus=available`: a processor that does not start is left out, instead of ending the run. */
  leavesFailedCpusOut: bool = false;
  /** Bytes of RAM for a guest that is a boot module. */
  memory: u64 = DEFAULT_MEMORY;
  /** Initrd and disk of each guest that is a boot module and has none of its own. */
  readonly further: FurtherModules = new FurtherModules();
  /** The command line for a boot module that the loader gave none. */
  guestCommandLine: string = "";
  /** How often the guests `hlt` and `count` exit before they end. */
  iterations: u64 = 1000000;
  /** What is done against speculative execution when another VM runs: DEFENCES_AUTOMATIC or bits of DEFENCE_*. */
  defences: u32 = DEFENCES_AUTOMATIC;
  /** TSC ticks that each VM may run; 0: no limit but a guest's own. */
  ticks: u64 = 0;
  /** How often all guests run, 1 to MAXIMUM_ROUNDS. */
  rounds: u64 = 1;
  logLevel: u32 = LEVEL_INFO;
  /** Refuse to start where the CPU's capabilities contradict each other, instead of warning. */
  isStrict: bool = false;
  /** Judge each VMCS by the rules of VM entry before its first entry, and refuse to enter where one is violated. */
  isDoctorStrict: bool = false;
  /** Enable VMX, say so in one line, and end: for `basalt probe`. */
  isProbe: bool = false;
  /** Run hv/core/vmx/script.ts instead of guests. */
  isScript: bool = false;
  /** `guest=mutate`: run hv/core/vmx/mutate instead of guests. */
  isMutation: bool = false;
  /** `mutate=all`: also what no real machine would survive. */
  isMutationWhole: bool = false;
  /** `step=tf`: watched accesses are stepped over by RFLAGS.TF also where there is a monitor trap flag. */
  stepsByTf: bool = false;
  /** `watch=`, which may come several times. */
  readonly watches: Array<WatchChoice> = [];
  /** TSC ticks that a watch waits for each command of the host line. */
  answerTicks: u64 = DEFAULT_ANSWER_TICKS;
  /** `populate=start`: all RAM of a guest is there, and zeroed, before it starts. */
  populatesAtStart: bool = false;
  /** One of CONSOLE_*: of each VM that does not say. */
  console: i32 = CONSOLE_LINES;
  /** One of END_*. */
  end: u32 = END_AUTOMATIC;
  fail: u32 = FAIL_NOTHING;

  /** Reads all of `commandLine`. False where an option is unknown or has a wrong value; each one is named. */
  parse(commandLine: string, console: Console): bool {
    let isGood = <u32>commandLine.length <= MAXIMUM_COMMAND_LINE;
    if (!isGood) console.error().text("the boot command line has more than 4096 letters; shorten it").end();
    const words = this.takeGuestPart(commandLine).split(" ");
    for (let i = 0; i < words.length; i++) {
      const word = words[i];
      if (word.length == 0) continue;
      const equals = word.indexOf("=");
      const name = equals < 0 ? word : word.slice(0, equals);
      const value = equals < 0 ? "" : word.slice(equals + 1);
      const problem = this.apply(name, value, equals >= 0);
      if (problem.length == 0) continue;
      refuseOption(console, word, problem);
      isGood = false;
    }
    return isGood;
  }

  /** Keeps what is behind the word "--"; returns what is before it. */
  private takeGuestPart(commandLine: string): string {
    // With a space at both ends the word has spaces round it wherever it stands.
    const padded = " " + commandLine + " ";
    const at = padded.indexOf(" " + SEPARATOR + " ");
    if (at < 0) return commandLine;
    this.guestCommandLine = commandLine.slice(at + SEPARATOR.length + 1);
    return commandLine.slice(0, at);
  }

  /** Applies one option; returns what is wrong with it, "" if nothing is. */
  private apply(name: string, value: string, hasValue: bool): string {
    if (name == "guest") return this.applyGuests(value);
    if (name == "iterations") return this.applyIterations(value);
    if (name == "ticks") return this.applyTicks(value);
    if (name == "repeat") return this.applyRepeat(value);
    if (name == "defences") return this.applyDefences(value);
    if (name == "loglevel") return this.applyLogLevel(value);
    if (name == "end") return this.applyEnd(value);
    if (name == "fail") return this.applyFail(value);
    if (name == "doctor") return this.applyDoctor(value);
    if (name == "populate") return this.applyPopulate(value);
    if (name == "step") return this.applyStep(value);
    if (name == "watch") return this.applyWatch(value);
    if (name == "cpus") return this.applyCpus(value);
    if (name == "answer") return this.applyAnswer(value);
    if (name == "console") return this.applyConsole(value);
    if (name == "mutate") return this.applyMutate(value);
    if (name == "memory") return this.applyMemory(value);
    if (name == "initrd") return this.further.chooseInitrd(value);
    if (name == "disk") return this.further.chooseDisk(value);
    if (name == "load") return this.further.chooseLoad(value);
    const isFlag = name == "quiet" || name == "strict" || name == "probe" || name == "vmx-script";
    if (!isFlag) return "unknown option; Basalt knows " + KNOWN;
    if (hasValue) return "takes no value; write '" + name + "'";
    if (name == "quiet") this.logLevel = LEVEL_WARNING;
    if (name == "strict") this.isStrict = true;
    if (name == "probe") this.isProbe = true;
    if (name == "vmx-script") this.isScript = true;
    return "";
  }

  private applyGuests(value: string): string {
    this.namesGuests = true;
    this.isMutation = value == MUTATION;
    if (this.isMutation) return "";
    const groups = value.split(",");
    let guests = 0;
    this.groups.length = 0;
    for (let i = 0; i < groups.length; i++) {
      const names = groups[i].split("+");
      const group = new Array<VmDescription>();
      guests += names.length;
      if (guests > <i32>MAX_VMS) return "at most 16 guests run in one boot";
      for (let j = 0; j < names.length; j++) {
        const vm = new VmDescription();
        const problem = vm.choose(names[j], ", and mutate by itself");
        if (problem.length != 0) return problem;
        group.push(vm);
      }
      this.groups.push(group);
    }
    return "";
  }

  private applyCpus(value: string): string {
    this.leavesFailedCpusOut = value == "available";
    this.cpuLimit = 0;
    if (value == "all" || this.leavesFailedCpusOut) return "";
    const limit = decimal(value);
    if (limit == 0 || limit > MAX_CPUS) return "expected all, available, or a number from 1 to 64";
    this.cpuLimit = <u32>limit;
    return "";
  }

  private applyWatch(value: string): string {
    const parts = value.split(":");
    if (parts.length != 4) return "expected VM:START-END:KIND:ACTION, as in 0:30000-31000:nofetch:log";
    const reading = new WatchReading(parts[1], parts[2], parts[3]);
    const watch = reading.watch;
    if (watch) this.watches.push(new WatchChoice(parts[0], watch, value));
    return reading.problem;
  }

  private applyMutate(value: string): string {
    this.isMutationWhole = value == "all";
    return this.isMutationWhole ? "" : "expected all";
  }

  private applyStep(value: string): string {
    const by = indexOf(STEP_NAMES, value);
    if (by < 0) return "expected one of " + list(STEP_NAMES);
    this.stepsByTf = by == 1;
    return "";
  }

  private applyPopulate(value: string): string {
    const when = indexOf(POPULATE_NAMES, value);
    if (when < 0) return "expected one of " + list(POPULATE_NAMES);
    this.populatesAtStart = when == 1;
    return "";
  }

  private applyIterations(value: string): string {
    this.iterations = decimal(value);
    return this.iterations == 0 ? NO_NUMBER : "";
  }

  private applyTicks(value: string): string {
    this.ticks = decimal(value);
    return this.ticks == 0 ? NO_NUMBER : "";
  }

  private applyRepeat(value: string): string {
    this.rounds = decimal(value);
    return this.rounds == 0 || this.rounds > MAXIMUM_ROUNDS ? "expected a number from 1 to 1000000" : "";
  }

  private applyAnswer(value: string): string {
    this.answerTicks = decimal(value);
    return this.answerTicks == 0 ? NO_NUMBER : "";
  }

  private applyDefences(value: string): string {
    this.defences = value == "auto" ? DEFENCES_AUTOMATIC : 0;
    if (value == "auto" || value == "none") return "";
    const names = value.split(",");
    for (let i = 0; i < names.length; i++) {
      const defence = indexOf(DEFENCE_NAMES, names[i]);
      if (defence < 0) return "no such defence; expected auto, none, or some of " + list(DEFENCE_NAMES);
      this.defences |= (<u32>1) << defence;
    }
    return "";
  }

  private applyConsole(value: string): string {
    this.console = indexOf(CONSOLE_NAMES, value);
    return this.console < 0 ? "expected one of " + list(CONSOLE_NAMES) : "";
  }

  private applyMemory(value: string): string {
    const bytes = memorySize(value);
    if (bytes != 0) this.memory = bytes;
    return bytes == 0 ? NO_MEMORY_SIZE : "";
  }

  private applyLogLevel(value: string): string {
    const level = indexOf(LEVEL_NAMES, value);
    if (level < 0) return "no such level; expected one of " + list(LEVEL_NAMES);
    this.logLevel = <u32>level;
    return "";
  }

  private applyEnd(value: string): string {
    const end = indexOf(END_NAMES, value);
    if (end < 0) return "no such end; expected one of " + list(END_NAMES);
    this.end = <u32>end;
    return "";
  }

  private applyDoctor(value: string): string {
    const doctor = indexOf(DOCTOR_NAMES, value);
    if (doctor < 0) return "the doctor does not work that way; expected one of " + list(DOCTOR_NAMES);
    this.isDoctorStrict = doctor == 1;
    return "";
  }

  private applyFail(value: string): string {
    const fail = indexOf(FAIL_NAMES, value);
    if (fail < 0) return "nothing fails by that name; expected one of " + list(FAIL_NAMES);
    this.fail = <u32>fail;
    return "";
  }
}

/** Tells what is wrong with an option. */
export function refuseOption(console: Console, word: string, problem: string): void {
  const shown = word.length > SHOWN_LETTERS ? word.slice(0, SHOWN_LETTERS) + "..." : word;
  console.error().text("boot option '").text(shown).text("': ").text(problem).end();
}
