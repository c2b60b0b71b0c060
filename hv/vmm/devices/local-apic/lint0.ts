// LINT0, which the 8259s' INTR is wired to (SDM 3A 11.1, 11.5.1).

import { DELIVERY_MODE_MASK, INTERRUPT_MASKED } from "../../../x86/apic";
import { StateTable } from "../../state";
import { ApicMode } from "./apic-mode";
import {
  DELIVERY_MODE_EXTINT,
  LocalInterrupts,
  LVT_LEVEL_TRIGGERED,
  LVT_LINT0,
  LVT_REMOTE_IRR,
} from "./local-interrupts";
import { PendingInterrupts } from "./pending-interrupts";

const VECTOR: u32 = 0xff;

export class Lint0 {
  private isHigh: bool = false;

  constructor(
    private readonly mode: ApicMode,
    private readonly pending: PendingInterrupts,
    private readonly local: LocalInterrupts,
  ) {}

  /** What LINT0 does to the processor; `offer` is to be called then. */
  look(): void {
    const external = this.pending.external;
    const isHigh = external ? external.isWaiting : false;
    const isEdge = isHigh && !this.isHigh;
    this.isHigh = isHigh;
    const entry = this.local.read(LVT_LINT0);
    const isExternal = (entry & (INTERRUPT_MASKED | DELIVERY_MODE_MASK)) == DELIVERY_MODE_EXTINT;
    this.pending.isExternalOpen = isHigh && (isExternal || this.mode.isDisabled);
    if (!isHigh || isExternal || (entry & INTERRUPT_MASKED) != 0) return;
    const isLevel = (entry & (LVT_LEVEL_TRIGGERED | DELIVERY_MODE_MASK)) == LVT_LEVEL_TRIGGERED;
    if (isLevel ? (entry & LVT_REMOTE_IRR) != 0 : !isEdge) return;
    if (isLevel) this.local.setRemoteIrr(LVT_LINT0, true);
    this.local.fire(LVT_LINT0, isLevel);
  }

  /** The processor has ended the level-triggered interrupt `vector`: LINT0's comes again while it is high. */
  endLevel(vector: u32): void {
    const entry = this.local.read(LVT_LINT0);
    if ((entry & LVT_REMOTE_IRR) == 0 || (entry & VECTOR) != vector) return;
    this.local.setRemoteIrr(LVT_LINT0, false);
    this.look();
  }

  visit(table: StateTable): void {
    this.isHigh = table.flag(this.isHigh);
  }
}
