// The values that boot options and the VM table have alike: numbers, sizes, names of lists.

const MIB: u64 = 1 << 20;
/** RAM comes in large pages, and ends below the vmm's own half of its memory. */
const MEMORY_STEP: u64 = 2 * MIB;
const LEAST_MEMORY: u64 = 2 * MIB;
const MOST_MEMORY: u64 = 3072 * MIB;

/** What is wrong where `decimal` returned 0. */
export const NO_NUMBER: string = "expected a number from 1 to 999999999999";
/** What is wrong where `memorySize` returned 0. */
export const NO_MEMORY_SIZE: string = "expected an even number of MiB from 2M to 3072M, or 1G to 3G";

/** The value of 1 to 12 decimal digits; 0 where `text` is anything else. */
export function decimal(text: string): u64 {
  return isDecimal(text) ? parse(text) : 0;
}

/** Whether `text` from `start` on is 1 to 12 decimal digits: where 0 is a number, too. */
export function isDecimal(text: string, start: i32 = 0): bool {
  if (text.length <= start || text.length - start > 12) return false;
  for (let i = start; i < text.length; i++) {
    if (<u32>text.charCodeAt(i) - 0x30 > 9) return false;
  }
  return true;
}

function parse(digits: string): u64 {
  let number: u64 = 0;
  for (let i = 0; i < digits.length; i++) number = number * 10 + (digits.charCodeAt(i) - 0x30);
  return number;
}

/** Bytes of RAM: "256M" or "1G", 2 MiB to 3 GiB in steps of 2 MiB; 0 where `text` is anything else. */
export function memorySize(text: string): u64 {
  const unit = text.endsWith("G") ? 1024 * MIB : text.endsWith("M") ? MIB : 0;
  const number = decimal(text.slice(0, text.length - 1));
  // Of MOST_MEMORY each unit has fewer, so that the product is right.
  const bytes = number <= MOST_MEMORY / MIB ? number * unit : 0;
  return bytes < LEAST_MEMORY || bytes > MOST_MEMORY || bytes % MEMORY_STEP != 0 ? 0 : bytes;
}

/** The place of `name` in `names`, -1 where it is none of them. */
export function indexOf(names: StaticArray<string>, name: string): i32 {
  for (let i = 0; i < names.length; i++) {
    if (names[i] == name) return i;
  }
  return -1;
}

/** `names` as a sentence lists them. */
export function list(names: StaticArray<string>): string {
  let text = names[0];
  for (let i = 1; i < names.length; i++) text += ", " + names[i];
  return text;
}
