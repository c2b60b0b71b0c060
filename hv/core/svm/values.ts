// Values of SvmVcpu's fields. In a file of their own because the exits' table is made before SvmVcpu is.

import { WORK_OF_BACKEND } from "../vcpu/work";

/** The guest's translations are to be flushed at the next VMRUN: a bit of Vcpu.work. */
export const WORK_FLUSH: u32 = WORK_OF_BACKEND;

/** For SvmVcpu.iretRip: no instruction lies there, as the address is not canonical and beyond protected mode. */
export const NOWHERE: u64 = 0x8000000000000000;

export const PDPTES: u32 = 4;
/** Bits of CR3 below the PDPTEs' address. */
export const PDPTES_ALIGNMENT: u64 = 31;
/** Bit 0 of VMCB_LBR_CONTROL. */
export const LBR_VIRTUALIZATION: u64 = 1;
