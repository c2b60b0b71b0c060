// The device status field (virtio 1.2, 2.1), and the order in which a driver sets its bits (3.1.1).

export const STATUS_ACKNOWLEDGE: u32 = 1;
export const STATUS_DRIVER: u32 = 2;
export const STATUS_DRIVER_OK: u32 = 4;
export const STATUS_FEATURES_OK: u32 = 8;
/** Set by the device. */
export const STATUS_NEEDS_RESET: u32 = 64;
export const STATUS_FAILED: u32 = 128;

/** Each bit needs the one before it. */
const ORDER: StaticArray<u32> = [STATUS_ACKNOWLEDGE, STATUS_DRIVER, STATUS_FEATURES_OK, STATUS_DRIVER_OK];

/**
 * The status after the driver has written `written`, which is not 0. A bit out of order is not set; FEATURES_OK is not set if
 * the features are not `acceptable`; only a reset clears bits.
 */
export function statusAfter(status: u32, written: u32, acceptable: bool): u32 {
  let after = status | (written & STATUS_FAILED);
  let isAllowed = true;
  for (let i = 0; i < ORDER.length; i++) {
    const bit = ORDER[i];
    if (isAllowed && (bit != STATUS_FEATURES_OK || acceptable)) after |= written & bit;
    isAllowed = (after & bit) != 0;
  }
  return after;
}
