// A second model of a PC's two 8259As, written from the data sheet's words for the property test: slow, a list where the
// device has bits.

type Word = "ICW2" | "ICW3" | "ICW4" | "OCW1";

class Chip {
  readonly high = new Set<number>();
  readonly edge = new Set<number>();
  readonly level = new Set<number>();
  readonly inService = new Set<number>();
  readonly masked = new Set<number>([0, 1, 2, 3, 4, 5, 6, 7]);
  /** The inputs from the highest priority to the lowest. */
  order = [0, 1, 2, 3, 4, 5, 6, 7];
  /** The words that an initialization still takes. */
  coming: Word[] = [];
  vectorBase = 0;
  automaticEoi = false;
  rotateInAutomaticEoi = false;
  specialMask = false;
  specialFullyNested = false;
  readInService = false;
  polling = false;

  readonly slaveInput: number | null;

  constructor(slaveInput: number | null) {
    this.slaveInput = slaveInput;
  }

  drive(input: number, isHigh: boolean): void {
    if (!isHigh) {
      this.high.delete(input);
      this.edge.delete(input);
    } else if (!this.high.has(input)) {
      this.high.add(input);
      this.edge.add(input);
    }
  }

  requests(): number[] {
    return this.order.filter(
      (input) => this.high.has(input) && (this.edge.has(input) || this.level.has(input) || input === this.slaveInput),
    );
  }

  /** The input whose request makes INT high. */
  interrupting(): number | undefined {
    if (this.coming.length > 0) return undefined;
    const first = this.requests().find((input) => !this.masked.has(input));
    if (first === undefined) return undefined;
    const rank = this.order.indexOf(first);
    const holders = [...this.inService].filter((input) => !(this.specialMask && this.masked.has(input)));
    const isFree = holders.every((input) => {
      if (input === first) return this.specialFullyNested && input === this.slaveInput;
      return this.order.indexOf(input) > rank;
    });
    return isFree ? first : undefined;
  }

  makeLowest(input: number): void {
    while (this.order[7] !== input) this.order.push(this.order.shift()!);
  }

  acknowledge(): number | undefined {
    const input = this.interrupting();
    if (input === undefined) return undefined;
    this.edge.delete(input);
    if (!this.automaticEoi) this.inService.add(input);
    else if (this.rotateInAutomaticEoi) this.makeLowest(input);
    return input;
  }

  read(isUpper: boolean): number {
    if (this.polling) {
      this.polling = false;
      const input = this.acknowledge();
      return input === undefined ? 0 : 0x80 + input;
    }
    const bits = isUpper ? this.masked : this.readInService ? this.inService : this.requests();
    return [...bits].reduce((sum, input) => sum + 2 ** input, 0);
  }

  write(isUpper: boolean, value: number): void {
    const bit = (number: number): boolean => Math.floor(value / 2 ** number) % 2 === 1;
    if (isUpper) this.writeUpper(this.coming.shift() ?? "OCW1", value, bit);
    else if (bit(4)) this.start(bit);
    else if (bit(3)) {
      if (bit(6)) this.specialMask = bit(5);
      if (bit(1)) this.readInService = bit(0);
      if (bit(2)) this.polling = true;
    } else this.command(value >> 5, value & 7);
  }

  private start(bit: (number: number) => boolean): void {
    this.edge.clear();
    this.inService.clear();
    this.masked.clear();
    this.order = [0, 1, 2, 3, 4, 5, 6, 7];
    this.coming = ["ICW2"];
    if (!bit(1)) this.coming.push("ICW3");
    if (bit(0)) this.coming.push("ICW4");
    this.automaticEoi = this.rotateInAutomaticEoi = this.specialMask = this.specialFullyNested = false;
    this.readInService = this.polling = false;
  }

  private writeUpper(word: Word, value: number, bit: (number: number) => boolean): void {
    if (word === "ICW2") this.vectorBase = value - (value % 8);
    if (word === "ICW4") [this.automaticEoi, this.specialFullyNested] = [bit(1), bit(4)];
    if (word !== "OCW1") return;
    this.masked.clear();
    for (let input = 0; input < 8; input++) if (bit(input)) this.masked.add(input);
  }

  /** The data sheet's table of OCW2, by R, SL and EOI. */
  private command(code: number, level: number): void {
    const top = this.order.find((input) => this.inService.has(input) && !(this.specialMask && this.masked.has(input)));
    switch (code) {
      case 0b001:
        if (top !== undefined) this.inService.delete(top);
        return;
      case 0b011:
        this.inService.delete(level);
        return;
      case 0b101:
        if (top === undefined) return;
        this.inService.delete(top);
        this.makeLowest(top);
        return;
      case 0b100:
        this.rotateInAutomaticEoi = true;
        return;
      case 0b000:
        this.rotateInAutomaticEoi = false;
        return;
      case 0b111:
        this.inService.delete(level);
        this.makeLowest(level);
        return;
      case 0b110:
        this.makeLowest(level);
        return;
      default:
    }
  }
}

export class I8259Model {
  readonly master = new Chip(2);
  readonly slave = new Chip(null);

  setLevel(irq: number, isHigh: boolean): void {
    if (irq !== 2 && irq < 8) this.master.drive(irq, isHigh);
    if (irq >= 8 && irq < 16) this.slave.drive(irq - 8, isHigh);
    this.cascade();
  }

  read(port: number): number {
    const [chip, level] = [port < 0x40 ? this.master : this.slave, port >= 0x4d0];
    const levels = port === 0x4d0 ? this.master.level : this.slave.level;
    const value = level ? [...levels].reduce((sum, input) => sum + 2 ** input, 0) : chip.read(port % 2 === 1);
    this.cascade();
    return value;
  }

  write(port: number, value: number): void {
    if (port < 0x4d0) (port < 0x40 ? this.master : this.slave).write(port % 2 === 1, value);
    else {
      const [levels, fixed] = port === 0x4d0 ? [this.master.level, [0, 1, 2]] : [this.slave.level, [0, 5]];
      levels.clear();
      for (let input = 0; input < 8; input++) if ((value >> input) & 1 && !fixed.includes(input)) levels.add(input);
    }
    this.cascade();
  }

  get isWaiting(): boolean {
    return this.master.interrupting() !== undefined;
  }

  get nextVector(): number {
    const input = this.master.interrupting();
    if (input !== 2) return this.master.vectorBase + (input ?? 7);
    return this.slave.vectorBase + (this.slave.interrupting() ?? 7);
  }

  acknowledge(): void {
    if (this.master.acknowledge() === 2) this.slave.acknowledge();
    this.cascade();
  }

  private cascade(): void {
    this.master.drive(2, this.slave.interrupting() !== undefined);
  }
}
