// The texts of the vCPU page: what the guest prints is written there, and what was typed for it is read.

/** The byte at `address` of the vCPU page. */
export function readByte(address: u32): u8 {
  return load<u8>(address);
}

/** Writes `text` as ASCII to `address`, as much as `capacity` bytes hold; returns the length. */
export function writeText(address: u32, capacity: u32, text: string): u32 {
  const length = min(<u32>text.length, capacity);
  for (let i: u32 = 0; i < length; i++) store<u8>(address + i, <u8>text.charCodeAt(i));
  return length;
}

/** Writes the first `length` bytes of `bytes`, as `writeText` else. */
export function writeBytes(address: u32, capacity: u32, bytes: StaticArray<u8>, length: u32): u32 {
  const count = min(min(length, <u32>bytes.length), capacity);
  for (let i: u32 = 0; i < count; i++) store<u8>(address + i, bytes[i]);
  return count;
}

/** Writes 0x and the low `digits` hexadecimal digits of `value`, as `writeText` else. Allocates nothing. */
export function writeHex(address: u32, capacity: u32, value: u32, digits: u32): u32 {
  const length = writeText(address, capacity, "0x");
  const count = min(digits, capacity - length);
  for (let i: u32 = 0; i < count; i++) {
    const digit = (value >> (4 * (digits - 1 - i))) & 15;
    store<u8>(address + length + i, <u8>(digit < 10 ? 0x30 + digit : 0x57 + digit));
  }
  return length + count;
}
