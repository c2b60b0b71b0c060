// A VMCS as VM entry looks at it: fields by name, control words, and the CPU's limits.
import type { Capabilities } from "./capabilities.ts";
import { has } from "./bits.ts";
import type { CpuModel } from "./cpu-model.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import { control } from "./tables.ts";
import type { Vmcs } from "./vmcs.ts";

/** One rule: its section and sentence, and whether the state keeps it. */
export type Rule = readonly [string, (state: EntryState) => boolean];

export class EntryState {
  readonly vmcs: Vmcs;
  readonly capabilities: Capabilities;
  readonly model: CpuModel;
  readonly memory: PhysicalMemory;
  /** MAXPHYADDR. */
  readonly addressBits: number;

  constructor(vmcs: Vmcs, capabilities: Capabilities, model: CpuModel, memory: PhysicalMemory) {
    this.vmcs = vmcs;
    this.capabilities = capabilities;
    this.model = model;
    this.memory = memory;
    this.addressBits = model.maximumPhysicalAddress;
  }

  get(name: string): bigint {
    return this.vmcs.get(name);
  }
  pin(name: string): boolean {
    return has(this.get("PIN_BASED_VM_EXECUTION_CONTROLS"), control(`PIN_${name}`));
  }
  primary(name: string): boolean {
    return has(this.get("PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS"), control(`PRIMARY_${name}`));
  }
  /** Of the word that is in force: 0 unless the primary controls activate it. */
  secondary(name: string): boolean {
    return has(this.secondaryWord, control(`SECONDARY_${name}`));
  }
  get secondaryWord(): bigint {
    const isActive = this.primary("ACTIVATE_SECONDARY_CONTROLS");
    return isActive ? this.get("SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS") : 0n;
  }
  exit(name: string): boolean {
    return has(this.get("PRIMARY_VM_EXIT_CONTROLS"), control(`EXIT_${name}`));
  }
  entry(name: string): boolean {
    return has(this.get("VM_ENTRY_CONTROLS"), control(`ENTRY_${name}`));
  }

  isPhysical(address: bigint, alignment: bigint): boolean {
    return address % alignment === 0n && address >> BigInt(this.addressBits) === 0n;
  }
}

/** The first rule that the state breaks, or null. */
export function firstBroken(rules: readonly Rule[], state: EntryState): string | null {
  return rules.find(([, isKept]) => !isKept(state))?.[0] ?? null;
}
