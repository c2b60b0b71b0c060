// What a vmm tells of an instruction that it decoded (EXIT_INSTRUCTION): as long as guest RAM reads the same, it is the same.

/** Where the places lie in the vCPU page, and how many there can be: of paging entries, and behind them the bytes. */
export const INSTRUCTION_RECORD_OFFSET: u32 = 0xe00;
export const PAGING_PLACES: u32 = 4;
export const RECORDED_PLACES: u32 = PAGING_PLACES + 1;
export const RECORDED_PLACE_BYTES: u32 = 24;

/** Eight bytes of guest RAM that the fetch and the decoding rest on: a paging entry, or the instruction's bytes. */
@unmanaged
export class RecordedPlace {
  /** Guest-physical, with seven more bytes behind it in RAM. */
  address: u64;
  value: u64;
  /** The bits that count. */
  mask: u64;
}
