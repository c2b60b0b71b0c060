// The accesses of a guest by VMX: through the EPT of its VMCS, where it has one. No translation is cached.
import { decodeEntry, entryAddress, pageBytes, type WalkRules } from "../../ept/walker.ts";
import type { Capabilities } from "./capabilities.ts";
import { has } from "./bits.ts";
import { NestedFault, type LinearWalk, type NestedTranslator } from "./guest.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import { control, field, reason } from "./tables.ts";
import type { Vmcs } from "./vmcs.ts";

const READ = 1n;
const WRITE = 2n;
const LINEAR_VALID = 1n << 7n;
const FINAL_ACCESS = 1n << 8n;
const EPTP_ACCESSED_AND_DIRTY = 1n << 6n;

export class EptTranslator implements NestedTranslator {
  readonly #vmcs: Vmcs;
  readonly #memory: PhysicalMemory;
  readonly #rules: WalkRules;

  constructor(vmcs: Vmcs, memory: PhysicalMemory, addressBits: number, { eptVpid }: Capabilities) {
    this.#vmcs = vmcs;
    this.#memory = memory;
    this.#rules = {
      maxPhysicalAddressBits: addressBits,
      hasExecuteOnly: has(eptVpid, 1n),
      has2MibPages: has(eptVpid, 1n << 16n),
      has1GibPages: has(eptVpid, 1n << 17n),
    };
  }

  // With accessed and dirty flags for EPT, such an access counts as a write and sets both bits (SDM 3C 28.2.1).
  get tableAccess(): bigint {
    return has(this.#vmcs.read(field("EPT_POINTER")), EPTP_ACCESSED_AND_DIRTY) ? READ | WRITE : READ;
  }

  access(linear: bigint, access: bigint, walk: LinearWalk): bigint {
    return this.translate(walk(linear).physical, linear, access, true);
  }

  translate(physical: bigint, linear: bigint, access: bigint, isFinal: boolean): bigint {
    if (!this.#hasEpt) return physical;
    let table = this.#vmcs.read(field("EPT_POINTER")) & 0xffffffffff000n;
    let allowed = 7n;
    for (let level = 4; level >= 1; level--) {
      const raw = this.#memory.read64(entryAddress(table, level, physical));
      const entry = decodeEntry(raw, level, this.#rules);
      if (entry.kind === "misconfiguration") throw new Error(`EPT misconfiguration: ${entry.rule}`);
      allowed &= entry.kind === "not present" ? 0n : BigInt(entry.permissions);
      if (entry.kind === "not present" || (entry.kind === "page" && (allowed & access) !== access)) {
        const qualification = access | (allowed << 3n) | LINEAR_VALID | (isFinal ? FINAL_ACCESS : 0n);
        const fields = { GUEST_PHYSICAL_ADDRESS: physical, GUEST_LINEAR_ADDRESS: linear };
        throw new NestedFault({ reason: reason("EXIT_REASON_EPT_VIOLATION"), qualification, fields });
      }
      if (entry.kind === "page") return entry.address + (physical % pageBytes(level));
      table = entry.address;
    }
    throw new Error("a PTE is never a reference to a table");
  }

  get #hasEpt(): boolean {
    const primary = this.#vmcs.read(field("PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS"));
    const secondary = this.#vmcs.read(field("SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS"));
    const isActive = has(primary, control("PRIMARY_ACTIVATE_SECONDARY_CONTROLS"));
    return isActive && has(secondary, control("SECONDARY_ENABLE_EPT"));
  }
}
