// The rules that a driver keeps about a split virtqueue, and what is said of one that is broken (virtio 1.2, 2.7).

export const RULE_NONE: u32 = 0;
export const RULE_SIZE: u32 = 1;
export const RULE_ALIGNMENT: u32 = 2;
export const RULE_RINGS_IN_RAM: u32 = 3;
export const RULE_RINGS_APART: u32 = 4;
export const RULE_AVAILABLE_COUNT: u32 = 5;
export const RULE_HEAD: u32 = 6;
export const RULE_NEXT: u32 = 7;
export const RULE_CHAIN_LENGTH: u32 = 8;
export const RULE_EMPTY_BUFFER: u32 = 9;
export const RULE_BUFFER_IN_RAM: u32 = 10;
export const RULE_ORDER: u32 = 11;
export const RULE_BUFFER_APART: u32 = 12;
export const RULE_CHAIN_BYTES: u32 = 13;
export const RULE_INDIRECT_ACCEPTED: u32 = 14;
export const RULE_INDIRECT_IS_LAST: u32 = 15;
export const RULE_INDIRECT_NESTED: u32 = 16;
export const RULE_INDIRECT_LENGTH: u32 = 17;
export const RULE_INDIRECT_IN_RAM: u32 = 18;
export const RULES: u32 = 19;

/** By RULE_*. */
export const RULE_SENTENCES: StaticArray<string> = [
  "",
  // 2.7: the size.
  "virtqueue: its size is no power of 2, or more than the device offers",
  // 2.7: the table of alignments.
  "virtqueue: a ring is not aligned",
  "virtqueue: a ring does not lie in RAM",
  "virtqueue: the used ring overlaps what the driver writes",
  // 2.7.13.3.
  "virtqueue: the available index is further ahead than the queue has entries",
  "virtqueue: the available ring names a descriptor that the queue does not have",
  // 2.7.5.
  "virtqueue: a descriptor's next one does not exist",
  // 2.7.5.3.1 and 2.7.5.1: no loops.
  "virtqueue: a chain has more descriptors than the queue, or is a loop",
  "virtqueue: a buffer is empty",
  "virtqueue: a buffer does not lie in RAM",
  // 2.7.4.2.
  "virtqueue: a buffer for reading stands behind one for writing",
  "virtqueue: a buffer for writing overlaps the queue's own tables",
  // 2.7.5.1.
  "virtqueue: a chain has 4 GiB or more",
  // 2.7.5.3.1.
  "virtqueue: a descriptor is indirect, which was not negotiated",
  "virtqueue: an indirect descriptor has a next one",
  "virtqueue: an indirect table refers to another one",
  "virtqueue: an indirect table's length is no number of descriptors that the queue may have",
  "virtqueue: an indirect table does not lie in RAM",
];
