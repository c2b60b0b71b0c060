// Sparse physical memory: pages that are written, and regions that are really some Wasm instance's memory.

const PAGE = 4096;

interface Region {
  readonly start: bigint;
  readonly bytes: Uint8Array;
}

export class PhysicalMemory {
  readonly #pages = new Map<bigint, Uint8Array>();
  readonly #leftovers: number;
  #regions: Region[] = [];

  /** `leftovers` is the byte of which all that was never written is full. */
  constructor(leftovers = 0) {
    this.#leftovers = leftovers;
  }

  /** Makes [start, start + bytes.length) an alias of `bytes`. */
  attach(start: bigint, bytes: Uint8Array): void {
    this.#regions.push({ start, bytes });
  }

  /** Ends an alias; what it held stays there. */
  detach(start: bigint): void {
    const region = this.#regions.find((candidate) => candidate.start === start);
    this.#regions = this.#regions.filter((candidate) => candidate !== region);
    if (region) this.write(start, region.bytes);
  }

  /** Fills [address, address + length) with zeroes. */
  zero(address: bigint, length: number): void {
    this.#eachPart(address, length, (page, offset, _from, count) => {
      const bytes = this.#pages.get(page);
      if (bytes) bytes.fill(0, offset, offset + count);
      else if (this.#leftovers !== 0) this.write(page * BigInt(PAGE) + BigInt(offset), new Uint8Array(count));
    });
  }

  read(address: bigint, length: number): Uint8Array {
    const region = this.#regionOf(address, length);
    if (region) return region.slice();
    const result = new Uint8Array(length).fill(this.#leftovers);
    this.#eachPart(address, length, (page, offset, from, count) => {
      const bytes = this.#pages.get(page);
      if (bytes) result.set(bytes.subarray(offset, offset + count), from);
    });
    return result;
  }

  write(address: bigint, data: Uint8Array): void {
    const region = this.#regionOf(address, data.length);
    if (region) return void region.set(data);
    this.#eachPart(address, data.length, (page, offset, from, count) => {
      const bytes = this.#pages.get(page) ?? new Uint8Array(PAGE).fill(this.#leftovers);
      this.#pages.set(page, bytes);
      bytes.set(data.subarray(from, from + count), offset);
    });
  }

  read32(address: bigint): number {
    return new DataView(this.read(address, 4).buffer).getUint32(0, true);
  }

  read64(address: bigint): bigint {
    return new DataView(this.read(address, 8).buffer).getBigUint64(0, true);
  }

  #regionOf(address: bigint, length: number): Uint8Array | null {
    for (const { start, bytes } of this.#regions) {
      const offset = address - start;
      if (offset < 0n || offset + BigInt(length) > BigInt(bytes.length)) continue;
      return bytes.subarray(Number(offset), Number(offset) + length);
    }
    return null;
  }

  #eachPart(
    address: bigint,
    length: number,
    visit: (page: bigint, offset: number, from: number, count: number) => void,
  ): void {
    for (let done = 0; done < length;) {
      const at = address + BigInt(done);
      const offset = Number(at % BigInt(PAGE));
      const count = Math.min(length - done, PAGE - offset);
      visit(at / BigInt(PAGE), offset, done, count);
      done += count;
    }
  }
}
