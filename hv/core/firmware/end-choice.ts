// What comes after the result line. This file has no imports, so that tests read it too.

// The boot option `end=`.
/** Power-off, but on a machine without a serial line a key first. */
export const END_AUTOMATIC: u32 = 0;
export const END_POWER_OFF: u32 = 1;
export const END_RESET: u32 = 2;
export const END_HALT: u32 = 3;
/** A key first: one key resets, any other powers off. */
export const END_WAIT: u32 = 4;
export const END_NAMES: StaticArray<string> = ["auto", "power-off", "reset", "halt", "wait"];

/**
 * What is done for the boot option. Without a serial line the screen alone holds what was printed, and a machine that
 * powers off wipes it: then a key is awaited, or where no keyboard answers either, the machine halts.
 */
export function chooseEnd(wanted: u32, hasSerialLine: bool, hasKeyboard: bool): u32 {
  if (wanted == END_AUTOMATIC && hasSerialLine) return END_POWER_OFF;
  if (wanted == END_AUTOMATIC || wanted == END_WAIT) return hasKeyboard ? END_WAIT : END_HALT;
  return wanted;
}
