// The general-purpose registers by their numbers, and the parts of them that operands of 1, 2, 4 and 8 bytes are.

import { Registers } from "../../shared/vcpu-page";

const NUMBER_MASK: u32 = 15;
const HIGH_BYTE_SHIFT: u64 = 8;

/** The registers of one vCPU, in its page. A number is cut to 0 to 15. */
export class RegisterFile {
  constructor(private readonly registers: Registers) {}

  private address(number: u32): usize {
    return changetype<usize>(this.registers) + ((number & NUMBER_MASK) << 3);
  }

  read64(number: u32): u64 {
    return load<u64>(this.address(number));
  }

  write64(number: u32, value: u64): void {
    store<u64>(this.address(number), value);
  }

  /** The low `bytes`, 1, 2, 4 or 8. */
  read(number: u32, bytes: u32): u64 {
    return load<u64>(this.address(number)) & (0xffffffffffffffff >> (64 - 8 * bytes));
  }

  /** Writes the low `bytes`: what is above stays with 1 and 2, and becomes 0 with 4 (SDM 1 3.4.1.1). */
  write(number: u32, bytes: u32, value: u64): void {
    const address = this.address(number);
    if (bytes == 8) store<u64>(address, value);
    else if (bytes == 4) store<u64>(address, value & 0xffffffff);
    else if (bytes == 2) store<u16>(address, <u16>value);
    else store<u8>(address, <u8>value);
  }

  /** AH, CH, DH and BH: the numbers 4 to 7. */
  readHighByte(number: u32): u64 {
    return (load<u64>(this.address(number & 3)) >> HIGH_BYTE_SHIFT) & 0xff;
  }

  writeHighByte(number: u32, value: u64): void {
    store<u8>(this.address(number & 3) + 1, <u8>value);
  }
}
