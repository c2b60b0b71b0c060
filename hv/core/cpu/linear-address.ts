// Linear addresses (SDM 1 3.3.7.1).

/** Whether bits 63:47 are all alike: guests have linear addresses of 48 bits. */
export function isCanonical(address: u64): bool {
  const top = (<i64>address) >> 47;
  return top == 0 || top == -1;
}
