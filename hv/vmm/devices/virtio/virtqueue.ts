// A split virtqueue (virtio 1.2, 2.7): what the driver makes available is walked with all it claims in doubt.

import { Ram } from "../../memory/ram";
import { StateTable } from "../../state";

/** What `take` found. */
export const CHAIN_NONE: u32 = 0;
export const CHAIN_TAKEN: u32 = 1;
/** The driver has broken a rule; `Virtqueue.problem` says which. */
export const CHAIN_BROKEN: u32 = 2;

/** A queue of one device; the transport sets it up, the device takes chains from it. */
export class Virtqueue {
  /** Entries as the driver has chosen, a power of 2, at most `maximumSize`. */
  size: u32 = 0;
  isEnabled: bool = false;
  /** Guest-physical addresses: descriptor table, available ring, used ring. */
  descriptors: u64 = 0;
  available: u64 = 0;
  used: u64 = 0;
  /** MSI-X vector, 0xffff for none. */
  vector: u16 = 0xffff;
  /** VIRTIO_F_EVENT_IDX and VIRTIO_F_INDIRECT_DESC were accepted. */
  hasEventIndex: bool = false;
  hasIndirect: bool = false;
  problem: string = "";

  constructor(
    readonly ram: Ram,
    readonly maximumSize: u32,
  ) {}

  /** As after a reset of the device. */
  reset(): void {}

  visit(_table: StateTable): void {}
}
