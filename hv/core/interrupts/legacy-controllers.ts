// The two 8259A interrupt controllers of a PC (Intel 8259A data sheet, "Programming the 8259A").

import { out8 } from "../hardware";

const FIRST_COMMAND: u32 = 0x20;
const FIRST_DATA: u32 = 0x21;
const SECOND_COMMAND: u32 = 0xa0;
const SECOND_DATA: u32 = 0xa1;

/** Port and byte, in order: the four initialization words of each, then every line masked. */
const SEQUENCE: StaticArray<u32> = [
  FIRST_COMMAND,
  0x11,
  SECOND_COMMAND,
  0x11,
  // Vectors away from those of the exceptions: a spurious interrupt comes also from a masked controller.
  FIRST_DATA,
  0x20,
  SECOND_DATA,
  0x28,
  // The second hangs on line 2 of the first; both in 8086 mode.
  FIRST_DATA,
  1 << 2,
  SECOND_DATA,
  2,
  FIRST_DATA,
  1,
  SECOND_DATA,
  1,
  FIRST_DATA,
  0xff,
  SECOND_DATA,
  0xff,
];

/** Initializes both and masks all of their lines; without effect where a machine has none. */
export function maskLegacyControllers(): void {
  for (let i = 0; i < SEQUENCE.length; i += 2) out8(SEQUENCE[i], SEQUENCE[i + 1]);
}
