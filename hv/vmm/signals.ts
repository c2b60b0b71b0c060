// What devices have for the vmm to do once an access is done; it looks at one number, which is 0 as a rule.

/** A line of the guest's text has ended: to be printed before the next access. */
export const SIGNAL_LINE: u32 = 1;
/** The guest has ended itself. */
export const SIGNAL_EXIT: u32 = 2;
/** A port without a device was used for the first time. */
export const SIGNAL_NO_DEVICE: u32 = 4;

export class Signals {
  raised: u32 = 0;
  /** With SIGNAL_EXIT: the guest's own word for how it ended, 0 if all was well. */
  exitValue: u32 = 0;
  /** With SIGNAL_NO_DEVICE. */
  port: u32 = 0;
}
