// Why a rule is as it is: what broke it, or under which condition it would be broken.

// What a violated requirement required (`Witness.kind`).
/** `bits` differ: each must be what it is not. */
export const REQUIRED_BITS: u32 = 0;
export const REQUIRED_EQUAL: u32 = 1;
export const REQUIRED_NOT_EQUAL: u32 = 2;
export const REQUIRED_AT_MOST: u32 = 3;
export const REQUIRED_AT_LEAST: u32 = 4;
/** Bits 63 to `operand` - 1 alike. */
export const REQUIRED_CANONICAL: u32 = 5;
/** As the rule's sentence says. */
export const REQUIRED_OTHERWISE: u32 = 6;
/** Something must write the field. */
export const REQUIRED_WRITTEN: u32 = 7;
/** Shifted right by 12, the address `operand` would be a page's below `width` bits. */
export const REQUIRED_SHIFTED_RIGHT: u32 = 8;
/** Shifted left by 12, the page number `operand` would be a page's address. */
export const REQUIRED_SHIFTED_LEFT: u32 = 9;

/** One value that broke a rule. */
export class Witness {
  input: u32 = 0;
  kind: u32 = REQUIRED_BITS;
  /** The value found. */
  found: u64 = 0;
  /** The bits that differ from what is required, 0 where that is no matter of single bits. */
  bits: u64 = 0;
  /** The value of REQUIRED_EQUAL and so on. */
  operand: u64 = 0;
  /** The entry of the VM-entry MSR-load area that it is about, from 1 as in exit qualifications; 0: none. */
  entry: i32 = 0;
  /** Of REQUIRED_SHIFTED_RIGHT. */
  width: u64 = 0;
}

// What would make an undecidable rule violated (`Doubt.kind`).
/** Any of the bits is 0. */
export const DOUBT_BITS_CLEAR: u32 = 0;
/** All of the bits are 1. */
export const DOUBT_BITS_SET: u32 = 1;
/** `operand` is the smallest value with which the rule holds. */
export const DOUBT_MAXPHYADDR: u32 = 2;
/** The width of linear addresses is 48. */
export const DOUBT_LINEAR_48: u32 = 3;
export const DOUBT_AT_MOST: u32 = 4;
export const DOUBT_ANY_BIT_SET: u32 = 5;
/** The processor refuses to load the MSR with index `operand`. */
export const DOUBT_MSR_REFUSED: u32 = 6;

/** A condition on a capability that is not known. */
export class Doubt {
  input: u32 = 0;
  kind: u32 = DOUBT_BITS_CLEAR;
  operand: u64 = 0;
}
