// The statuses of the memory objects (page pool, page tables, EPT, INVEPT and INVVPID), each with its name and sentence.

export const MAPPING_OK: u32 = 0;
export const MAPPING_RANGE_EMPTY: u32 = 1;
export const MAPPING_NOT_ALIGNED: u32 = 2;
export const MAPPING_GUEST_ADDRESS_TOO_WIDE: u32 = 3;
export const MAPPING_HOST_ADDRESS_TOO_WIDE: u32 = 4;
export const MAPPING_OVERLAPS: u32 = 5;
export const MAPPING_NOT_MAPPED: u32 = 6;
export const MAPPING_POOL_EXHAUSTED: u32 = 7;
export const MAPPING_NO_ROOT: u32 = 8;
export const MAPPING_WITHOUT_ACCESS: u32 = 9;
export const MAPPING_UNKNOWN_PERMISSION: u32 = 10;
export const MAPPING_WRITE_WITHOUT_READ: u32 = 11;
export const MAPPING_EXECUTE_ONLY_UNSUPPORTED: u32 = 12;
export const MAPPING_MEMORY_TYPE_ILLEGAL: u32 = 13;
export const EPTP_MEMORY_TYPE_UNSUPPORTED: u32 = 14;
export const EPTP_WALK_LENGTH_UNSUPPORTED: u32 = 15;
export const EPTP_ACCESSED_AND_DIRTY_UNSUPPORTED: u32 = 16;
export const EPTP_RESERVED_BITS_SET: u32 = 17;
export const EPTP_ABOVE_MAXPHYADDR: u32 = 18;
export const INVEPT_UNSUPPORTED: u32 = 19;
export const INVEPT_VMFAIL_INVALID: u32 = 20;
export const INVEPT_VMFAIL_VALID: u32 = 21;
export const INVVPID_UNSUPPORTED: u32 = 22;
export const INVVPID_VMFAIL_INVALID: u32 = 23;
export const INVVPID_VMFAIL_VALID: u32 = 24;

// Row n holds the name and the sentence of status n.
const TEXTS: StaticArray<string> = [
  "MAPPING_OK: the operation was carried out.",
  "MAPPING_RANGE_EMPTY: the range has 0 bytes, at least one 4-KiB page was expected; pass a length.",
  "MAPPING_NOT_ALIGNED: an address or the length is no multiple of 4096; align all three to 4 KiB.",
  "MAPPING_GUEST_ADDRESS_TOO_WIDE: the guest range passes 2^48, the reach of a 4-level walk; place it lower.",
  "MAPPING_HOST_ADDRESS_TOO_WIDE: the host range passes 2^MAXPHYADDR; map only memory that the processor can address.",
  "MAPPING_OVERLAPS: part of the guest range is mapped already, none was expected; unmap it first.",
  "MAPPING_NOT_MAPPED: part of the guest range is not mapped, all of it was expected to be; map it first.",
  "MAPPING_POOL_EXHAUSTED: the page pool has too few pages for the tables needed; give it more pages at start.",
  "MAPPING_NO_ROOT: these page tables have no root table; they were released, or the pool was empty when they were made.",
  "MAPPING_WITHOUT_ACCESS: no permission was given, at least one was expected; to take all access away, unmap.",
  "MAPPING_UNKNOWN_PERMISSION: a permission other than READ, WRITE and EXECUTE was given; pass only these.",
  "MAPPING_WRITE_WITHOUT_READ: WRITE was given without READ, an EPT misconfiguration (SDM 3C 29.3.3.1); add READ.",
  "MAPPING_EXECUTE_ONLY_UNSUPPORTED: EXECUTE was given without READ, which IA32_VMX_EPT_VPID_CAP[0] = 0 denies; add READ.",
  "MAPPING_MEMORY_TYPE_ILLEGAL: the memory type is none of UC 0, WC 1, WT 4, WP 5, WB 6; read it from the MTRRs.",
  "EPTP_MEMORY_TYPE_UNSUPPORTED: EPTP[2:0] is neither UC nor WB as IA32_VMX_EPT_VPID_CAP[8] and [14] allow; use one of them.",
  "EPTP_WALK_LENGTH_UNSUPPORTED: EPTP[5:3] asks for a walk that IA32_VMX_EPT_VPID_CAP[6] denies, or is not 3 (4 levels).",
  "EPTP_ACCESSED_AND_DIRTY_UNSUPPORTED: EPTP[6] is 1, which IA32_VMX_EPT_VPID_CAP[21] = 0 denies; clear it.",
  "EPTP_RESERVED_BITS_SET: a bit of EPTP[11:7] is 1, all were expected to be 0; OR the table's address in unshifted.",
  "EPTP_ABOVE_MAXPHYADDR: a bit of EPTP above MAXPHYADDR is 1; store the table's address itself, not shifted by 12.",
  "INVEPT_UNSUPPORTED: IA32_VMX_EPT_VPID_CAP allows no INVEPT type, single-context or all-context was expected; EPT cannot be used.",
  "INVEPT_VMFAIL_INVALID: INVEPT ended in VMfailInvalid, no VMCS is current; make one current with VMPTRLD.",
  "INVEPT_VMFAIL_VALID: INVEPT ended in VMfailValid, error 28, the EPTP or the type is not valid; check the EPTP.",
  "INVVPID_UNSUPPORTED: IA32_VMX_EPT_VPID_CAP allows no INVVPID type, single-context or all-context was expected; use no VPID.",
  "INVVPID_VMFAIL_INVALID: INVVPID ended in VMfailInvalid, no VMCS is current; make one current with VMPTRLD.",
  "INVVPID_VMFAIL_VALID: INVVPID ended in VMfailValid, error 28, the VPID or the type is not valid; check the VPID.",
];

/** The name and the sentence of a status, for a report. A number that is no status gets a sentence that says so. */
export function mappingStatusText(status: u32): string {
  if (status >= <u32>TEXTS.length) return "the status " + status.toString() + " is unknown to mapping-status.ts.";
  return TEXTS[status];
}
