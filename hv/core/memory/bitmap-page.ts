// A bitmap of one page, as the processor reads it: bit n is bit n mod 8 of byte n / 8.

import { PAGE_BYTES } from "./page-pool";

export class BitmapPage {
  /** `page` is a page of the pool. Every bit becomes 1. */
  constructor(private readonly page: usize) {
    memory.fill(page, 0xff, PAGE_BYTES);
  }

  /** Makes bit `number`, 0 to 32767, 0. */
  clear(number: u32): void {
    assert(number < 8 * PAGE_BYTES, "a bit of a bitmap's page has a number below 32768");
    const byte = this.page + (number >> 3);
    const bit = <u8>((<u32>1) << (number & 7));
    store<u8>(byte, load<u8>(byte) & ~bit);
  }
}
