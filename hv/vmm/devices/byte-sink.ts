// Where a device's bytes go to.

export abstract class ByteSink {
  /** Takes a byte; false: not in this call of the vmm, the device is to offer it again in the next one. */
  abstract put(byte: u8): bool;
}
