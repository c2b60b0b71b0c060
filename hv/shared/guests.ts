// The built-in guests: their names for the boot command line, and their numbers for the vmm.

export const GUEST_HLT: u32 = 0;
export const GUEST_COUNT: u32 = 1;
export const GUEST_FAULT_BOUNDS: u32 = 2;
export const GUEST_FAULT_UNREACHABLE: u32 = 3;
export const GUEST_FAULT_STACK: u32 = 4;
export const GUEST_FAULT_LOOP: u32 = 5;
export const GUEST_FAULT_ASSERT: u32 = 6;
export const GUEST_MIRROR: u32 = 7;
export const GUEST_RDTSC: u32 = 8;
export const GUEST_EPT: u32 = 9;
export const GUEST_REAL: u32 = 10;
export const GUEST_HYPERCALL: u32 = 11;
export const GUEST_RDMSR: u32 = 12;
export const GUEST_PORT: u32 = 13;
export const GUEST_MMIO: u32 = 14;
/** A kernel that is a boot module. */
export const GUEST_MODULE: u32 = 15;
export const GUEST_TOUCH: u32 = 16;
export const GUEST_ZEROES: u32 = 17;
export const GUEST_UNPACK: u32 = 18;

/** A guest's number is its place here. */
export const GUEST_NAMES: StaticArray<string> = [
  "hlt",
  "count",
  "fault-bounds",
  "fault-unreachable",
  "fault-stack",
  "fault-loop",
  "fault-assert",
  "mirror",
  "rdtsc",
  "ept",
  "real",
  "hypercall",
  "rdmsr",
  "port",
  "mmio",
  "module",
  "touch",
  "zeroes",
  "unpack",
];

/** Guest `touch` touches a byte in each piece of RAM of this size: the unit in which Basalt gives RAM. */
export const TOUCHED_BYTES: u64 = 0x200000;
