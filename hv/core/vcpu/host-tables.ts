// The host's GDT, IDT and task register, which no instruction reads as values.

import { readRegister, REGISTER_TR, tableRegisters } from "../hardware";
import { Bytes } from "../memory/bytes";

/** Of a TSS in IA-32e mode (SDM 3A 8.2.3). */
const TSS_DESCRIPTOR_BYTES: u32 = 16;
const SELECTOR_INDEX_MASK: u64 = 0xfff8;

/** GDTR and IDTR as SGDT and SIDT store them, each limit at the end of its word. */
export class TableRegisters {
  // The places before a limit stay 0.
  private gdtrLimitWord: u64 = 0;
  readonly gdtrBase: u64 = 0;
  private idtrLimitWord: u64 = 0;
  readonly idtrBase: u64 = 0;

  constructor() {
    tableRegisters(changetype<usize>(this));
  }

  get gdtrLimit(): u32 {
    return <u32>(this.gdtrLimitWord >> 48);
  }
  get idtrLimit(): u32 {
    return <u32>(this.idtrLimitWord >> 48);
  }
}

/**
 * The base of TR, which no instruction reads: it is in TR's descriptor. The GDT is read where the image's is, as on CPU 0: each CPU
 * has a copy, in which the TSS is at the same linear address.
 */
export function hostTrBase(gdtrBase: u64): u64 {
  const descriptor = Bytes.ofPhysical(
    gdtrBase + (readRegister(REGISTER_TR) & SELECTOR_INDEX_MASK),
    TSS_DESCRIPTOR_BYTES,
  );
  if (descriptor == null) return 0;
  const low = descriptor.u64(0);
  return ((low >> 16) & 0xffffff) | (((low >> 56) & 0xff) << 24) | ((<u64>descriptor.u32(8)) << 32);
}
