// Devices' 32-bit registers in physical memory, at places that may move.

export interface MemoryDevice {
  read(offset: number): number;
  write(offset: number, value: number): void;
}

interface Attached {
  /** null while the device answers nowhere. */
  readonly start: () => bigint | null;
  readonly bytes: bigint;
  readonly device: MemoryDevice;
}

export class DeviceRegisters {
  readonly #attached: Attached[] = [];

  attach(start: () => bigint | null, bytes: bigint, device: MemoryDevice): void {
    this.#attached.unshift({ start, bytes, device });
  }

  read(address: bigint): number {
    const found = this.#find(address);
    return found ? found.device.read(found.offset) | 0 : -1;
  }

  write(address: bigint, value: number): void {
    const found = this.#find(address);
    found?.device.write(found.offset, value);
  }

  #find(address: bigint): { device: MemoryDevice; offset: number } | null {
    if (address % 4n !== 0n) throw new Error(`core accessed a register at 0x${address.toString(16)}, no multiple of 4`);
    for (const { start, bytes, device } of this.#attached) {
      const first = start();
      if (first !== null && address >= first && address < first + bytes) {
        return { device, offset: Number(address - first) };
      }
    }
    return null;
  }
}
