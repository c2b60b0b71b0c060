// What a guest's memory map should be: a Map from unit page to host address, permissions, type and page size. All
// addresses are numbers below 2^53; the unit is 4 KiB, or 2 MiB where a test maps gigabytes.

export const KIB_4 = 0x1000;
export const MIB_2 = 0x200000;
export const GIB_1 = 0x40000000;

export interface ModelPage {
  host: number;
  permissions: number;
  memoryType: number;
  /** The size of the page that should map it. */
  bytes: number;
}

export class ReferenceModel {
  readonly pages = new Map<number, ModelPage>();
  readonly pageSizes: number[];
  readonly #unit: number;
  readonly #typeOf: (host: number) => number;

  /** `pageSizes` are those that the processor has, ascending; `typeOf` is the memory type of a host address. */
  constructor(unit: number, pageSizes: number[], typeOf: (host: number) => number) {
    this.#unit = unit;
    this.pageSizes = pageSizes;
    this.#typeOf = typeOf;
  }

  /** Whether every page of the range is mapped. */
  isMapped(guest: number, bytes: number): boolean {
    for (let page = guest; page < guest + bytes; page += this.#unit) if (!this.pages.has(page)) return false;
    return true;
  }

  /** Whether no page of the range is mapped. */
  isFree(guest: number, bytes: number): boolean {
    for (let page = guest; page < guest + bytes; page += this.#unit) if (this.pages.has(page)) return false;
    return true;
  }

  map(guest: number, host: number, bytes: number, permissions: number): void {
    const fits = this.#pageFitter(guest, host, bytes);
    for (let page = guest; page < guest + bytes; page += this.#unit) {
      const pageHost = host + (page - guest);
      const size = this.pageSizes.findLast((size) => size === this.#unit || fits(page - (page % size), size));
      this.pages.set(page, {
        host: pageHost,
        permissions,
        memoryType: this.#typeOf(pageHost),
        bytes: size as number,
      });
    }
  }

  unmap(guest: number, bytes: number): void {
    this.#split(guest, guest + bytes, () => true);
    for (let page = guest; page < guest + bytes; page += this.#unit) this.pages.delete(page);
  }

  protect(guest: number, bytes: number, permissions: number): void {
    this.#split(guest, guest + bytes, (page) => page.permissions !== permissions);
    for (let page = guest; page < guest + bytes; page += this.#unit) {
      (this.pages.get(page) as ModelPage).permissions = permissions;
    }
  }

  /** Says of a page whether it lies in the range, is aligned on both sides and has one memory type. */
  #pageFitter(guest: number, host: number, bytes: number): (start: number, size: number) => boolean {
    const known = new Map<string, boolean>();
    const hasOneType = (hostStart: number, size: number): boolean => {
      const type = this.#typeOf(hostStart);
      for (let offset = 0; offset < size; offset += this.#unit) {
        if (this.#typeOf(hostStart + offset) !== type) return false;
      }
      return true;
    };
    return (start, size) => {
      const key = `${start}/${size}`;
      let fits = known.get(key);
      if (fits === undefined) {
        const hostStart = host + (start - guest);
        const isInside = start >= guest && start + size <= guest + bytes;
        fits = isInside && hostStart % size === 0 && hasOneType(hostStart, size);
        known.set(key, fits);
      }
      return fits;
    };
  }

  /** Pages that an end of [start, end) cuts become the largest pages that it does not cut. */
  #split(start: number, end: number, isAffected: (page: ModelPage) => boolean): void {
    for (const inside of [start, end - this.#unit]) {
      const cut = this.pages.get(inside);
      if (cut === undefined || !isAffected(cut)) continue;
      const block = inside - (inside % cut.bytes);
      const isCut = (at: number, size: number): boolean => {
        const from = at - (at % size);
        return (from < start && start < from + size) || (from < end && end < from + size);
      };
      if (!isCut(inside, cut.bytes)) continue;
      const sizes = this.pageSizes.filter((size) => size <= cut.bytes);
      for (let page = block; page < block + cut.bytes; page += this.#unit) {
        const part = this.pages.get(page) as ModelPage;
        this.pages.set(page, { ...part, bytes: sizes.findLast((size) => !isCut(page, size)) as number });
      }
    }
  }
}
