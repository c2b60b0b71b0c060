// The guest's time-stamp counter, for devices that count with it.

/** Tells how far the guest's time-stamp counter is from the host's: `tscOffset` of the vCPU page. */
export abstract class GuestTsc {
  /** The guest's counter less the host's, modulo 2^64. */
  abstract get offset(): u64;
}
