// What is to be done before the next entry, in one word, so that the run loop has one test for all of it.

/** The processor may hold a translation that was changed in memory. */
const WORK_TRANSLATIONS: u32 = 0x80000000;

/** Nested page tables are the EntryWork of the VM that they belong to; a VM without has one of its own. */
export class EntryWork {
  /** Bits of WORK_* (hv/core/vcpu/work.ts, the backend's, and the one above). */
  bits: u32 = 0;

  /** Whether hardware may hold a translation that was changed in memory. */
  get invalidationIsPending(): bool {
    return (this.bits & WORK_TRANSLATIONS) != 0;
  }
  set invalidationIsPending(isPending: bool) {
    this.bits = isPending ? this.bits | WORK_TRANSLATIONS : this.bits & ~WORK_TRANSLATIONS;
  }
}
