// What the local APIC has accepted, and which interrupt is the processor's next (SDM 3A 11.8).

import { INTERRUPT_TELLS, INTERRUPT_WAITS } from "../../../shared/vcpu-page";
import { ExternalInterrupts, ProcessorPins } from "../../interrupts";
import { StateTable } from "../../state";
import { VectorSet } from "./vector-set";

/** The bits of a vector, and of a priority, that are the priority class (SDM 3A 11.8.3). */
const PRIORITY_CLASS: u32 = 0xf0;
const VECTOR: u32 = 0xff;

/**
 * The interrupts between acceptance and EOI. Each method that looks at them hears first what the processor has acknowledged
 * since the last one, and offers the processor at its end what is next.
 */
export class PendingInterrupts {
  /** IRR. */
  readonly requested: VectorSet = new VectorSet();
  /** ISR. */
  readonly inService: VectorSet = new VectorSet();
  /** TMR: of those accepted last as level-triggered. */
  readonly levelTriggered: VectorSet = new VectorSet();
  /** The interrupts whose vectors the 8259s tell. */
  external: ExternalInterrupts | null = null;
  /** They reach the processor, past all priorities. */
  isExternalOpen: bool = false;
  /** TPR, 8 bits. */
  private threshold: u32 = 0;
  /** What the processor has been offered. */
  private waiting: u32 = 0;
  /** The 8259s are the source of `waiting`. */
  private isExternal: bool = false;

  constructor(private readonly pins: ProcessorPins) {}

  /** Accepts `vector`, 16 to 255. One that is requested already stays requested once. */
  accept(vector: u32, isLevel: bool): void {
    // What is rare is elsewhere, so that this needs no calls, which would be seen in what a disk's read is measured to cost.
    if (this.pins.takeAcknowledged() != 0) return this.acceptBehind(vector, isLevel);
    const levelTriggered = this.levelTriggered;
    if (isLevel || this.isExternalOpen || levelTriggered.has(vector)) return this.acceptAny(vector, isLevel);
    this.requested.add(vector);
    const requested = this.requested.highest;
    const floor = max(this.inService.highest, this.threshold) & PRIORITY_CLASS;
    const waiting: u32 = (requested & PRIORITY_CLASS) > floor ? INTERRUPT_WAITS | requested : 0;
    this.isExternal = false;
    if (waiting == this.waiting) return;
    this.waiting = waiting;
    this.pins.waiting = waiting;
  }

  /** As `accept`, where the processor has acknowledged what it was offered. */
  private acceptBehind(vector: u32, isLevel: bool): void {
    this.acknowledge();
    this.acceptAny(vector, isLevel);
  }

  private acceptAny(vector: u32, isLevel: bool): void {
    this.requested.add(vector);
    if (isLevel) this.levelTriggered.add(vector);
    else this.levelTriggered.remove(vector);
    this.offer();
  }

  /** EOI (SDM 3A 11.8.5): the vector whose end the I/O APIC is to be told, or 0. `offer` is to be called then. */
  end(): u32 {
    this.takeAcknowledged();
    const vector = this.inService.highest;
    if (vector == 0) return 0;
    this.inService.remove(vector);
    return this.levelTriggered.has(vector) ? vector : 0;
  }

  /** TPR. */
  get taskPriority(): u32 {
    return this.threshold;
  }

  set taskPriority(priority: u32) {
    this.takeAcknowledged();
    this.threshold = priority & 0xff;
    this.offer();
  }

  /** PPR (SDM 3A 11.8.3.1). */
  get processorPriority(): u32 {
    this.hear();
    const inService = this.inService.highest & PRIORITY_CLASS;
    return inService > (this.threshold & PRIORITY_CLASS) ? inService : this.threshold;
  }

  /** Brings ISR, IRR and what is offered up to date with the processor. */
  hear(): void {
    if (this.takeAcknowledged()) this.offer();
  }

  /** The processor is offered something. */
  get isOffering(): bool {
    return this.waiting != 0;
  }

  /** Forgets all interrupts; TPR is 0. */
  reset(): void {
    this.takeAcknowledged();
    this.requested.clear();
    this.inService.clear();
    this.levelTriggered.clear();
    this.threshold = 0;
    this.offer();
  }

  visit(table: StateTable): void {
    this.takeAcknowledged();
    this.requested.visit(table);
    this.inService.visit(table);
    this.levelTriggered.visit(table);
    this.threshold = table.u8(<u8>this.threshold);
    this.offer();
  }

  /** Tells the processor which interrupt is next, where that has changed. */
  offer(): void {
    const vector = this.requested.highest;
    const floor = max(this.inService.highest, this.threshold) & PRIORITY_CLASS;
    let waiting: u32 = (vector & PRIORITY_CLASS) > floor ? INTERRUPT_WAITS | vector : 0;
    this.isExternal = false;
    if (this.isExternalOpen) waiting = this.preferExternal(waiting);
    if (waiting == this.waiting) return;
    this.waiting = waiting;
    this.pins.waiting = waiting;
  }

  /** An external interrupt comes before `other`, which may follow at once: the processor is in no service then. */
  private preferExternal(other: u32): u32 {
    const external = this.external;
    if (!external || !external.isWaiting) return other;
    this.isExternal = true;
    const waiting = INTERRUPT_WAITS | (external.nextVector & VECTOR);
    return external.endsAutomatically || other != 0 ? waiting | INTERRUPT_TELLS : waiting;
  }

  /** Whether the processor has taken what it was offered, which is in service from now on. */
  takeAcknowledged(): bool {
    return this.pins.takeAcknowledged() != 0 && this.acknowledge();
  }

  private acknowledge(): bool {
    const vector = this.waiting & VECTOR;
    const isExternal = this.isExternal;
    // The page holds 0 by now. The 8259s may call back from `acknowledge`.
    this.waiting = 0;
    this.isExternal = false;
    if (isExternal) this.acknowledgeExternal();
    else this.serve(vector);
    return true;
  }

  private serve(vector: u32): void {
    if (vector == 0) return;
    this.requested.remove(vector);
    this.inService.add(vector);
  }

  private acknowledgeExternal(): void {
    const external = this.external;
    if (external) external.acknowledge();
  }
}
