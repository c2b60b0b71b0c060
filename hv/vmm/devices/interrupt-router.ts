// Where the machine's interrupt inputs lead: ISA IRQs to the 8259s and the I/O APIC at once, further GSIs to the I/O APIC.

import { InterruptInputs } from "../interrupts";
import { I8259Pair } from "./i8259-pair";
import { IoApic } from "./io-apic";

const ISA_IRQS: u32 = 16;
const TIMER_IRQ: u32 = 0;
/** IRQ 2 is the 8259s' own; the timer has its place at the I/O APIC, as the MADT's source override says. */
const CASCADE_IRQ: u32 = 2;
const TIMER_PIN: u32 = 2;

/** The I/O APIC's inputs of PCI's INTA# to INTD#, which are low while they are asserted: GSI 16 to 23. */
export const PCI_INPUTS: u32 = 0xff0000;

/** Inputs 0 to 15 are ISA IRQs, 16 to 23 are GSIs only; others, and 2, lead nowhere. High is asserted, whatever the wire is. */
export class InterruptRouter extends InterruptInputs {
  constructor(
    private readonly pair: I8259Pair,
    private readonly ioApic: IoApic,
  ) {
    super();
  }

  setLevel(input: u32, isHigh: bool): void {
    if (input == CASCADE_IRQ) return;
    if (input < ISA_IRQS) this.pair.setLevel(input, isHigh);
    this.ioApic.setAsserted(input == TIMER_IRQ ? TIMER_PIN : input, isHigh);
  }
}
