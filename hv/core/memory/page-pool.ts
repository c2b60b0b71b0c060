// The pool of zeroed 4-KiB pages of core memory: VMXON and VMCS regions, bitmaps and page tables come from here.

export const PAGE_BYTES: u32 = 4096;

/** Hands out pages of one stretch of core memory, which is physically contiguous. Allocates nothing itself. */
export class PagePool {
  private readonly end: usize;
  /** The first page that was never handed out; those from here to `end` are free. */
  private untouched: usize;
  /** The first page of the free list, 0 where it is empty; each free page holds the pointer to the next one. */
  private firstFree: usize = 0;
  private allocated: u32 = 0;

  /**
   * `first` is the pointer to the first page, 4-KiB aligned and not 0; `pages` the number of pages behind it that
   * belong to the pool; `physicalBase` the host-physical address of pointer 0, 4-KiB aligned.
   */
  constructor(
    private readonly first: usize,
    private readonly pages: u32,
    private physicalBase: u64,
  ) {
    assert(first != 0 && first % PAGE_BYTES == 0, "a page pool starts at a pointer that is not 0 and 4-KiB aligned");
    assert(physicalBase % PAGE_BYTES == 0, "core memory starts at a 4-KiB aligned host-physical address");
    this.end = first + <usize>pages * PAGE_BYTES;
    this.untouched = first;
  }

  /** The pool is a copy of another one, whose pages are at the same pointers, and pointer 0 is at `physicalBase`. */
  moveTo(physicalBase: u64): void {
    this.physicalBase = physicalBase;
  }

  /** Pages that are handed out. */
  get inUse(): u32 {
    return this.allocated;
  }

  /** Pages that were handed out at once, at most, or a few more: those behind them have never been. */
  get everInUse(): u32 {
    return <u32>((this.untouched - this.first) / PAGE_BYTES);
  }

  /** Pages that can still be handed out. */
  get available(): u32 {
    return this.pages - this.allocated;
  }

  /** A pointer to a page full of zeroes, or 0 where the pool is exhausted. */
  allocate(): usize {
    let page = this.firstFree;
    if (page != 0) {
      this.firstFree = load<usize>(page);
    } else if (this.untouched < this.end) {
      page = this.untouched;
      this.untouched += PAGE_BYTES;
    } else {
      return 0;
    }
    this.allocated++;
    memory.fill(page, 0, PAGE_BYTES);
    return page;
  }

  /** A pointer to `count` adjacent zeroed pages that were never handed out before, or 0. Each is freed by itself. */
  allocateAdjacent(count: u32): usize {
    const bytes = <usize>count * PAGE_BYTES;
    if (this.end - this.untouched < bytes) return 0;
    const first = this.untouched;
    this.untouched += bytes;
    this.allocated += count;
    memory.fill(first, 0, bytes);
    return first;
  }

  /** Takes back a page that `allocate` handed out. Any other pointer is a bug of Basalt and ends the run. */
  free(page: usize): void {
    assert(
      page >= this.first && page < this.untouched && page % PAGE_BYTES == 0 && this.allocated != 0,
      "a page was freed that this pool never handed out; free a page once, to the pool that it came from",
    );
    store<usize>(page, this.firstFree);
    this.firstFree = page;
    this.allocated--;
  }

  /** The host-physical address of a byte of core memory. */
  physicalAddress(pointer: usize): u64 {
    return this.physicalBase + pointer;
  }

  /** The pointer to a byte of this pool by its host-physical address, the inverse of `physicalAddress`. */
  pointer(physicalAddress: u64): usize {
    return <usize>(physicalAddress - this.physicalBase);
  }

  /** True if `bytes` bytes from a host-physical address on are all in the pool. */
  holds(physicalAddress: u64, bytes: u64): bool {
    const start = this.physicalBase + this.first;
    const size = <u64>this.pages * PAGE_BYTES;
    return physicalAddress >= start && bytes <= size && physicalAddress - start <= size - bytes;
  }
}
