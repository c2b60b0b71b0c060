// The names of the bits of VMCS fields that have formats of their own, by bit; "" is a reserved bit (SDM 3C chapter 25).

/** Access rights of a segment register (SDM 3C 25.4.1, table 25-2). */
export const ACCESS_RIGHTS_BIT_NAMES: StaticArray<string> = [
  "type",
  "type",
  "type",
  "type",
  "S",
  "DPL",
  "DPL",
  "P",
  "",
  "",
  "",
  "",
  "AVL",
  "L",
  "D/B",
  "G",
  "unusable",
];

/** Interruptibility state (SDM 3C 25.4.2, table 25-3). */
export const INTERRUPTIBILITY_BIT_NAMES: StaticArray<string> = [
  "blocking by STI",
  "blocking by MOV SS",
  "blocking by SMI",
  "blocking by NMI",
  "enclave interruption",
];

/** Pending debug exceptions (SDM 3C 25.4.2, table 25-4). */
export const PENDING_DEBUG_BIT_NAMES: StaticArray<string> = [
  "B0",
  "B1",
  "B2",
  "B3",
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "BLD",
  "enabled breakpoint",
  "",
  "BS",
  "",
  "RTM",
];

/** Bits 0 to 13 of the VM-entry interruption information (SDM 3C 25.8.3, table 25-16). */
export const INTERRUPTION_LOW_BIT_NAMES: StaticArray<string> = [
  "vector",
  "vector",
  "vector",
  "vector",
  "vector",
  "vector",
  "vector",
  "vector",
  "type",
  "type",
  "type",
  "deliver error code",
  "",
  "nested exception",
];
/** Bit 31 of the VM-entry interruption information. */
export const INTERRUPTION_HIGH_BIT_NAMES: StaticArray<string> = ["valid"];
export const INTERRUPTION_HIGH_FIRST_BIT: i32 = 31;

/** EPT pointer (SDM 3C 25.6.11, table 25-9). */
export const EPT_POINTER_BIT_NAMES: StaticArray<string> = [
  "memory type",
  "memory type",
  "memory type",
  "page-walk length",
  "page-walk length",
  "page-walk length",
  "accessed and dirty flags",
  "supervisor shadow-stack control",
];

/** VM-function controls (SDM 3C 25.6.14, table 25-10). */
export const VM_FUNCTION_BIT_NAMES: StaticArray<string> = ["EPTP switching"];
