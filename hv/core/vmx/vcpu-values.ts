// Values of VmxVcpu's fields. In a file of their own because the exits' table is made before VmxVcpu is.

import { WORK_OF_BACKEND } from "../vcpu/work";

/** An INVVPID is due: a bit of Vcpu.work. */
export const WORK_VPID: u32 = WORK_OF_BACKEND;

/** For VmxVcpu.completedRip: no instruction lies there, as the address is not canonical and beyond protected mode. */
export const NOWHERE: u64 = 0x8000000000000000;
