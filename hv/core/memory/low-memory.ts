// Free pages of the first 640 KiB, where a processor that wakes in real mode begins.

/** Behind it are the video memory and the ROMs of a PC, whatever a memory map says. */
const END: u64 = 0xa0000;
const PAGES: i32 = <i32>(END >> 12);

/** As PhysicalMemory: `add` all RAM, then `remove` all that is not. */
export class LowMemory {
  private readonly isFree: StaticArray<bool> = new StaticArray<bool>(PAGES);

  /** Adds the whole pages of [start, end). */
  add(start: u64, end: u64): void {
    const last = min(end, END) >> 12;
    for (let page = (min(start, END) + 4095) >> 12; page < last; page++) this.isFree[<i32>page] = true;
  }

  /** Takes every page that [start, end) touches away. */
  remove(start: u64, end: u64): void {
    const last = (min(end, END) + 4095) >> 12;
    for (let page = start >> 12; page < last; page++) this.isFree[<i32>page] = false;
  }

  /** The highest free page below `end`, page 0 left out, where the real-mode IVT is: its address, 0 where there is none. */
  highestPageBelow(end: u64): u64 {
    let page = min(end, END) >> 12;
    while (page > 0) {
      page--;
      if (this.isFree[<i32>page]) break;
    }
    return page << 12;
  }
}
