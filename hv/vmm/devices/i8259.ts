// One 8259A programmable interrupt controller (Intel 8259A data sheet, 231468): its requests, priorities and command words.

// Always in 8086 mode, as on a PC: ICW4's uPM and buffered mode are taken and change nothing. LTIM of ICW1 does not either, as
// the edge/level control register stands in its place (Intel ICH data sheets, 8259 I/O registers). ICW3 neither: the wires are.

import { StateTable } from "../state";

const INPUTS: u32 = 8;
/** No input has a request that may interrupt. */
export const NO_REQUEST: u32 = 8;
const LAST_INPUT: u8 = 7;
/** What an acknowledge cycle tells where no input requests (data sheet, "Edge and level triggered modes"). */
const SPURIOUS_INPUT: u32 = 7;

// ICW1, and how the words that are written to the lower port are told apart.
const ICW1: u8 = 0x10;
const ICW1_NEEDS_ICW4: u8 = 0x01;
const ICW1_SINGLE: u8 = 0x02;
const OCW3: u8 = 0x08;

const ICW2_VECTOR: u8 = 0xf8;
const ICW4_AUTOMATIC_EOI: u8 = 0x02;
const ICW4_SPECIAL_FULLY_NESTED: u8 = 0x10;

// OCW2's bits: what to do, and to which level.
const OCW2_COMMAND_SHIFT: u8 = 5;
const OCW2_EOI: u8 = 1;
const OCW2_SPECIFIC: u8 = 2;
const OCW2_ROTATE: u8 = 4;
const OCW2_LEVEL: u8 = 7;

const OCW3_READ_IN_SERVICE: u8 = 0x01;
const OCW3_READ: u8 = 0x02;
const OCW3_POLL: u8 = 0x04;
const OCW3_SPECIAL_MASK: u8 = 0x20;
const OCW3_ENABLE_SPECIAL_MASK: u8 = 0x40;

const POLL_INTERRUPT: u8 = 0x80;

// Which word the upper port takes next.
const EXPECTS_OCW1: u8 = 0;
const EXPECTS_ICW2: u8 = 1;
const EXPECTS_ICW3: u8 = 2;
const EXPECTS_ICW4: u8 = 3;

const ALL_MASKED: u8 = 0xff;

function bitOf(input: u32): u8 {
  const first: u32 = 1;
  return <u8>(first << input);
}

export class I8259 {
  /** The inputs that are high, whatever they are for. */
  private lines: u8 = 0;
  /** Inputs that have gone high since they were acknowledged last: of those, an edge-triggered one requests while it is high. */
  private edges: u8 = 0;
  /** The edge/level control register. */
  private levelTriggered: u8 = 0;
  private inService: u8 = 0;
  private mask: u8 = ALL_MASKED;
  private vectors: u8 = 0;
  private lowestPriority: u8 = LAST_INPUT;
  private expects: u8 = EXPECTS_OCW1;
  private needsIcw4: bool = false;
  private isSingle: bool = false;
  private rotatesAutomatically: bool = false;
  private hasSpecialMask: bool = false;
  private isSpecialFullyNested: bool = false;
  private readsInService: bool = false;
  private isPolled: bool = false;
  /** ICW4's AEOI: what is acknowledged is not in service. */
  endsAutomatically: bool = false;

  /** `cascaded`: the inputs that another 8259A drives. They are level-triggered, so that no request of it is missed. */
  constructor(private readonly cascaded: u8) {}

  /** As after power on; the inputs are what drives them. Nothing interrupts before a guest has set its mask. */
  reset(): void {
    this.initialize(0);
    this.expects = EXPECTS_OCW1;
    this.levelTriggered = 0;
    this.mask = ALL_MASKED;
    this.vectors = 0;
  }

  /** Input `input`, from 0 to 7, is high or low from now on. */
  setLevel(input: u32, isHigh: bool): void {
    const bit = bitOf(input & LAST_INPUT);
    if (isHigh) this.edges |= bit & ~this.lines;
    this.lines = isHigh ? this.lines | bit : this.lines & ~bit;
  }

  /** The input that an acknowledge cycle would tell, 0 to 7; NO_REQUEST while INT is low. */
  get request(): u32 {
    const requests = this.requests & ~this.mask;
    if (requests == 0 || this.expects != EXPECTS_OCW1) return NO_REQUEST;
    // A level that is masked in special mask mode keeps no other from interrupting.
    const holding = this.hasSpecialMask ? this.inService & ~this.mask : this.inService;
    for (let priority: u32 = 0; priority < INPUTS; priority++) {
      const input = this.inputOf(priority);
      const bit = bitOf(input);
      const isHeld = (holding & bit) != 0;
      // In special fully nested mode the other 8259A says itself whether its request is more urgent than what it has in service.
      if (requests & bit && (!isHeld || (this.isSpecialFullyNested && bit & this.cascaded))) return input;
      if (isHeld) return NO_REQUEST;
    }
    return NO_REQUEST;
  }

  /** The vector of `input` (ICW2). */
  vectorOf(input: u32): u32 {
    return this.vectors | (input & LAST_INPUT);
  }

  /** The vector that an acknowledge cycle would tell; the spurious one while INT is low. */
  get nextVector(): u32 {
    return this.vectorOf(min(this.request, SPURIOUS_INPUT));
  }

  /** An acknowledge cycle: the input that is in service now, or NO_REQUEST, and then nothing is. */
  acknowledge(): u32 {
    const input = this.request;
    if (input == NO_REQUEST) return NO_REQUEST;
    const bit = bitOf(input);
    this.edges &= ~bit;
    if (!this.endsAutomatically) this.inService |= bit;
    else if (this.rotatesAutomatically) this.lowestPriority = <u8>input;
    return input;
  }

  /** Reads the lower (0) or the upper port (1). After the poll command this is an acknowledge cycle. */
  read(port: u32): u8 {
    if (this.isPolled) return this.poll();
    if (port != 0) return this.mask;
    return this.readsInService ? this.inService : this.requests;
  }

  write(port: u32, value: u8): void {
    if (port != 0) this.writeUpper(value);
    else if (value & ICW1) this.initialize(value);
    else if (value & OCW3) this.writeOcw3(value);
    else this.writeOcw2(value);
  }

  /** The edge/level control register. */
  get triggers(): u8 {
    return this.levelTriggered;
  }

  set triggers(value: u8) {
    this.levelTriggered = value;
  }

  visit(table: StateTable): void {
    this.lines = table.u8(this.lines);
    this.edges = table.u8(this.edges);
    this.levelTriggered = table.u8(this.levelTriggered);
    this.inService = table.u8(this.inService);
    this.mask = table.u8(this.mask);
    this.vectors = table.u8(this.vectors) & ICW2_VECTOR;
    this.lowestPriority = <u8>table.atMost(this.lowestPriority, LAST_INPUT);
    this.expects = <u8>table.atMost(this.expects, EXPECTS_ICW4);
    this.needsIcw4 = table.flag(this.needsIcw4);
    this.isSingle = table.flag(this.isSingle);
    this.rotatesAutomatically = table.flag(this.rotatesAutomatically);
    this.hasSpecialMask = table.flag(this.hasSpecialMask);
    this.isSpecialFullyNested = table.flag(this.isSpecialFullyNested);
    this.readsInService = table.flag(this.readsInService);
    this.isPolled = table.flag(this.isPolled);
    this.endsAutomatically = table.flag(this.endsAutomatically);
  }

  /** The interrupt request register. An input that is low does not request, whatever it did before. */
  private get requests(): u8 {
    return this.lines & (this.edges | this.levelTriggered | this.cascaded);
  }

  /** The input of a priority from 0, the highest, to 7. */
  private inputOf(priority: u32): u32 {
    return (this.lowestPriority + 1 + priority) & LAST_INPUT;
  }

  private poll(): u8 {
    this.isPolled = false;
    const input = this.acknowledge();
    return input == NO_REQUEST ? 0 : POLL_INTERRUPT | (<u8>input);
  }

  /** ICW1: the sequence of up to three further words starts. Without ICW4, what it would select is off. */
  private initialize(icw1: u8): void {
    this.edges = 0;
    this.inService = 0;
    this.mask = 0;
    this.lowestPriority = LAST_INPUT;
    this.expects = EXPECTS_ICW2;
    this.needsIcw4 = (icw1 & ICW1_NEEDS_ICW4) != 0;
    this.isSingle = (icw1 & ICW1_SINGLE) != 0;
    this.rotatesAutomatically = false;
    this.hasSpecialMask = false;
    this.isSpecialFullyNested = false;
    this.readsInService = false;
    this.isPolled = false;
    this.endsAutomatically = false;
  }

  private writeUpper(value: u8): void {
    const word = this.expects;
    if (word == EXPECTS_OCW1) this.mask = value;
    else if (word == EXPECTS_ICW2) this.vectors = value & ICW2_VECTOR;
    else if (word == EXPECTS_ICW4) {
      this.endsAutomatically = (value & ICW4_AUTOMATIC_EOI) != 0;
      this.isSpecialFullyNested = (value & ICW4_SPECIAL_FULLY_NESTED) != 0;
    }
    this.expects = this.wordAfter(word);
  }

  private wordAfter(word: u8): u8 {
    if (word == EXPECTS_ICW2 && !this.isSingle) return EXPECTS_ICW3;
    return (word == EXPECTS_ICW2 || word == EXPECTS_ICW3) && this.needsIcw4 ? EXPECTS_ICW4 : EXPECTS_OCW1;
  }

  private writeOcw2(value: u8): void {
    const command = value >> OCW2_COMMAND_SHIFT;
    const isSpecific = (command & OCW2_SPECIFIC) != 0;
    const rotates = (command & OCW2_ROTATE) != 0;
    if (command & OCW2_EOI)
      this.endInterrupt(isSpecific ? <u32>(value & OCW2_LEVEL) : this.highestInService(), rotates);
    else if (!isSpecific) this.rotatesAutomatically = rotates;
    else if (rotates) this.lowestPriority = value & OCW2_LEVEL;
  }

  private endInterrupt(input: u32, rotates: bool): void {
    if (input == NO_REQUEST) return;
    this.inService &= ~bitOf(input);
    if (rotates) this.lowestPriority = <u8>input;
  }

  /** What a non-specific EOI ends: in special mask mode no level that is masked. */
  private highestInService(): u32 {
    const inService = this.hasSpecialMask ? this.inService & ~this.mask : this.inService;
    for (let priority: u32 = 0; priority < INPUTS; priority++) {
      const input = this.inputOf(priority);
      if (inService & bitOf(input)) return input;
    }
    return NO_REQUEST;
  }

  private writeOcw3(value: u8): void {
    if (value & OCW3_ENABLE_SPECIAL_MASK) this.hasSpecialMask = (value & OCW3_SPECIAL_MASK) != 0;
    if (value & OCW3_READ) this.readsInService = (value & OCW3_READ_IN_SERVICE) != 0;
    if (value & OCW3_POLL) this.isPolled = true;
  }
}
