// The parts of a guest's state that live beside its general-purpose registers: numbers for Vcpu.read and Vcpu.write.

export const STATE_RIP: u32 = 0;
export const STATE_RSP: u32 = 1;
export const STATE_RFLAGS: u32 = 2;
/** What the processor uses, which may differ from what the guest reads. */
export const STATE_CR0: u32 = 3;
export const STATE_CR3: u32 = 4;
export const STATE_CR4: u32 = 5;
export const STATE_DR7: u32 = 6;
export const STATE_EFER: u32 = 7;
export const STATE_PAT: u32 = 8;
export const STATE_SYSENTER_CS: u32 = 9;
export const STATE_SYSENTER_ESP: u32 = 10;
export const STATE_SYSENTER_EIP: u32 = 11;
export const STATE_DEBUGCTL: u32 = 12;
export const STATE_GDTR_BASE: u32 = 13;
export const STATE_GDTR_LIMIT: u32 = 14;
export const STATE_IDTR_BASE: u32 = 15;
export const STATE_IDTR_LIMIT: u32 = 16;
/** STATE_PDPTE + n: the four PDPTE registers of PAE paging. */
export const STATE_PDPTE: u32 = 17;

// Of ES, CS, SS, DS, FS, GS, LDTR and TR: each group has one number a register, in this order.
export const SEGMENT_ES: u32 = 0;
export const SEGMENT_CS: u32 = 1;
export const SEGMENT_SS: u32 = 2;
export const SEGMENT_DS: u32 = 3;
export const SEGMENT_FS: u32 = 4;
export const SEGMENT_GS: u32 = 5;
export const SEGMENT_LDTR: u32 = 6;
export const SEGMENT_TR: u32 = 7;
export const SEGMENTS: u32 = 8;
export const STATE_SELECTOR: u32 = 21;
export const STATE_BASE: u32 = STATE_SELECTOR + SEGMENTS;
export const STATE_LIMIT: u32 = STATE_BASE + SEGMENTS;
/** In the form of hv/x86/segments.ts. */
export const STATE_ACCESS_RIGHTS: u32 = STATE_LIMIT + SEGMENTS;
export const STATES: u32 = STATE_ACCESS_RIGHTS + SEGMENTS;
