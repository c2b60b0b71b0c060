// What a value must be instead of what it is, as text.

import { bitName } from "./bit-names";
import { digitsOf } from "./inputs";
import {
  REQUIRED_AT_LEAST,
  REQUIRED_AT_MOST,
  REQUIRED_BITS,
  REQUIRED_CANONICAL,
  REQUIRED_EQUAL,
  REQUIRED_NOT_EQUAL,
  REQUIRED_SHIFTED_LEFT,
  REQUIRED_SHIFTED_RIGHT,
  REQUIRED_WRITTEN,
  Witness,
} from "./evidence";
import { Text } from "./text";

const PAGE_SHIFT: u64 = 12;

/** Writes what a value must be instead, for example "bits 41, 40 must be 0". */
export function writeRequirement(text: Text, witness: Witness): void {
  const operand = witness.operand;
  const digits = digitsOf(witness.input);
  if (witness.kind == REQUIRED_BITS) {
    const set = witness.found & witness.bits;
    const clear = ~witness.found & witness.bits;
    writeBits(text, witness.input, set, "must be 0");
    if (set != 0 && clear != 0) text.text("; ");
    writeBits(text, witness.input, clear, "must be 1");
  } else if (witness.kind == REQUIRED_EQUAL) {
    text.text("must be ").hex(operand, digits);
  } else if (witness.kind == REQUIRED_NOT_EQUAL) {
    text.text("must not be ").hex(operand, digits);
  } else if (witness.kind == REQUIRED_AT_MOST) {
    text.text("must be at most ").hex(operand, digits);
  } else if (witness.kind == REQUIRED_AT_LEAST) {
    text.text("must be at least ").hex(operand, digits);
  } else if (witness.kind == REQUIRED_CANONICAL) {
    text.text("bits 63:").decimal(operand - 1);
    text.text(" must be alike");
  } else if (witness.kind == REQUIRED_WRITTEN) {
    text.text("nothing has ever written it");
  } else if (witness.kind == REQUIRED_SHIFTED_RIGHT) {
    text
      .hex(operand)
      .text(" >> 12 = ")
      .hex(operand >> PAGE_SHIFT);
    text.text(" would be a page below ").decimal(witness.width).text(" bits");
  } else if (witness.kind == REQUIRED_SHIFTED_LEFT) {
    text
      .hex(operand)
      .text(" << 12 = ")
      .hex(operand << PAGE_SHIFT);
    text.text(" would be a page");
  } else {
    text.text("must be as the rule says");
  }
}

/** Writes "bits 63:46, 3 (BS) must be 0": names where bits have some, and runs of those that have none. */
function writeBits(text: Text, input: u32, bits: u64, what: string): void {
  if (bits == 0) return;
  text.text(isOneBit(bits) ? "bit " : "bits ");
  let isFirst = true;
  let bit = 63;
  while (bit >= 0) {
    const last = endOfRun(input, bits, bit);
    if (((bits >> (<u64>bit)) & 1) != 0) {
      if (!isFirst) text.text(", ");
      isFirst = false;
      text.decimal(bit);
      if (last < bit) text.text(":").decimal(last);
      const name = bitName(input, bit);
      if (name.length > 0) text.text(" (").text(name).text(")");
    }
    bit = last - 1;
  }
  text.text(" ").text(what);
}

/** The lowest bit of the run from `bit` down that is set, or clear, like it and has the same name. */
function endOfRun(input: u32, bits: u64, bit: i32): i32 {
  const isSet = (bits >> (<u64>bit)) & 1;
  const name = bitName(input, bit);
  while (bit > 0 && ((bits >> (<u64>(bit - 1))) & 1) == isSet && bitName(input, bit - 1) == name) bit--;
  return bit;
}

/** popcnt would call the C library, which core is linked without. */
export function isOneBit(mask: u64): bool {
  return mask != 0 && (mask & (mask - 1)) == 0;
}
