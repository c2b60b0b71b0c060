// KVM's paravirtual clock, which stock Linux knows (Linux, Documentation/virt/kvm/x86/msr.rst and cpuid.rst): two MSRs that
// name structures in guest RAM.

import { MSR_KVM_SYSTEM_TIME_NEW, MSR_KVM_WALL_CLOCK_NEW } from "../../x86/msr";
import { Ram } from "../memory/ram";
import { StateTable } from "../state";
import { Clock } from "../time";
import { GuestTsc } from "./guest-tsc";
import { TscScale } from "./tsc-scale";

/** Bit 0 of MSR_KVM_SYSTEM_TIME_NEW: the structure is kept up to date. */
const ENABLE: u64 = 1;
/** Both structures are aligned so. */
const ALIGNMENT_MASK: u64 = 3;

// pvclock_wall_clock: version, seconds, nanoseconds.
const WALL_CLOCK_BYTES: u64 = 12;
const WALL_CLOCK_SECONDS: u64 = 4;
const WALL_CLOCK_NANOSECONDS: u64 = 8;

// pvclock_vcpu_time_info: version, padding, TSC, system time, multiplier, shift, flags, padding.
const SYSTEM_TIME_BYTES: u64 = 32;
const SYSTEM_TIME_TSC: u64 = 8;
const SYSTEM_TIME_NANOSECONDS: u64 = 16;
const SYSTEM_TIME_MULTIPLIER: u64 = 24;
const SYSTEM_TIME_SHIFT: u64 = 28;
const SYSTEM_TIME_FLAGS: u64 = 29;
/** PVCLOCK_TSC_STABLE_BIT: the time of all vCPUs is one. */
const TSC_STABLE: u8 = 1;

const STATE_TAG: u32 = 0x4b4c4350; // "PCLK"
const STATE_VERSION: u32 = 1;

/** System time is 0 when the VM starts, and never runs backwards. */
export class ParavirtualClock {
  /** What `readMsr` has read. */
  value: u64 = 0;
  private readonly scale: TscScale;
  private wallClock: u64 = 0;
  private systemTime: u64 = 0;
  /** What the host's counter was at system time `startTime`, in nanoseconds. */
  private startTsc: u64;
  private startTime: u64 = 0;

  /** `startSeconds`: the time of day when the VM starts, in seconds since 1970 (UTC), which the wall clock tells in 32 bits. */
  constructor(
    private readonly clock: Clock,
    private readonly tsc: GuestTsc,
    private readonly ram: Ram,
    private startSeconds: u32,
  ) {
    this.scale = new TscScale(clock.kilohertz);
    this.startTsc = clock.now;
  }

  /** RDMSR of one of the two, into `value`; false for another one. */
  readMsr(msr: u32): bool {
    if (msr == MSR_KVM_WALL_CLOCK_NEW) this.value = this.wallClock;
    else if (msr == MSR_KVM_SYSTEM_TIME_NEW) this.value = this.systemTime;
    else return false;
    return true;
  }

  /**
   * WRMSR; false for #GP: the structure is not aligned to 4 bytes or not all in RAM, and then nothing is written. 0 is no
   * address.
   */
  writeMsr(msr: u32, value: u64): bool {
    if (msr == MSR_KVM_WALL_CLOCK_NEW) return this.setWallClock(value);
    return msr == MSR_KVM_SYSTEM_TIME_NEW && this.setSystemTime(value);
  }

  /** The guest's counter is another one from now on. */
  onTscOffsetChange(): void {
    this.writeSystemTime();
  }

  /** The guest has been reset: nothing of its RAM is written any longer. System time goes on. */
  reset(): void {
    this.wallClock = 0;
    this.systemTime = 0;
  }

  /** System time in nanoseconds. */
  get now(): u64 {
    return this.at(this.clock.now);
  }

  /** The state is system time, not the host's counter: another host has another one. */
  visit(table: StateTable): void {
    const now = this.clock.now;
    table.begin(STATE_TAG, STATE_VERSION);
    this.wallClock = table.number(this.wallClock);
    const systemTime = table.number(this.systemTime);
    this.startSeconds = table.u32(this.startSeconds);
    const time = table.number(this.at(now));
    this.startTsc = now;
    this.startTime = time;
    this.systemTime = this.isLegal(systemTime & ~ENABLE, SYSTEM_TIME_BYTES) ? systemTime : 0;
    this.writeSystemTime();
  }

  private at(tsc: u64): u64 {
    return this.startTime + this.scale.nanosecondsOf(tsc - this.startTsc);
  }

  private isLegal(address: u64, bytes: u64): bool {
    return (address & ALIGNMENT_MASK) == 0 && this.ram.holds(address, bytes);
  }

  private setWallClock(address: u64): bool {
    if (!this.isLegal(address, WALL_CLOCK_BYTES)) return false;
    this.wallClock = address;
    if (address == 0) return true;
    // The time of day at system time 0.
    const version = this.beginWrite(address);
    this.ram.writeU32(address + WALL_CLOCK_SECONDS, this.startSeconds);
    this.ram.writeU32(address + WALL_CLOCK_NANOSECONDS, 0);
    this.endWrite(address, version);
    return true;
  }

  private setSystemTime(value: u64): bool {
    if ((value & ENABLE) != 0 && !this.isLegal(value & ~ENABLE, SYSTEM_TIME_BYTES)) return false;
    this.systemTime = value;
    this.writeSystemTime();
    return true;
  }

  private writeSystemTime(): void {
    if ((this.systemTime & ENABLE) == 0) return;
    const address = this.systemTime & ~ENABLE;
    const now = this.clock.now;
    const version = this.beginWrite(address);
    this.ram.writeU64(address + SYSTEM_TIME_TSC, now + this.tsc.offset);
    this.ram.writeU64(address + SYSTEM_TIME_NANOSECONDS, this.at(now));
    this.ram.writeU32(address + SYSTEM_TIME_MULTIPLIER, this.scale.multiplier);
    this.ram.writeU8(address + SYSTEM_TIME_SHIFT, <u8>this.scale.shift);
    this.ram.writeU8(address + SYSTEM_TIME_FLAGS, TSC_STABLE);
    this.endWrite(address, version);
  }

  /** While a structure is written its version is odd: one more than the even one before. */
  private beginWrite(address: u64): u32 {
    const odd = (<u32>this.ram.read(address, 4)) | 1;
    this.ram.writeU32(address, odd);
    return odd;
  }

  private endWrite(address: u64, odd: u32): void {
    this.ram.writeU32(address, odd + 1);
  }
}
