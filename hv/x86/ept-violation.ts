// The exit qualification of an EPT violation (SDM 3C 28.2.1, table 28-7).

export const EPT_VIOLATION_READ: u64 = 1 << 0;
export const EPT_VIOLATION_WRITE: u64 = 1 << 1;
export const EPT_VIOLATION_FETCH: u64 = 1 << 2;
/** Bits 2:0 are the access; with accessed and dirty flags for EPT an access to a guest's paging structure is read and write. */
export const EPT_VIOLATION_ACCESS: u64 = 0x7;
/** Bits 5:3 are what the entries of all levels allow: bits 2:0 of the entries ANDed. */
export const EPT_VIOLATION_ALLOWED_SHIFT: u64 = 3;
export const EPT_VIOLATION_ALLOWED: u64 = 0x7;
/** User-mode execution is allowed: with mode-based execute control only, else undefined. */
export const EPT_VIOLATION_USER_EXECUTABLE: u64 = 1 << 6;
/** The guest-linear-address field is valid: not so where MOV to CR loads PDPTEs. */
export const EPT_VIOLATION_LINEAR_VALID: u64 = 1 << 7;
/** With the bit above: the access was to the translation of a linear address; else to a paging structure, or its A/D flags. */
export const EPT_VIOLATION_OF_TRANSLATION: u64 = 1 << 8;
// With the two above and IA32_VMX_EPT_VPID_CAP[22]: what the guest's own paging says of the linear address.
export const EPT_VIOLATION_USER_ADDRESS: u64 = 1 << 9;
export const EPT_VIOLATION_WRITABLE_ADDRESS: u64 = 1 << 10;
export const EPT_VIOLATION_EXECUTE_DISABLED: u64 = 1 << 11;
/** An IRET unblocked NMIs before the access faulted that it makes later. */
export const EPT_VIOLATION_NMI_UNBLOCKING: u64 = 1 << 12;
export const EPT_VIOLATION_SHADOW_STACK: u64 = 1 << 13;
/** What EPT entry bit 60 says: with supervisor shadow-stack control only. */
export const EPT_VIOLATION_SUPERVISOR_SHADOW_STACK: u64 = 1 << 14;
/** Guest-paging verification failed. */
export const EPT_VIOLATION_VERIFICATION: u64 = 1 << 15;
/** No instruction's access: trace output, PEBS or delivery of a user interrupt. */
export const EPT_VIOLATION_ASYNCHRONOUS: u64 = 1 << 16;
