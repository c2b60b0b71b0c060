// How devices interrupt: wires to the controllers' inputs, and messages.

/** What has inputs for interrupts: the two 8259s with the I/O APIC behind the same numbers. */
export abstract class InterruptInputs {
  /** Input `input`, an ISA IRQ or a GSI, is high (asserted) or low from now on. Called for changes only. */
  abstract setLevel(input: u32, isHigh: bool): void;
}

/** A wire from one device to one input. */
export class InterruptLine {
  private isHigh: bool = false;

  constructor(
    private readonly inputs: InterruptInputs,
    readonly input: u32,
  ) {}

  get level(): bool {
    return this.isHigh;
  }

  set level(isHigh: bool) {
    if (isHigh == this.isHigh) return;
    this.isHigh = isHigh;
    this.inputs.setLevel(this.input, isHigh);
  }
}

/** What takes interrupt messages (MSI, SDM 3A 11.11): the local APIC. */
export abstract class MessageSink {
  /** A write of `data` to `address`, as a device makes it. One that is no interrupt message is dropped. */
  abstract send(address: u64, data: u32): void;
}

/** What is told when the processor ends a level-triggered interrupt: the I/O APIC (SDM 3A 11.8.5). */
export abstract class EoiListener {
  abstract endOfInterrupt(vector: u32): void;
}

/** What asks for interrupts whose vector it tells only when it is asked: the two 8259s, by the local APIC's LINT0. */
export abstract class ExternalInterrupts {
  /** INTR is high. */
  abstract get isWaiting(): bool;
  /** The vector that an acknowledge cycle would tell now; nothing changes. `isWaiting` holds, else it is the spurious one. */
  abstract get nextVector(): u32;
  /** The acknowledge cycle: what `nextVector` told is in service. */
  abstract acknowledge(): void;
  /** As soon as the processor has acknowledged, another interrupt may wait without anything else happening (AEOI). */
  abstract get endsAutomatically(): bool;
}

/** What tells when an ExternalInterrupts may have changed: the local APIC, which looks at it again. */
export abstract class ExternalListener {
  /** Before a change: an acknowledge cycle that the processor has made since is to be carried out first. */
  abstract hear(): void;
  abstract onExternalChange(): void;
}

/** The vCPU's pins, as the local APIC drives them. */
export abstract class ProcessorPins {
  /** The interrupt that is to be delivered as soon as the guest takes interrupts: `waitingInterrupt` of the vCPU page. */
  abstract set waiting(value: u32);
  /**
   * `acknowledgedInterrupt` of the vCPU page, which is 0 from now on. Core delivers between two calls of the vmm, so each entry
   * of the local APIC asks for this first of all.
   */
  abstract takeAcknowledged(): u32;
  abstract raiseNmi(): void;
}
