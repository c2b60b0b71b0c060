// The bits of CR0, CR3, CR4, RFLAGS, XCR0, DR6 and DR7 (SDM 3A 2.5 and 2.6, SDM 1 3.4.3, SDM 3B 18.2.4).

// SDM 3A 2.5: CR0.
export const CR0_PE: u64 = 1 << 0;
export const CR0_MP: u64 = 1 << 1;
export const CR0_EM: u64 = 1 << 2;
export const CR0_TS: u64 = 1 << 3;
export const CR0_ET: u64 = 1 << 4;
export const CR0_NE: u64 = 1 << 5;
export const CR0_WP: u64 = 1 << 16;
export const CR0_AM: u64 = 1 << 18;
export const CR0_NW: u64 = 1 << 29;
export const CR0_CD: u64 = 1 << 30;
export const CR0_PG: u64 = 0x80000000;

// SDM 3A 2.5 and 4.5: CR3.
export const CR3_PWT: u64 = 1 << 3;
export const CR3_PCD: u64 = 1 << 4;
export const CR3_PCID_MASK: u64 = 0xfff;
export const CR3_LAM_U57: u64 = 0x2000000000000000;
export const CR3_LAM_U48: u64 = 0x4000000000000000;

// SDM 3A 2.5: CR4.
export const CR4_VME: u64 = 1 << 0;
export const CR4_PVI: u64 = 1 << 1;
export const CR4_TSD: u64 = 1 << 2;
export const CR4_DE: u64 = 1 << 3;
export const CR4_PSE: u64 = 1 << 4;
export const CR4_PAE: u64 = 1 << 5;
export const CR4_MCE: u64 = 1 << 6;
export const CR4_PGE: u64 = 1 << 7;
export const CR4_PCE: u64 = 1 << 8;
export const CR4_OSFXSR: u64 = 1 << 9;
export const CR4_OSXMMEXCPT: u64 = 1 << 10;
export const CR4_UMIP: u64 = 1 << 11;
export const CR4_LA57: u64 = 1 << 12;
export const CR4_VMXE: u64 = 1 << 13;
export const CR4_SMXE: u64 = 1 << 14;
export const CR4_FSGSBASE: u64 = 1 << 16;
export const CR4_PCIDE: u64 = 1 << 17;
export const CR4_OSXSAVE: u64 = 1 << 18;
export const CR4_KL: u64 = 1 << 19;
export const CR4_SMEP: u64 = 1 << 20;
export const CR4_SMAP: u64 = 1 << 21;
export const CR4_PKE: u64 = 1 << 22;
export const CR4_CET: u64 = 1 << 23;
export const CR4_PKS: u64 = 1 << 24;
export const CR4_UINTR: u64 = 1 << 25;
export const CR4_LASS: u64 = 1 << 27;
export const CR4_LAM_SUP: u64 = 1 << 28;
export const CR4_FRED: u64 = 0x100000000;

// SDM 1 3.4.3: RFLAGS.
export const RFLAGS_CF: u64 = 1 << 0;
/** Bit 1 always reads 1; VM entry fails where it is 0. */
export const RFLAGS_ALWAYS_ONE: u64 = 1 << 1;
export const RFLAGS_PF: u64 = 1 << 2;
export const RFLAGS_AF: u64 = 1 << 4;
export const RFLAGS_ZF: u64 = 1 << 6;
export const RFLAGS_SF: u64 = 1 << 7;
export const RFLAGS_TF: u64 = 1 << 8;
export const RFLAGS_IF: u64 = 1 << 9;
export const RFLAGS_DF: u64 = 1 << 10;
export const RFLAGS_OF: u64 = 1 << 11;
export const RFLAGS_IOPL_SHIFT: u64 = 12;
export const RFLAGS_IOPL_MASK: u64 = 3;
export const RFLAGS_NT: u64 = 1 << 14;
export const RFLAGS_RF: u64 = 1 << 16;
export const RFLAGS_VM: u64 = 1 << 17;
export const RFLAGS_AC: u64 = 1 << 18;
export const RFLAGS_VIF: u64 = 1 << 19;
export const RFLAGS_VIP: u64 = 1 << 20;
export const RFLAGS_ID: u64 = 1 << 21;

// SDM 3A 2.6: XCR0.
export const XCR0_X87: u64 = 1 << 0;
export const XCR0_SSE: u64 = 1 << 1;
export const XCR0_AVX: u64 = 1 << 2;
export const XCR0_BNDREGS: u64 = 1 << 3;
export const XCR0_BNDCSR: u64 = 1 << 4;
export const XCR0_OPMASK: u64 = 1 << 5;
export const XCR0_ZMM_HI256: u64 = 1 << 6;
export const XCR0_HI16_ZMM: u64 = 1 << 7;
export const XCR0_PKRU: u64 = 1 << 9;
export const XCR0_TILECFG: u64 = 1 << 17;
export const XCR0_TILEDATA: u64 = 1 << 18;

// SDM 3B 18.2.3: DR6 after reset, only its always-one bits set.
export const DR6_RESET: u64 = 0xffff0ff0;
// SDM 3B 18.2.4: DR7 after reset, only its always-one bit 10 set.
export const DR7_RESET: u64 = 0x400;
