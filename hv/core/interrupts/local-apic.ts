// This processor's local APIC: what firmware left on is masked, and its timer starts (SDM 3A chapter 11).

import {
  APIC_CURRENT_COUNT,
  APIC_DIVIDE_CONFIGURATION,
  APIC_EOI,
  APIC_ID,
  APIC_IN_SERVICE,
  APIC_INITIAL_COUNT,
  APIC_INTERRUPT_COMMAND,
  APIC_INTERRUPT_COMMAND_HIGH,
  APIC_LVT_LINT1,
  APIC_LVT_REGISTERS,
  APIC_LVT_TIMER,
  APIC_SOFTWARE_ENABLE,
  APIC_SPURIOUS_INTERRUPT_VECTOR,
  APIC_TASK_PRIORITY,
  APIC_VERSION,
  APIC_VERSION_MAX_LVT_MASK,
  APIC_VERSION_MAX_LVT_SHIFT,
  DELIVERY_MODE_INIT,
  DELIVERY_MODE_MASK,
  DELIVERY_MODE_NMI,
  DELIVERY_MODE_SMI,
  DELIVERY_MODE_STARTUP,
  DIVIDE_BY_1,
  INTERRUPT_COMMAND_PENDING,
  INTERRUPT_MASKED,
  LEVEL_ASSERT,
  TIMER_PERIODIC,
  X2APIC_DESTINATION_SHIFT,
  XAPIC_DESTINATION_SHIFT,
  XAPIC_ID_SHIFT,
} from "../../x86/apic";
import { CPUID_1_ECX_X2APIC, CPUID_1_EDX_APIC, CPUID_1_EDX_MSR, CPUID_LEAF_FEATURES } from "../../x86/cpuid";
import {
  APIC_BASE_ADDRESS_MASK,
  APIC_BASE_GLOBAL_ENABLE,
  APIC_BASE_X2APIC_ENABLE,
  IA32_APIC_BASE,
  X2APIC_MSR_FIRST,
} from "../../x86/msr";
import { Cpuid } from "../cpu/cpuid";
import { rdmsr, readDevice32, setLocalApic, tryRdmsr, writeDevice32, wrmsr } from "../hardware";

// How the registers are reached, numbered as in boot/runtime/runtime.h.
export const APIC_ABSENT: u32 = 0;
export const APIC_XAPIC: u32 = 1;
export const APIC_X2APIC: u32 = 2;
export const APIC_MODE_NAMES: StaticArray<string> = ["absent", "xAPIC", "x2APIC"];

// As in boot/runtime/runtime.h.
const TIMER_VECTOR: u32 = 0x40;
/** Another CPU has put something into this one's mailbox. */
export const MAIL_VECTOR: u32 = 0x41;
const SPURIOUS_VECTOR: u32 = 0xff;
/** A guest pays an exit a period, so it is long: about 40 to 170 ms with the 25 to 100 MHz timers of PCs. */
export const TIMER_PERIOD: u32 = 4 << 20;
/** Holds back vectors 16 to 31, which an APIC can send and the IDT has exceptions at (SDM 3A 11.8.3.1). */
const PRIORITY_CLASS_1: u32 = 0x10;
/** A read of a local APIC's page takes some 20 ns at least, and an interrupt is on its way far sooner. */
const MAXIMUM_POLLS: u32 = 100000;
/** One for each vector. */
const MAXIMUM_IN_SERVICE: u32 = 256;

/** The local APIC in the mode that firmware left it in: x2APIC mode can be left only by a reset (SDM 3A 11.12.5). */
export class LocalApic {
  mode: u32 = APIC_ABSENT;
  /** The host-physical address of the registers' page; it counts in xAPIC mode only. */
  base: u64 = 0;

  /** Enables the APIC where IA32_APIC_BASE disables it. `mode` stays APIC_ABSENT where there is none. */
  constructor(private readonly cpuid: Cpuid) {
    const value = enabledBase(cpuid);
    if (value & APIC_BASE_GLOBAL_ENABLE) this.mode = value & APIC_BASE_X2APIC_ENABLE ? APIC_X2APIC : APIC_XAPIC;
    this.base = value & APIC_BASE_ADDRESS_MASK;
  }

  /** This processor's APIC ID: 8 bits in xAPIC mode, 32 in x2APIC mode. */
  get id(): u32 {
    const value = this.read(APIC_ID);
    return this.mode == APIC_X2APIC ? value : value >> XAPIC_ID_SHIFT;
  }

  /**
   * Starts the APIC of a CPU that joins: as `start`, in the boot processor's `mode` and, where that is xAPIC mode, at its
   * `base`. Why that is not possible, as the end of a sentence about that CPU; "" where the APIC has started.
   */
  startLike(mode: u32, base: u64): string {
    if (this.mode == APIC_ABSENT) return "has no local APIC that can be enabled";
    if (mode == APIC_X2APIC && this.mode == APIC_XAPIC) {
      this.cpuid.read(CPUID_LEAF_FEATURES, 0);
      if (!(this.cpuid.ecx & CPUID_1_ECX_X2APIC))
        return "has no x2APIC mode, in which the boot processor's local APIC is";
      // From xAPIC mode only: a disabled APIC cannot go there at once (SDM 3A 11.12.5).
      wrmsr(IA32_APIC_BASE, rdmsr(IA32_APIC_BASE) | APIC_BASE_X2APIC_ENABLE);
      this.mode = APIC_X2APIC;
    }
    if (this.mode != mode) return "has its local APIC in x2APIC mode, and the boot processor's is in xAPIC mode";
    if (mode == APIC_XAPIC && this.base != base)
      return "has its local APIC at another address than the boot processor's";
    this.start();
    return "";
  }

  /** Silences what firmware left behind, then starts the periodic timer. Interrupts are off. */
  start(): void {
    this.maskLocalVectors();
    this.write(APIC_SPURIOUS_INTERRUPT_VECTOR, APIC_SOFTWARE_ENABLE | SPURIOUS_VECTOR);
    this.write(APIC_TASK_PRIORITY, PRIORITY_CLASS_1);
    this.endInterruptsInService();
    setLocalApic(this.mode, this.base, this.id);
    this.write(APIC_DIVIDE_CONFIGURATION, DIVIDE_BY_1);
    this.write(APIC_LVT_TIMER, TIMER_PERIODIC | TIMER_VECTOR);
    this.write(APIC_INITIAL_COUNT, TIMER_PERIOD);
  }

  // What follows sends by the interrupt command register (SDM 3A 11.6.1). False where the APIC did not accept it in time,
  // which only xAPIC mode tells. What this CPU wrote before is to be seen by who takes the interrupt.

  /** Resets the CPU `apicId`, but for its APIC's mode and its caches: it waits for `sendStartup`. */
  sendInit(apicId: u32): bool {
    return this.send(apicId, DELIVERY_MODE_INIT);
  }

  /** Has a CPU that waits after INIT begin in real mode at `vector` x 4 KiB; without effect on others. */
  sendStartup(apicId: u32, vector: u32): bool {
    return this.send(apicId, DELIVERY_MODE_STARTUP | vector);
  }

  /** Raises the interrupt `vector`, 16 to 255, at the CPU `apicId`. */
  sendInterrupt(apicId: u32, vector: u32): bool {
    return this.send(apicId, vector);
  }

  private send(apicId: u32, command: u32): bool {
    command |= LEVEL_ASSERT;
    if (this.mode == APIC_X2APIC) {
      const register = X2APIC_MSR_FIRST + (APIC_INTERRUPT_COMMAND >> 4);
      // This write overtakes earlier stores (11.12.3), but no serializing instruction (8.3), which CPUID is.
      this.cpuid.read(CPUID_LEAF_FEATURES, 0);
      wrmsr(register, ((<u64>apicId) << X2APIC_DESTINATION_SHIFT) | command);
      return true;
    }
    if (!this.awaitAcceptance()) return false;
    this.write(APIC_INTERRUPT_COMMAND_HIGH, apicId << XAPIC_DESTINATION_SHIFT);
    // This half sends.
    this.write(APIC_INTERRUPT_COMMAND, command);
    return this.awaitAcceptance();
  }

  private awaitAcceptance(): bool {
    for (let polls = MAXIMUM_POLLS; polls > 0; polls--) {
      if (!(this.read(APIC_INTERRUPT_COMMAND) & INTERRUPT_COMMAND_PENDING)) return true;
    }
    return false;
  }

  /** What the timer has left to count. */
  get currentCount(): u32 {
    return this.mode == APIC_ABSENT ? 0 : this.read(APIC_CURRENT_COUNT);
  }

  /** Stops the timer. */
  stop(): void {
    this.write(APIC_LVT_TIMER, INTERRUPT_MASKED);
  }

  /** Masks each entry of the LVT but firmware's own SMIs, and NMIs at LINT1: machines report broken memory by them. */
  private maskLocalVectors(): void {
    const last = (this.read(APIC_VERSION) >> APIC_VERSION_MAX_LVT_SHIFT) & APIC_VERSION_MAX_LVT_MASK;
    for (let i = 0; i < APIC_LVT_REGISTERS.length && <u32>i <= last; i++) {
      const register = APIC_LVT_REGISTERS[i];
      const value = this.read(register);
      const delivery = value & DELIVERY_MODE_MASK;
      if (register != APIC_LVT_TIMER && delivery == DELIVERY_MODE_SMI) continue;
      if (register == APIC_LVT_LINT1 && delivery == DELIVERY_MODE_NMI) continue;
      this.write(register, value | INTERRUPT_MASKED);
    }
  }

  /** An interrupt that firmware took and never ended would hold back the timer for ever. */
  private endInterruptsInService(): void {
    for (let n: u32 = 0; n < MAXIMUM_IN_SERVICE && this.hasInterruptInService(); n++) this.write(APIC_EOI, 0);
  }

  private hasInterruptInService(): bool {
    let bits: u32 = 0;
    for (let i: u32 = 0; i < 8; i++) bits |= this.read(APIC_IN_SERVICE + 16 * i);
    return bits != 0;
  }

  private read(register: u32): u32 {
    if (this.mode == APIC_X2APIC) return <u32>rdmsr(X2APIC_MSR_FIRST + (register >> 4));
    return readDevice32(this.base + register);
  }

  private write(register: u32, value: u32): void {
    if (this.mode == APIC_X2APIC) wrmsr(X2APIC_MSR_FIRST + (register >> 4), value);
    else writeDevice32(this.base + register, value);
  }
}

/** IA32_APIC_BASE with the APIC enabled; 0 where the processor has none, or cannot enable it. */
function enabledBase(cpuid: Cpuid): u64 {
  cpuid.read(CPUID_LEAF_FEATURES, 0);
  // A disabled APIC is missing from CPUID too (SDM 3A 11.4.3), so that the MSR has to be asked.
  const value = new StaticArray<u64>(1);
  const hasMsr = (cpuid.edx & CPUID_1_EDX_MSR) != 0 && tryRdmsr(IA32_APIC_BASE, changetype<usize>(value)) != 0;
  if (!hasMsr) return 0;
  if (!(value[0] & APIC_BASE_GLOBAL_ENABLE)) wrmsr(IA32_APIC_BASE, value[0] | APIC_BASE_GLOBAL_ENABLE);
  cpuid.read(CPUID_LEAF_FEATURES, 0);
  return cpuid.edx & CPUID_1_EDX_APIC ? rdmsr(IA32_APIC_BASE) : 0;
}
