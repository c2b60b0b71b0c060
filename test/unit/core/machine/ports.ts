// The I/O ports of the simulated machine, and the devices that tests put behind them.

/** 1, 2 or 4: the width of an IN or OUT. */
export type PortBytes = 1 | 2 | 4;

/** A device at some ports. `offset` is the port less the first one that the device was attached to. */
export interface PortDevice {
  /** Accesses to it are too many to be kept. */
  readonly isUnrecorded?: boolean;
  read(offset: number, bytes: PortBytes): number;
  write(offset: number, bytes: PortBytes, value: number): void;
}

/** An access as a test sees it, in order. */
export interface PortAccess {
  readonly direction: "in" | "out";
  readonly port: number;
  readonly bytes: PortBytes;
  readonly value: number;
}

interface Attached {
  readonly first: number;
  readonly count: number;
  readonly device: PortDevice;
}

export class Ports {
  readonly accesses: PortAccess[] = [];
  readonly #attached: Attached[] = [];

  /** Puts `device` behind the `count` ports from `first` on; what was attached last answers. */
  attach(first: number, count: number, device: PortDevice): void {
    this.#attached.unshift({ first, count, device });
  }

  /** IN: all ones where no device answers, as on a PC. */
  in(port: number, bytes: PortBytes): number {
    const found = this.#find(port);
    const ones = 2 ** (8 * bytes) - 1;
    const value = found ? (found.device.read(port - found.first, bytes) & ones) >>> 0 : ones;
    this.accesses.push({ direction: "in", port, bytes, value });
    return value | 0;
  }

  out(port: number, bytes: PortBytes, value: number): void {
    const cut = (value & (2 ** (8 * bytes) - 1)) >>> 0;
    const found = this.#find(port);
    if (!found?.device.isUnrecorded) this.accesses.push({ direction: "out", port, bytes, value: cut });
    found?.device.write(port - found.first, bytes, cut);
  }

  #find(port: number): Attached | undefined {
    if (port < 0 || port > 0xffff) throw new Error(`core used port 0x${port.toString(16)}, expected 0 to 0xffff`);
    return this.#attached.find(({ first, count }) => port >= first && port < first + count);
  }
}
