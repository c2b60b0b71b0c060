// Ticks of the time-stamp counter as nanoseconds by a shift and a multiplication, as KVM's paravirtual clock has its guests
// compute them (Linux, Documentation/virt/kvm/x86/msr.rst).

const NANOSECONDS_A_MILLISECOND: u64 = 1000000;
const LOW_32: u64 = 0xffffffff;
/** The multiplier is at least this: 32 bits of it count. */
const LEAST_MULTIPLIER: u64 = 0x80000000;

/** (ticks shifted left by `shift`) x `multiplier` / 2^32; slow by less than one in 2^31, which is a second in 68 years. */
export class TscScale {
  readonly multiplier: u32;
  /** Negative: to the right. */
  readonly shift: i32;

  /** `kilohertz` of the counter, at least 1. */
  constructor(kilohertz: u32) {
    let numerator: u64 = NANOSECONDS_A_MILLISECOND << 32;
    let denominator: u64 = kilohertz;
    let shift: i32 = 0;
    for (; numerator / denominator > LOW_32; shift++) denominator <<= 1;
    for (; numerator / denominator < LEAST_MULTIPLIER; shift--) numerator <<= 1;
    this.multiplier = <u32>(numerator / denominator);
    this.shift = shift;
  }

  /** What a guest computes of `ticks`. */
  nanosecondsOf(ticks: u64): u64 {
    const shift = this.shift;
    const shifted = shift < 0 ? ticks >> (<u64>-shift) : ticks << (<u64>shift);
    return (shifted >> 32) * this.multiplier + (((shifted & LOW_32) * this.multiplier) >> 32);
  }
}
