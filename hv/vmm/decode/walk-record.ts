// What a page walk read: as long as that reads the same, the walk would come to the same.

import { Ram } from "../memory/ram";

/** The most levels of a walk that is recorded. */
export const RECORDED_LEVELS: u32 = 4;

/** Filled in by PageWalker.record. */
export class WalkRecord {
  /** Where the walk led to. */
  physical: u64 = 0;
  // The entries, and where they lie in RAM; of a walk with fewer than four the last one fills the places that are left.
  address0: u32 = 0;
  address1: u32 = 0;
  address2: u32 = 0;
  address3: u32 = 0;
  entry0: u64 = 0;
  entry1: u64 = 0;
  entry2: u64 = 0;
  entry3: u64 = 0;

  /** The bits in which the entries differ from what they were; 0 where all are the same. */
  difference(ram: Ram): u64 {
    return (
      (ram.readHeld(this.address0) ^ this.entry0) |
      (ram.readHeld(this.address1) ^ this.entry1) |
      (ram.readHeld(this.address2) ^ this.entry2) |
      (ram.readHeld(this.address3) ^ this.entry3)
    );
  }
}
