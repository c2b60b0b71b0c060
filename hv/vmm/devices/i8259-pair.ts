// A PC's two 8259As: IRQ 0 to 7 at the master, IRQ 8 to 15 at the slave, whose INT drives the master's input 2. With the
// edge/level control registers of the EISA bus (Intel ICH data sheets, "ELCR1" and "ELCR2").

import { Bus, Device } from "../bus";
import { ExternalInterrupts, ExternalListener } from "../interrupts";
import { StateTable } from "../state";
import { I8259, NO_REQUEST } from "./i8259";

const MASTER_PORT: u32 = 0x20;
const SLAVE_PORT: u32 = 0xa0;
const TRIGGERS_PORT: u32 = 0x4d0;
const PORTS: u32 = 2;

const CASCADE: u32 = 2;
const CASCADE_BIT: u8 = 1 << 2;
const INPUTS: u32 = 16;
const INPUTS_OF_ONE: u32 = 8;

/** The inputs that can be level-triggered: all but IRQ 0, 1, 2, 8 and 13. */
const MASTER_TRIGGERS: u8 = 0xf8;
const SLAVE_TRIGGERS: u8 = 0xde;

const STATE_TAG: u32 = 0x50494320; // "PIC "
const STATE_VERSION: u32 = 1;

/** What the listener has been told of: INT with the vector, and whether acknowledging ends. */
const TOLD_NOTHING: u32 = 0;
const TOLD_WAITING: u32 = 1 << 8;
const TOLD_ENDS: u32 = 1 << 9;

/** The two ports of one 8259A. */
class ChipPorts extends Device {
  constructor(
    private readonly pair: I8259Pair,
    private readonly chip: I8259,
  ) {
    super();
  }

  read(offset: u32, _bytes: u32): u64 {
    const value = this.chip.read(offset);
    // A poll acknowledges.
    this.pair.update();
    return value;
  }

  write(offset: u32, _bytes: u32, value: u64): void {
    this.chip.write(offset, <u8>value);
    this.pair.update();
  }
}

/** ELCR1 and ELCR2. */
class TriggerPorts extends Device {
  constructor(
    private readonly pair: I8259Pair,
    private readonly master: I8259,
    private readonly slave: I8259,
  ) {
    super();
  }

  read(offset: u32, _bytes: u32): u64 {
    return offset == 0 ? this.master.triggers : this.slave.triggers;
  }

  write(offset: u32, _bytes: u32, value: u64): void {
    if (offset == 0) this.master.triggers = (<u8>value) & MASTER_TRIGGERS;
    else this.slave.triggers = (<u8>value) & SLAVE_TRIGGERS;
    this.pair.update();
  }
}

/**
 * An acknowledge is one step here, so that the slave's request cannot go between its two cycles: there is no spurious IRQ 15. A
 * spurious IRQ 7 is what `nextVector` tells while nothing waits, and nothing is in service then.
 */
export class I8259Pair extends ExternalInterrupts {
  /** Is told of each change but those by `acknowledge`, after which whoever called it looks again. */
  listener: ExternalListener | null = null;
  private readonly master: I8259 = new I8259(CASCADE_BIT);
  private readonly slave: I8259 = new I8259(0);
  private told: u32 = TOLD_NOTHING;

  /** Adds the pair's ports. While the machine is put together only. */
  attachTo(ports: Bus): void {
    ports.attach(MASTER_PORT, PORTS, new ChipPorts(this, this.master));
    ports.attach(SLAVE_PORT, PORTS, new ChipPorts(this, this.slave));
    ports.attach(TRIGGERS_PORT, PORTS, new TriggerPorts(this, this.master, this.slave));
  }

  /** As after power on; the inputs stay as they are driven. */
  reset(): void {
    this.master.reset();
    this.slave.reset();
    this.update();
  }

  /**
   * Input `irq`, from 0 to 15, is high or low from now on; others, and 2, do not exist. As on hardware an edge-triggered input
   * must stay high until it is acknowledged: one that goes low before does not interrupt.
   */
  setLevel(irq: u32, isHigh: bool): void {
    if (irq >= INPUTS || irq == CASCADE) return;
    if (irq < INPUTS_OF_ONE) this.master.setLevel(irq, isHigh);
    else this.slave.setLevel(irq - INPUTS_OF_ONE, isHigh);
    this.update();
  }

  get isWaiting(): bool {
    return this.master.request != NO_REQUEST;
  }

  get nextVector(): u32 {
    return this.master.request == CASCADE ? this.slave.nextVector : this.master.nextVector;
  }

  get endsAutomatically(): bool {
    const chip = this.master.request == CASCADE ? this.slave : this.master;
    return this.master.endsAutomatically || chip.endsAutomatically;
  }

  acknowledge(): void {
    if (this.master.acknowledge() == CASCADE) this.slave.acknowledge();
    this.noteChange();
  }

  /** Tells the listener if there is something new. To be called after each change of a chip. */
  update(): void {
    const listener = this.listener;
    if (this.noteChange() && listener) listener.onExternalChange();
  }

  visit(table: StateTable): void {
    table.begin(STATE_TAG, STATE_VERSION);
    this.master.visit(table);
    this.slave.visit(table);
    this.update();
  }

  /** Carries the slave's INT to the master; whether anything that a listener may ask for has changed. */
  private noteChange(): bool {
    this.master.setLevel(CASCADE, this.slave.request != NO_REQUEST);
    const was = this.told;
    let now = this.isWaiting ? TOLD_WAITING | this.nextVector : TOLD_NOTHING;
    if (this.endsAutomatically) now |= TOLD_ENDS;
    this.told = now;
    return now != was;
  }
}
