// The two 8237A DMA controllers of a PC: the ISA bridge's bus mastering, which cannot be switched off, is theirs.

import { out8 } from "../hardware";

const FIRST_MASK_ALL: u32 = 0x0f;
const SECOND_MASK_ALL: u32 = 0xde;
const FOUR_CHANNELS: u32 = 0x0f;

/** Masks all channels (Intel 8237A data sheet, "Mask register"); without effect where a machine has none. */
export function maskIsaDma(): void {
  out8(FIRST_MASK_ALL, FOUR_CHANNELS);
  out8(SECOND_MASK_ALL, FOUR_CHANNELS);
}
