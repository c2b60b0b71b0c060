// What is known of a VM before it is made: which guest it has, and what of the machine it takes.

import { GUEST_NAMES, GUEST_TOUCH } from "../shared/guests";
import { VmDescription } from "./boot/vm-description";
import { GUEST_KINDS, mirrorsHost, touchedRamBytes } from "./guest-kinds";
import { BUILT_IN_RAM_BYTES, tooLittleMemory } from "./guest-memory";
import { processorNumber, sharedLoad } from "./hardware";
import { Machine } from "./machine";
import { BLOCK_SHIFT } from "./memory/block-pool";
import { TEAM_MEMBERS } from "./processors/shared-words";
import { RESULT_OK } from "./results";
import { openArea, VmArea } from "./vm-area";

/** VM `number`, its place in the boot options. Made before the first VM, as VMs of all rounds (`repeat`) are made after it. */
export class VmPlan {
  readonly guest: u32;
  /** KIND_* of guest-kinds.ts. */
  readonly kind: u32;
  /** Its code is Basalt's, and it has neither RAM nor a vmm. */
  readonly mirrorsHost: bool;
  /** The console calls it by its number. Here, as finding out takes memory. */
  private readonly hasDefaultName: bool;
  /** RAM of its own; 0 where it has none. */
  readonly ramBytes: u64;

  constructor(
    readonly machine: Machine,
    readonly number: u32,
    readonly description: VmDescription,
  ) {
    const kind = GUEST_KINDS[description.guest];
    const isMirror = mirrorsHost(kind);
    let bytes = description.memory;
    if (bytes == 0)
      bytes = description.guest == GUEST_TOUCH ? touchedRamBytes(description.iterations) : BUILT_IN_RAM_BYTES;
    this.guest = description.guest;
    this.kind = kind;
    this.mirrorsHost = isMirror;
    this.ramBytes = isMirror ? 0 : bytes;
    this.hasDefaultName = description.hasDefaultName;
  }

  get name(): string {
    return this.description.name;
  }

  /** Announces the VM, and says so where this CPU cannot run it: RESULT_OK or why not. */
  check(): u32 {
    this.announce();
    const result = this.machine.virtualization.checkKind(this.kind);
    if (result == RESULT_OK) return RESULT_OK;
    const line = this.machine.console.error().text(this.name).text(": guest ");
    line.text(GUEST_NAMES[this.guest]).text(" does not run on this CPU").end();
    return result;
  }

  /** Bytes of its RAM disk; 0 where it has none. */
  get ramDiskBytes(): u64 {
    return this.description.further.ramDiskBytes;
  }

  /** Reserves blocks for its RAM and its RAM disk, and opens its area in `slot`; null where that cannot be had, which has been said. */
  open(slot: u32): VmArea | null {
    const machine = this.machine;
    const blocks = <i32>((this.ramBytes + this.ramDiskBytes) >> BLOCK_SHIFT);
    if (!machine.blocks.reserve(blocks + 1)) {
      tooLittleMemory(machine, this.name, this.ramBytes, this.ramDiskBytes);
      return null;
    }
    const area = openArea(machine, slot);
    if (area) {
      const line = machine.console.debug().text(this.name).text(": vmm at ");
      line.hex(area.vmmOwn, 8).end();
      return area;
    }
    machine.blocks.unreserve(blocks);
    const line = machine.console.error().text(this.name).text(": Basalt has no place for it: ");
    line.text("a block of 2 MiB, or page tables for it, are missing").end();
    return null;
  }

  private announce(): void {
    const machine = this.machine;
    // Before the line is begun: it may warn.
    const hasNestedPaging = machine.virtualization.hasNestedPaging(this.kind);
    const line = machine.console.info().text(this.name).text(": ");
    // What programs read about it has the number.
    if (!this.hasDefaultName) line.text("vm").decimal(this.number).text(", ");
    line.text("guest ").text(GUEST_NAMES[this.guest]);
    if (this.mirrorsHost) {
      line.text(", in Basalt's own memory, ");
      line.text(hasNestedPaging ? "with " : "without ");
      line.text(machine.virtualization.nestedPagingName);
    } else {
      line
        .text(", ")
        .decimal(this.ramBytes >> 20)
        .text(" MiB of RAM");
      if (this.ramDiskBytes != 0)
        line
          .text(", a RAM disk of ")
          .decimal(this.ramDiskBytes >> 20)
          .text(" MiB");
    }
    const members = sharedLoad(TEAM_MEMBERS);
    if ((members & (members - 1)) != 0) line.text(", on CPU ").decimal(processorNumber());
    line.end();
  }
}
