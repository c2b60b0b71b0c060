// The VM table: a boot module that describes VMs, one a line, in the grammar of the boot options.
//
//   # a comment
//   vm name=web guest=module:2 memory=128M cpu=1 weight=20 -- console=ttyS0
//   vm name=db guest=module:2 initrd=module:3 disk=module:4 -- console=ttyS0 root=/dev/vda
//   vm name=load guest=count iterations=5 ticks=9000000 watch=30000-31000:nofetch:log

import { GUEST_MODULE } from "../../shared/guests";
import { COMMAND_LINE_CAPACITY } from "../../shared/vcpu-page";
import { Console } from "../console/console";
import { GUEST_KINDS, mirrorsHost } from "../guest-kinds";
import { Bytes } from "../memory/bytes";
import { addWatch, WatchReading } from "../watch/watch-option";
import { BootModule } from "./boot-modules";
import { FurtherModules, NO_MODULE } from "./further-modules";
import { decimal, indexOf, isDecimal, memorySize, NO_MEMORY_SIZE, NO_NUMBER } from "./option-values";
import { ANY_CPU, CONSOLE_NAMES, MAXIMUM_WEIGHT, nameProblem, VmDescription } from "./vm-description";
import { MAX_CPUS, MAX_VMS } from "../processors/shared-words";

const MAXIMUM_BYTES: u64 = 65536;
/** The longest option is a watch. A word's length bounds what a table can take of core's heap, which is never given back. */
const MAXIMUM_WORD: u32 = 60;
/** Lines with a mistake that are told: more would only fill the console. */
const MOST_TOLD: u32 = 16;

const KEYS: StaticArray<string> = [
  "name",
  "guest",
  "memory",
  "cpu",
  "weight",
  "iterations",
  "ticks",
  "watch",
  "initrd",
  "disk",
  "console",
  "load",
];
const GUEST_KEY: i32 = 1;
/** The only key that may come several times. */
const WATCH_KEY: i32 = 7;
const FIRST_WORD: string = "vm";
/** What is behind this word is the guest's command line. */
const SEPARATOR: string = "--";

const LINE_FEED: u32 = 0x0a;
const SPACE: u32 = 0x20;
const LAST_PRINTABLE: u32 = 0x7e;
const COMMENT: u32 = 0x23;

/** The table that a boot module holds. */
export class VmTable {
  /** In the order of the lines. */
  readonly vms: Array<VmDescription> = [];
  private isGood: bool = true;
  private bytes: Bytes = new Bytes(0);
  private lineNumber: u32 = 0;
  private told: u32 = 0;
  /** The part of the line that is to be read yet. */
  private at: u32 = 0;
  private end: u32 = 0;
  /** Bits: the keys that the line has had. */
  private keysSeen: u32 = 0;

  /** The table is module `own` of `modules`, from 0 on. */
  constructor(
    private readonly modules: Array<BootModule>,
    private readonly own: u32,
    private readonly console: Console,
  ) {}

  /** Reads all of it. False where something is wrong with it, which has been told: then no VM of it is to run. */
  read(): bool {
    const module = this.modules[this.own];
    if (module.bytes > MAXIMUM_BYTES) return this.refuseTable("it is too large; expected 64 KiB at most");
    const bytes = Bytes.ofPhysical(module.start, <u32>module.bytes);
    if (!bytes) return this.refuseTable("it lies beyond this CPU's physical addresses; the boot loader is at fault");
    this.bytes = bytes;
    this.readLines();
    if (!this.isGood || this.vms.length != 0) return this.isGood;
    return this.refuseTable("it describes no VM; expected 1 to 16 lines such as: vm name=web guest=count");
  }

  private readLines(): void {
    const length = this.bytes.length;
    for (let start: u32 = 0; start < length && this.told < MOST_TOLD; start = this.end + 1) {
      this.lineNumber++;
      this.at = start;
      this.end = start;
      while (this.end < length && this.bytes.u8(this.end) != LINE_FEED) this.end++;
      if (!this.isText()) this.refuse("a byte is no printable ASCII; expected lines of plain text without tabs");
      else this.readLine();
    }
  }

  private isText(): bool {
    for (let at = this.at; at < this.end; at++) {
      const byte = this.bytes.u8(at);
      if (byte < SPACE || byte > LAST_PRINTABLE) return false;
    }
    return true;
  }

  private readLine(): void {
    this.skipSpaces();
    if (this.at == this.end || this.bytes.u8(this.at) == COMMENT) return;
    if (this.vms.length == <i32>MAX_VMS) {
      this.told = MOST_TOLD;
      return this.refuse("at most 16 VMs run in one boot; leave this line and those behind it out");
    }
    if (this.takeWord() != FIRST_WORD)
      return this.refuse("a line starts with the word vm, as in: vm name=web guest=count");
    const vm = new VmDescription();
    this.keysSeen = 0;
    while (true) {
      this.skipSpaces();
      if (this.at == this.end) break;
      const word = this.takeWord();
      if (word.length == 0) return this.refuse("a word has more than 60 letters; no option is as long");
      const problem = word == SEPARATOR ? this.takeCommandLine(vm) : this.apply(vm, word);
      if (problem.length != 0) return this.refuseWord(word, problem);
    }
    const problem = this.findProblem(vm);
    if (problem.length != 0) return this.refuse(problem);
    this.vms.push(vm);
  }

  private skipSpaces(): void {
    while (this.at < this.end && this.bytes.u8(this.at) == SPACE) this.at++;
  }

  /** The letters up to a space or the line's end; "" where they are more than a word has. */
  private takeWord(): string {
    const start = this.at;
    while (this.at < this.end && this.bytes.u8(this.at) != SPACE) this.at++;
    const length = this.at - start;
    return length > MAXIMUM_WORD ? "" : this.bytes.text(start, length);
  }

  private takeCommandLine(vm: VmDescription): string {
    const start = min(this.at + 1, this.end);
    const length = this.end - start;
    this.at = this.end;
    if (length > COMMAND_LINE_CAPACITY) return "a guest's command line has 2048 letters at most";
    vm.commandLine = this.bytes.text(start, length);
    return "";
  }

  /** Applies one option to `vm`; returns what is wrong with it, "" if nothing is. */
  private apply(vm: VmDescription, word: string): string {
    const equals = word.indexOf("=");
    const key = equals < 0 ? -1 : indexOf(KEYS, word.slice(0, equals));
    if (key < 0)
      return "expected name=, guest=, initrd=, disk=, memory=, cpu=, weight=, iterations=, ticks=, watch=, console=, load= or --";
    const bit = (<u32>1) << key;
    if (key != WATCH_KEY && this.keysSeen & bit) return "this line has said it already";
    this.keysSeen |= bit;
    return this.applyKey(vm, KEYS[key], word.slice(equals + 1));
  }

  private applyKey(vm: VmDescription, key: string, value: string): string {
    if (key == "name") return this.applyName(vm, value);
    if (key == "guest") return vm.choose(value, "");
    if (key == "initrd") return vm.further.chooseInitrd(value);
    if (key == "disk") return vm.further.chooseDisk(value);
    if (key == "load") return vm.further.chooseLoad(value);
    if (key == "cpu") return applyCpu(vm, value);
    if (key == "watch") return applyWatch(vm, value);
    if (key == "console") return applyConsole(vm, value);
    if (key == "memory") {
      vm.memory = memorySize(value);
      return vm.memory == 0 ? NO_MEMORY_SIZE : "";
    }
    const number = decimal(value);
    if (key == "weight") {
      vm.weight = <u32>number;
      return number == 0 || number > MAXIMUM_WEIGHT ? "expected a number from 1 to 100" : "";
    }
    if (key == "iterations") vm.iterations = number;
    else vm.ticks = number;
    return number == 0 ? NO_NUMBER : "";
  }

  private applyName(vm: VmDescription, name: string): string {
    for (let i = 0; i < this.vms.length; i++) {
      if (this.vms[i].name == name) return "a line above has this name; take another";
    }
    vm.name = name;
    return nameProblem(name);
  }

  /** What is wrong with a VM as a whole, "" if nothing is. */
  private findProblem(vm: VmDescription): string {
    if (!(this.keysSeen & (1 << GUEST_KEY))) return "the line names no guest; expected guest=NAME";
    if (vm.guest == GUEST_MODULE) {
      if (vm.module == this.own) return "the guest is this table itself; name the boot module that is a kernel";
      if (vm.module >= <u32>this.modules.length) return "the boot loader gave no boot module of this number";
      return this.findFurtherProblem(vm.further);
    }
    if (!vm.further.isEmpty) return "only a boot module has an initrd and a disk; leave initrd= and disk= out";
    if (vm.further.isFlat) return "only a boot module can be a flat binary; leave load= out";
    if (vm.commandLine != null) return "only a boot module has a command line; leave out -- and what is behind it";
    if (vm.memory != 0 && mirrorsHost(GUEST_KINDS[vm.guest])) {
      return "this guest runs in Basalt's own memory; leave memory= out";
    }
    return "";
  }

  private findFurtherProblem(further: FurtherModules): string {
    const count = <u32>this.modules.length;
    if (further.initrd == this.own) return "the initrd is this table itself; name the boot module that is an initrd";
    if (further.initrd != NO_MODULE && further.initrd >= count)
      return "the boot loader gave no boot module for initrd=";
    return further.disk != NO_MODULE && further.disk >= count ? "the boot loader gave no boot module for disk=" : "";
  }

  private refuseTable(problem: string): bool {
    this.start().text(": ").text(problem).end();
    return false;
  }

  private refuse(problem: string): void {
    this.start().text(", line ").decimal(this.lineNumber).text(": ").text(problem).end();
  }

  private refuseWord(word: string, problem: string): void {
    this.start().text(", line ").decimal(this.lineNumber).text(": '").text(word).text("': ").text(problem).end();
  }

  private start(): Console {
    this.isGood = false;
    this.told++;
    return this.console
      .error()
      .text("VM table (boot module ")
      .decimal(this.own + 1)
      .text(")");
  }
}

function applyCpu(vm: VmDescription, value: string): string {
  const isNumber = isDecimal(value);
  const number = decimal(value);
  if (value != "any" && (!isNumber || number >= MAX_CPUS)) {
    return "expected any, or the number of a processor from 0 to 63";
  }
  vm.cpu = isNumber ? <u32>number : ANY_CPU;
  return "";
}

function applyConsole(vm: VmDescription, value: string): string {
  vm.console = indexOf(CONSOLE_NAMES, value);
  return vm.console < 0 ? "expected lines or raw" : "";
}

function applyWatch(vm: VmDescription, value: string): string {
  const parts = value.split(":");
  if (parts.length != 3) return "expected START-END:KIND:ACTION, as in 30000-31000:nofetch:log";
  const reading = new WatchReading(parts[0], parts[1], parts[2]);
  const watch = reading.watch;
  return watch ? addWatch(watch, vm.watches) : reading.problem;
}
