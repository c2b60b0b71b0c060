// The boot command line: `guest=hlt quiet loglevel=debug …`.

import { GUEST_MODULE, GUEST_NAMES } from "../../shared/guests";
import { MAXIMUM_COMMAND_LINE } from "./boot-information";
import { MAXIMUM_MODULES } from "./boot-modules";
import { DEFENCE_NAMES, DEFENCES_AUTOMATIC } from "../cpu/defences";
import { END_AUTOMATIC, END_NAMES } from "../firmware/end-choice";
import { Watch } from "../watch/watch";
import { addWatch } from "../watch/watch-option";
import { Console, LEVEL_INFO, LEVEL_NAMES, LEVEL_WARNING } from "../console/console";

const KNOWN: string =
  "guest=NAME[,NAME...][+NAME...], iterations=N, ticks=N, defences=auto|none|NAME[,NAME...], loglevel=error|warning|info|debug, quiet, strict, doctor=NAME, probe, vmx-script, mutate=all, memory=SIZE, populate=touch|start, watch=VM:START-END:KIND:ACTION, step=auto|tf, answer=N, end=NAME, fail=NAME; behind -- a module's own";

/** What `fail=` makes happen on purpose, so that the reports of host failures can be seen and tested. */
export const FAIL_NOTHING: u32 = 0;
export const FAIL_ASSERTION: u32 = 1;
export const FAIL_EXCEPTION: u32 = 2;
export const FAIL_STACK: u32 = 3;
export const FAIL_BOUNDS: u32 = 4;
/** The VMCS of each guest gets an EPTP beyond MAXPHYADDR, or access rights of GS that say nothing. */
export const FAIL_ENTRY_CONTROLS: u32 = 5;
export const FAIL_ENTRY_STATE: u32 = 6;
const FAIL_NAMES: StaticArray<string> = [
  "nothing",
  "assertion",
  "exception",
  "stack",
  "bounds",
  "entry-controls",
  "entry-state",
];

/** `doctor=`: when the rules of VM entry are gone through. */
const DOCTOR_NAMES: StaticArray<string> = ["on-failure", "strict"];

/** `step=`: how one instruction is made to run by itself. */
const STEP_NAMES: StaticArray<string> = ["auto", "tf"];
/** `populate=`: when a guest's RAM is taken and zeroed. */
const POPULATE_NAMES: StaticArray<string> = ["touch", "start"];

/** No guest that a vmm loads: it runs alone, and needs none. */
const MUTATION: string = "mutate";
const MAXIMUM_GUESTS: i32 = 8;
/** `guest=module` is the first boot module, `guest=module:2` the second. */
const MODULE_PREFIX: string = "module:";
/** What is behind this word is for the guest. */
const SEPARATOR: string = "--";

const MIB: u64 = 1 << 20;
/** RAM comes in large pages, and ends below the vmm's own half of its memory. */
const MEMORY_STEP: u64 = 2 * MIB;
const LEAST_MEMORY: u64 = 2 * MIB;
const MOST_MEMORY: u64 = 3072 * MIB;
const DEFAULT_MEMORY: u64 = 128 * MIB;
/** A third of a minute at 3 GHz. */
const DEFAULT_ANSWER_TICKS: u64 = 60000000000;

/** Of a wrong option, so that what is wrong with it fits the line too. */
const SHOWN_LETTERS: i32 = 60;

/** A guest that the option `guest` names: its number in hv/shared/guests.ts, and which boot module it is, from 0 on. */
export class GuestChoice {
  constructor(
    readonly guest: u32,
    readonly module: u32,
  ) {}
}

/** The options, with their defaults where the command line names none. */
export class BootOptions {
  /** The groups run one after the other, the VMs of a group side by side, each guest in a VM of its own. */
  readonly groups: Array<Array<GuestChoice>> = [[new GuestChoice(0, 0)]];
  /** Bytes of RAM for a guest that is a boot module. */
  memory: u64 = DEFAULT_MEMORY;
  /** The command line for a boot module that the loader gave none. */
  guestCommandLine: string = "";
  /** How often the guests `hlt` and `count` exit before they end. */
  iterations: u64 = 1000000;
  /** What is done against speculative execution when another VM runs: DEFENCES_AUTOMATIC or bits of DEFENCE_*. */
  defences: u32 = DEFENCES_AUTOMATIC;
  /** TSC ticks that each VM may run; 0: no limit but a guest's own. */
  ticks: u64 = 0;
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
  readonly watches: Array<Watch> = [];
  /** TSC ticks that a watch waits for each command of the host line. */
  answerTicks: u64 = DEFAULT_ANSWER_TICKS;
  /** `populate=start`: all RAM of a guest is there, and zeroed, before it starts. */
  populatesAtStart: bool = false;
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
      const shown = word.length > SHOWN_LETTERS ? word.slice(0, SHOWN_LETTERS) + "..." : word;
      console.error().text("boot option '").text(shown).text("': ").text(problem).end();
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
    if (name == "defences") return this.applyDefences(value);
    if (name == "loglevel") return this.applyLogLevel(value);
    if (name == "end") return this.applyEnd(value);
    if (name == "fail") return this.applyFail(value);
    if (name == "doctor") return this.applyDoctor(value);
    if (name == "populate") return this.applyPopulate(value);
    if (name == "step") return this.applyStep(value);
    if (name == "watch") return addWatch(value, this.watches);
    if (name == "answer") return this.applyAnswer(value);
    if (name == "mutate") return this.applyMutate(value);
    if (name == "memory") return this.applyMemory(value);
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
    this.isMutation = value == MUTATION;
    if (this.isMutation) return "";
    const groups = value.split(",");
    let guests = 0;
    this.groups.length = 0;
    for (let i = 0; i < groups.length; i++) {
      const names = groups[i].split("+");
      const group = new Array<GuestChoice>();
      guests += names.length;
      if (guests > MAXIMUM_GUESTS) return "at most 8 guests run in one boot";
      for (let j = 0; j < names.length; j++) {
        const isNumbered = names[j].startsWith(MODULE_PREFIX);
        const module = isNumbered ? decimal(names[j].slice(MODULE_PREFIX.length)) : 1;
        if (module == 0 || module > <u64>MAXIMUM_MODULES) return "a boot module has a number from 1 to 8";
        const guest = isNumbered ? <i32>GUEST_MODULE : indexOf(GUEST_NAMES, names[j]);
        if (guest < 0) return "no such guest; Basalt has " + list(GUEST_NAMES) + ", and mutate by itself";
        group.push(new GuestChoice(<u32>guest, <u32>module - 1));
      }
      this.groups.push(group);
    }
    return "";
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

  private applyMemory(value: string): string {
    const unit = value.endsWith("G") ? 1024 * MIB : value.endsWith("M") ? MIB : 0;
    const number = decimal(value.slice(0, value.length - 1));
    // Of MOST_MEMORY each unit has fewer, so that the product is right.
    const bytes = number <= MOST_MEMORY / MIB ? number * unit : 0;
    if (bytes < LEAST_MEMORY || bytes > MOST_MEMORY || bytes % MEMORY_STEP != 0) {
      return "expected an even number of MiB from 2M to 3072M, or 1G to 3G";
    }
    this.memory = bytes;
    return "";
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

const NO_NUMBER: string = "expected a number from 1 to 999999999999";

/** The value of 1 to 12 decimal digits; 0 where `text` is anything else. */
function decimal(text: string): u64 {
  if (text.length == 0 || text.length > 12) return 0;
  let number: u64 = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    number = number * 10 + digit;
  }
  return number;
}

function indexOf(names: StaticArray<string>, name: string): i32 {
  for (let i = 0; i < names.length; i++) {
    if (names[i] == name) return i;
  }
  return -1;
}

function list(names: StaticArray<string>): string {
  let text = names[0];
  for (let i = 1; i < names.length; i++) text += ", " + names[i];
  return text;
}
