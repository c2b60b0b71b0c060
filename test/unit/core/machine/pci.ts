// PCI configuration space by mechanism 1 and by the enhanced mechanism (PCI Local Bus 3.0, 3.2.2.3.2; PCI Express 4.0, 7.2.2).
import type { MemoryDevice } from "./device-registers.ts";
import type { PortBytes, PortDevice } from "./ports.ts";

const BUS_MASTER = 4;
const COMMAND = 0x04;

export interface FunctionOptions {
  /** Bus, device, function. */
  readonly at: readonly [number, number, number];
  readonly id?: number;
  readonly command?: number;
  /** Bits of the command register that a write does not change. */
  readonly hardWired?: number;
  /** Base class and sub-class. */
  readonly classCode?: number;
  readonly isMultifunction?: boolean;
  /** Makes it a bridge to this bus: header type 1, or `headerType`. */
  readonly secondary?: number;
  readonly headerType?: number;
}

/** One function. Its status register is cleared by writing ones. */
export class PciFunction {
  command: number;
  status = 0xf9b0;
  readonly writes: number[] = [];
  readonly #options: FunctionOptions;

  constructor(options: FunctionOptions) {
    this.#options = options;
    this.command = options.command ?? 0x7;
  }

  get isBusMaster(): boolean {
    return (this.command & BUS_MASTER) !== 0;
  }

  read(offset: number): number {
    const { id = 0x12348086, classCode = 0x0200, isMultifunction = false, secondary } = this.#options;
    const headerType = this.#options.headerType ?? (secondary === undefined ? 0 : 1);
    switch (offset) {
      case 0x00:
        return id;
      case COMMAND:
        return (this.status << 16) | this.command;
      case 0x08:
        return (classCode << 16) | 1;
      case 0x0c:
        return (headerType | (isMultifunction ? 0x80 : 0)) << 16;
      case 0x18:
        return secondary === undefined ? 0 : (0xff << 16) | (secondary << 8);
      default:
        return 0;
    }
  }

  write(offset: number, value: number): void {
    this.writes.push(offset);
    if (offset !== COMMAND) return;
    const { hardWired = 0 } = this.#options;
    this.command = (value & 0xffff & ~hardWired) | (this.command & hardWired);
    this.status &= ~(value >>> 16);
  }
}

/** The functions of one segment group. */
export class PciSegment {
  readonly functions = new Map<string, PciFunction>();

  constructor(...functions: readonly FunctionOptions[]) {
    for (const options of functions) this.functions.set(options.at.join(), new PciFunction(options));
  }

  at(...place: readonly [number, number, number]): PciFunction {
    const found = this.functions.get(place.join());
    if (!found) throw new Error(`the test has no function ${place.join(".")}`);
    return found;
  }

  get(bus: number, device: number, func: number): PciFunction | undefined {
    return this.functions.get([bus, device, func].join());
  }
}

/** Ports 0xcf8 to 0xcff. Accesses that are not 32 bits wide are no configuration mechanism's. */
export class ConfigurationPorts implements PortDevice {
  /** Configuration reads so far. */
  reads = 0;
  readonly #segment: Pick<PciSegment, "get">;
  #address = 0;

  constructor(segment: Pick<PciSegment, "get">) {
    this.#segment = segment;
  }

  read(offset: number, bytes: PortBytes): number {
    if (bytes !== 4) return -1;
    if (offset === 0) return this.#address;
    this.reads++;
    return this.#function?.read(this.#address & 0xfc) ?? -1;
  }

  write(offset: number, bytes: PortBytes, value: number): void {
    if (bytes !== 4) return;
    if (offset === 0) this.#address = value & ~0x7f000003;
    else this.#function?.write(this.#address & 0xfc, value);
  }

  get #function(): PciFunction | undefined {
    const a = this.#address;
    return a < 0 ? this.#segment.get((a >> 16) & 0xff, (a >> 11) & 0x1f, (a >> 8) & 7) : undefined;
  }
}

/** The enhanced mechanism's memory from bus 0 on. */
export class EnhancedConfiguration implements MemoryDevice {
  readonly #segment: PciSegment;

  constructor(segment: PciSegment) {
    this.#segment = segment;
  }
  read(offset: number): number {
    return this.#function(offset)?.read(offset & 0xfff) ?? -1;
  }
  write(offset: number, value: number): void {
    this.#function(offset)?.write(offset & 0xfff, value);
  }
  #function(offset: number): PciFunction | undefined {
    return this.#segment.get(offset >>> 20, (offset >>> 15) & 0x1f, (offset >>> 12) & 7);
  }
}
