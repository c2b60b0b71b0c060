// What devices have for the vmm to do once an access is done; it looks at one number, which is 0 as a rule.

/** A line of the guest's text has ended: to be printed before the next access. */
export const SIGNAL_LINE: u32 = 1;
/** The guest has ended itself. */
export const SIGNAL_EXIT: u32 = 2;
/** A port without a device was used for the first time. */
export const SIGNAL_NO_DEVICE: u32 = 4;
/** The guest has reset its machine. */
export const SIGNAL_RESET: u32 = 8;
/** The guest has switched its machine off. */
export const SIGNAL_POWER_OFF: u32 = 16;
/** Which interrupt waits, or when the next alarm rings, has changed: core is to look. */
export const SIGNAL_EVENT: u32 = 32;
/** A device has something to report to whoever watches the VM: `report`. */
export const SIGNAL_REPORT: u32 = 64;

export class Signals {
  raised: u32 = 0;
  /** With SIGNAL_EXIT: the guest's own word for how it ended, 0 if all was well. */
  exitValue: u32 = 0;
  /** With SIGNAL_NO_DEVICE. */
  port: u32 = 0;
  /** With SIGNAL_REPORT: a sentence that names the device; a constant, as nothing is freed. */
  report: string = "";

  /** Reports a constant sentence. One that has not been told yet is replaced. */
  tell(report: string): void {
    this.report = report;
    this.raised |= SIGNAL_REPORT;
  }
}
