// From wanted controls to the ones that this CPU takes (SDM 3D A.3 to A.5), with entry and exit kept in step.

import {
  ENTRY_LOAD_CET_STATE,
  ENTRY_LOAD_IA32_BNDCFGS,
  ENTRY_LOAD_IA32_EFER,
  ENTRY_LOAD_IA32_PAT,
  ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL,
  ENTRY_LOAD_IA32_RTIT_CTL,
  ENTRY_LOAD_PKRS,
  EXIT_CLEAR_IA32_BNDCFGS,
  EXIT_CLEAR_IA32_RTIT_CTL,
  EXIT_LOAD_CET_STATE,
  EXIT_LOAD_IA32_EFER,
  EXIT_LOAD_IA32_PAT,
  EXIT_LOAD_IA32_PERF_GLOBAL_CTRL,
  EXIT_LOAD_PKRS,
} from "../../x86/vmx-controls";
import { controlBitName } from "../../x86/vmx-control-names";
import { Console } from "../console/console";
import { allowedOnes, allowedZeros } from "./capabilities";

/** One word of controls: what must be on, what is welcome, and what the CPU makes of it. */
export class Controls {
  /** The word for the VMCS; meaningful where `missing` is 0. */
  value: u32 = 0;
  /** Required bits that the CPU does not allow. */
  missing: u32 = 0;

  constructor(
    readonly name: string,
    readonly bitNames: StaticArray<string>,
    readonly capability: u64,
    readonly required: u32,
    private optional: u32,
  ) {
    this.adjust();
  }

  /** (wanted AND allowed-1) OR allowed-0. */
  private adjust(): void {
    const allowed = allowedOnes(this.capability);
    this.missing = this.required & ~allowed;
    this.value = ((this.required | this.optional) & allowed) | allowedZeros(this.capability);
  }

  /** Gives optional bits up. */
  drop(bits: u32): void {
    this.optional &= ~bits;
    this.adjust();
  }

  has(bit: u32): bool {
    return (this.value & bit) != 0;
  }

  /** Whether `bit` was asked for, as required or optional. */
  wants(bit: u32): bool {
    return ((this.required | this.optional) & bit) != 0;
  }

  /** Prints the word and, for a required bit that is not allowed, an error; true where none is missing. */
  report(console: Console): bool {
    console.debug().text(this.name).text(" ").hex(this.value, 8).text(" of ").hex(this.capability, 16).end();
    for (let bit = 0; bit < 32; bit++) {
      if (!((this.missing >> bit) & 1)) continue;
      console.error().text(this.name).text(': Basalt needs "').text(controlBitName(this.bitNames, bit));
      console.text('" (bit ').decimal(bit).text("), which this CPU does not allow: its capability MSR is ");
      console.hex(this.capability, 16).end();
    }
    return this.missing == 0;
  }
}

// Each "load on entry" goes with its "clear or load on exit": else the guest's value would stay in the host, or the
// host's would be lost (case 4 of the cases file). One row a pair.
const PAIR_NAMES: StaticArray<string> = [
  "IA32_PERF_GLOBAL_CTRL",
  "IA32_PAT",
  "IA32_EFER",
  "IA32_BNDCFGS",
  "IA32_RTIT_CTL",
  "CET state",
  "PKRS",
];
const PAIR_ENTRY_BITS: StaticArray<u32> = [
  ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL,
  ENTRY_LOAD_IA32_PAT,
  ENTRY_LOAD_IA32_EFER,
  ENTRY_LOAD_IA32_BNDCFGS,
  ENTRY_LOAD_IA32_RTIT_CTL,
  ENTRY_LOAD_CET_STATE,
  ENTRY_LOAD_PKRS,
];
const PAIR_EXIT_BITS: StaticArray<u32> = [
  EXIT_LOAD_IA32_PERF_GLOBAL_CTRL,
  EXIT_LOAD_IA32_PAT,
  EXIT_LOAD_IA32_EFER,
  EXIT_CLEAR_IA32_BNDCFGS,
  EXIT_CLEAR_IA32_RTIT_CTL,
  EXIT_LOAD_CET_STATE,
  EXIT_LOAD_PKRS,
];

/** Where the CPU has only one of a pair that is wanted, drops both and says so. */
export function sanitisePairs(entry: Controls, exit: Controls, console: Console): void {
  for (let i = 0; i < PAIR_NAMES.length; i++) {
    if (!entry.wants(PAIR_ENTRY_BITS[i]) && !exit.wants(PAIR_EXIT_BITS[i])) continue;
    const onEntry = entry.has(PAIR_ENTRY_BITS[i]);
    const onExit = exit.has(PAIR_EXIT_BITS[i]);
    if (onEntry == onExit) continue;
    console
      .warning()
      .text("this CPU can load ")
      .text(PAIR_NAMES[i])
      .text(onEntry ? " on VM entry" : " on VM exit");
    console.text(" only; Basalt does without either").end();
    entry.drop(PAIR_ENTRY_BITS[i]);
    exit.drop(PAIR_EXIT_BITS[i]);
  }
}
