// An I/O APIC with its two registers, and the MADT that names it (Intel 82093AA data sheet; ACPI 6.5, 5.2.12).
import { ByteWriter } from "./byte-writer.ts";
import type { MemoryDevice } from "./device-registers.ts";

const SELECT = 0;
const DATA = 0x10;
const VERSION = 1;
const REDIRECTION = 0x10;

export class IoApic implements MemoryDevice {
  /** The low halves of the redirection entries. */
  readonly entries: number[];
  #selected = 0;

  constructor(entries: readonly number[]) {
    this.entries = [...entries];
  }

  read(offset: number): number {
    if (offset !== DATA) return this.#selected;
    if (this.#selected === VERSION) return 0x20 | ((this.entries.length - 1) << 16);
    return this.#entry === null ? 0 : (this.entries[this.#entry] ?? 0);
  }

  write(offset: number, value: number): void {
    if (offset === SELECT) this.#selected = value & 0xff;
    else if (offset === DATA && this.#entry !== null) this.entries[this.#entry] = value;
  }

  /** The redirection entry whose low half is selected. */
  get #entry(): number | null {
    const n = this.#selected - REDIRECTION;
    return n >= 0 && n % 2 === 0 && n / 2 < this.entries.length ? n / 2 : null;
  }
}

/** What follows the header of a MADT with a local APIC, and I/O APICs at `addresses`. */
export function madt(...addresses: number[]): Uint8Array {
  const writer = new ByteWriter().u32(0xfee00000).u32(1).u8(0, 8, 0, 0, 1, 0, 0, 0);
  addresses.forEach((address, n) =>
    writer
      .u8(1, 12, n, 0)
      .u32(address)
      .u32(24 * n),
  );
  return writer.bytes();
}
