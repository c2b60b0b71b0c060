// What is known of a VM before it is created, whoever described it: the boot options or the VM table.

import { GUEST_HLT, GUEST_MODULE, GUEST_NAMES } from "../../shared/guests";
import { DEFAULT_NAME_PREFIX, MAXIMUM_NAME_LENGTH, RESERVED_NAMES } from "../../shared/vm-names";
import { ACTION_EMULATE, Watch } from "../watch/watch";
import { MAXIMUM_MODULES } from "./boot-modules";
import { FurtherModules, NO_MODULE_NUMBER } from "./further-modules";
import { decimal, indexOf, isDecimal, list } from "./option-values";

/** A VM without a home: any processor may run it. */
export const ANY_CPU: u32 = 0xffffffff;

export const DEFAULT_WEIGHT: u32 = 10;
export const MAXIMUM_WEIGHT: u32 = 100;

/** What a guest prints is shown a line at a time, with its VM's name in front. */
export const CONSOLE_LINES: i32 = 0;
/** It is shown as it is, unfinished lines too, without a name: a terminal of its own. */
export const CONSOLE_RAW: i32 = 1;
export const CONSOLE_UNSAID: i32 = -1;
/** The values of `console=`; a console's kind is its place here. */
export const CONSOLE_NAMES: StaticArray<string> = ["lines", "raw"];

/** `guest=module` is the first boot module, `guest=module:2` the second. */
const MODULE_PREFIX: string = "module:";

/** One VM. A member that may be 0 or null until `describeVms` (vms.ts) fills it says so. */
export class VmDescription {
  /** Its name in the console's lines about it; "vm" and its number where nobody named it. */
  name: string = "";
  /** Its number in hv/shared/guests.ts. */
  guest: u32 = GUEST_HLT;
  /** With GUEST_MODULE: which boot module, from 0 on. */
  module: u32 = 0;
  /** Bytes of RAM; 0: what its guest has unless told otherwise, which for a module is never left open. */
  memory: u64 = 0;
  /** A module's command line; null: what the loader gave the module, or what is behind "--" of the boot options. */
  commandLine: string | null = null;
  /** The number of its home processor, 0 to 63, or ANY_CPU. */
  cpu: u32 = ANY_CPU;
  /** Its share of a processor, 1 to 100, in relation to those of the others. */
  weight: u32 = DEFAULT_WEIGHT;
  /** How often a built-in guest exits; 0 until it is filled. */
  iterations: u64 = 0;
  /** TSC ticks that it may run; 0: no limit but its guest's own. */
  ticks: u64 = 0;
  /** CONSOLE_UNSAID until it is filled. */
  console: i32 = CONSOLE_UNSAID;
  readonly watches: Array<Watch> = [];
  /** With GUEST_MODULE. */
  readonly further: FurtherModules = new FurtherModules();

  /** Whether the console calls it by its number. */
  get hasDefaultName(): bool {
    return isDefaultName(this.name);
  }

  /** One of its watches asks the host at the other end of COM1. */
  get asksHost(): bool {
    for (let i = 0; i < this.watches.length; i++) {
      if (this.watches[i].action == ACTION_EMULATE) return true;
    }
    return false;
  }

  /**
   * Takes the guest that `name` names: a built-in one, `module` or `module:N`. What is wrong with it, "" if nothing is;
   * `others` is what the list of guests goes on with there.
   */
  choose(name: string, others: string): string {
    const isNumbered = name.startsWith(MODULE_PREFIX);
    const module = isNumbered ? decimal(name.slice(MODULE_PREFIX.length)) : 1;
    if (module == 0 || module > <u64>MAXIMUM_MODULES) return NO_MODULE_NUMBER;
    const guest = isNumbered ? <i32>GUEST_MODULE : indexOf(GUEST_NAMES, name);
    if (guest < 0) return "no such guest; Basalt has " + list(GUEST_NAMES) + others;
    this.guest = <u32>guest;
    this.module = <u32>module - 1;
    return "";
  }
}

/** What VM `number` is called where nobody named it. */
export function defaultName(number: u32): string {
  return DEFAULT_NAME_PREFIX + number.toString();
}

/** What is wrong with a VM's own name, "" if nothing is. */
export function nameProblem(name: string): string {
  let isGood = name.length > 0 && name.length <= MAXIMUM_NAME_LENGTH && isLetter(name.charCodeAt(0));
  for (let i = 0; i < name.length; i++) {
    const letter = name.charCodeAt(i);
    if (!isLetter(letter) && <u32>letter - 0x30 > 9 && letter != 0x2d) isGood = false;
  }
  if (!isGood) return "expected 1 to 16 of a to z, 0 to 9 and -, the first one a to z";
  if (isDefaultName(name)) return "vm and a number is what Basalt calls VMs that have no name; take another";
  return indexOf(RESERVED_NAMES, name) < 0 ? "" : "lines of Basalt's own begin with this word; take another";
}

/** Allocates nothing: it is asked of each VM that is made, and what core's heap takes then it never gets back. */
function isDefaultName(name: string): bool {
  return name.startsWith(DEFAULT_NAME_PREFIX) && isDecimal(name, DEFAULT_NAME_PREFIX.length);
}

function isLetter(letter: i32): bool {
  return letter >= 0x61 && letter <= 0x7a;
}
