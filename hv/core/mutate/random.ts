// Numbers that look random and are the same in every run.

/** Marsaglia's xorshift with 64 bits. */
export class Random {
  constructor(private state: u64) {}

  next(): u64 {
    let x = this.state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    this.state = x;
    return x;
  }

  /** 0 to `limit` - 1. */
  below(limit: u32): u32 {
    return <u32>((this.next() >> 16) % <u64>limit);
  }
}
