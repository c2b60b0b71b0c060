// What is counted of one kind of exits: a row of Vcpu.exitCounters.

/** As it lies in the array of u64: one address for both numbers saves instructions at each exit. */
@unmanaged
export class ExitCounter {
  exits: u64;
  /** TSC ticks that they took in core and vmm. */
  ticks: u64;
}

export const EXIT_COUNTER_BYTES: u32 = 16;
