// The four PDPTE registers of PAE paging (SDM 3A 4.4.1).

import { PAGE_PRESENT } from "../../x86/paging";
import { NOT_MAPPED } from "../guest-memory";
import { STATE_PDPTE } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";

const PDPTES: u32 = 4;
const PDPTE_BYTES: u32 = 8;
/** Bits 31:5 of CR3 are the table's address. */
const TABLE_MASK: u64 = 0xffffffe0;
/** Bits 2:1 and 8:5; those from MAXPHYADDR up are reserved too. */
const RESERVED_LOW: u64 = 0x1e6;

/**
 * Loads the registers, where there are any, from the table that `cr3` names. False, with the registers as they were, where a present entry has
 * a reserved bit: #GP(0). Memory that is not mapped reads as 0, as untouched RAM does.
 */
export function loadPdptes(vcpu: Vcpu, cr3: u64): bool {
  if (!vcpu.hasPdpteRegisters) return true;
  const bytes = vcpu.pdpteBytes;
  const hpa = vcpu.memory.hostAddress(cr3 & TABLE_MASK);
  // Read once: the guest may change it meanwhile.
  const isThere = hpa != NOT_MAPPED && bytes.readPhysical(hpa, PDPTES * PDPTE_BYTES);
  for (let n: u32 = 0; n < PDPTES; n++) {
    const entry = isThere ? bytes.u64(n * PDPTE_BYTES) : 0;
    if (entry & PAGE_PRESENT && entry & (RESERVED_LOW | ~vcpu.physicalAddresses)) return false;
  }
  for (let n: u32 = 0; n < PDPTES; n++) vcpu.write(STATE_PDPTE + n, isThere ? bytes.u64(n * PDPTE_BYTES) : 0);
  return true;
}
