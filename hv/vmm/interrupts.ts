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
