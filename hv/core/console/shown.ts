// Which VM's console is shown: one word for all CPUs, which are to look at it where a line is begun and nowhere else.

import { sharedLoad, sharedStore } from "../hardware";
import { CONSOLE_SHOWN } from "../processors/shared-words";

/** The lines of all VMs are shown, as at start. */
export const ALL_VMS: u32 = 0xffffffff;

/** The number of the VM whose lines alone are shown, or ALL_VMS. */
export function shownVm(): u32 {
  return <u32>sharedLoad(CONSOLE_SHOWN) - 1;
}

/** From now on the lines of VM `vm` alone are shown; those of all with ALL_VMS. */
export function showVm(vm: u32): void {
  sharedStore(CONSOLE_SHOWN, <u64>(vm + 1));
}

export function isVmShown(vm: u32): bool {
  const shown = shownVm();
  return shown == ALL_VMS || shown == vm;
}
