// What the BIOS tells in its data area at 0x400. After a start by UEFI it may hold anything, so all of it is doubted.

import { Bytes } from "../memory/bytes";

const EBDA_SEGMENT: u64 = 0x40e;
const BASE_MEMORY_KIB: u64 = 0x413;

/** An extended BIOS data area begins between these: it lies at the end of the first 640 KiB. */
const LOWEST_EBDA: u64 = 0x20000;
export const BASE_MEMORY_END: u64 = 0xa0000;

/** The physical address of the extended BIOS data area, which goes on to 640 KiB; 0 where there is none. */
export function extendedBiosDataArea(): u64 {
  const address = (<u64>word(EBDA_SEGMENT)) << 4;
  return address >= LOWEST_EBDA && address < BASE_MEMORY_END ? address : 0;
}

/** The end of base memory, a physical address of 1 KiB to 640 KiB; 640 KiB where the BIOS tells an impossible one. */
export function baseMemoryEnd(): u64 {
  const end = (<u64>word(BASE_MEMORY_KIB)) << 10;
  return end > 0 && end <= BASE_MEMORY_END ? end : BASE_MEMORY_END;
}

function word(address: u64): u32 {
  const bytes = Bytes.ofPhysical(address, 2);
  return bytes ? bytes.u16(0) : 0;
}
