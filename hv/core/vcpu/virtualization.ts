// What a processor's virtualization must offer to core: hv/core/vmx is one backend.

import { GuestMemory } from "../guest-memory";
import { Machine } from "../machine";
import { NestedPaging } from "../memory/nested-paging";
import { PagePool } from "../memory/page-pool";
import { Vcpu } from "./vcpu";

/** Boot options ask nothing of the backend itself; no result is this large. */
export const NOTHING_ASKED: u32 = 0xffffffff;

export abstract class Virtualization {
  /**
   * Whether the CPU that executes this, another than the one that made this object, can take part: RESULT_OK, or why not, which
   * it has said.
   */
  abstract checkHere(): u32;
  /** Switches it on, on the CPU that executes this: RESULT_OK or why not. */
  abstract enable(): u32;
  /** Switches it off again. */
  abstract disable(): u32;
  /** What boot options ask of the backend itself, such as its probe: a result, or NOTHING_ASKED. */
  abstract doOwn(machine: Machine): u32;
  /** Drops all translations of guests, of all that ever ran here, that this processor holds. */
  abstract dropTranslations(): void;
  /** Whether this CPU can run VMs of a kind (guest-kinds.ts): RESULT_OK, or why not, which it has said. */
  abstract checkKind(kind: u32): u32;
  /** Whether a VM of the kind has nested paging on this CPU. */
  abstract hasNestedPaging(kind: u32): bool;
  /** What the vendor calls its nested paging. */
  abstract get nestedPagingName(): string;
  /** New, empty tables for the guest-physical memory of a VM, of pages of its pool. */
  abstract newNestedPaging(machine: Machine, pool: PagePool): NestedPaging;
  /** A vCPU for VM `number`, with its pages taken from the pool of `memory`; null where that has too few. */
  abstract newVcpu(machine: Machine, number: u32, kind: u32, memory: GuestMemory): Vcpu | null;
}
