// What is judged: a VMCS, the capabilities of a processor and its state, each value known or not.

import {
  EXIT_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_ACTIVATE_TERTIARY_CONTROLS,
} from "../x86/vmx-controls";
import {
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SECONDARY_VM_EXIT_CONTROLS,
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VM_ENTRY_CONTROLS,
} from "../x86/vmcs-fields";
import {
  DOUBT_BITS_CLEAR,
  DOUBT_BITS_SET,
  DOUBT_LINEAR_48,
  DOUBT_MAXPHYADDR,
  Doubt,
  REQUIRED_AT_LEAST,
  REQUIRED_AT_MOST,
  REQUIRED_BITS,
  REQUIRED_CANONICAL,
  REQUIRED_EQUAL,
  REQUIRED_NOT_EQUAL,
  REQUIRED_OTHERWISE,
  Witness,
} from "./evidence";
import {
  CAP_BASIC,
  CAP_CPUID_80000008_EAX,
  SLOTS,
  slotOf,
  stateInput,
  STATE_IN_SEAM,
  STATE_NAMES,
  STATE_TME_ACTIVATE,
  STATE_VMXON_POINTER,
  STATE_VMCLEAR_POINTER,
  STATE_VMPTRLD_POINTER,
} from "./inputs";
import { both, NO, Tri, tri, UNKNOWN, YES } from "./tri";

// What is known of an input.
const MISSING: u8 = 0;
const GIVEN: u8 = 1;
/** It reads 0 because nothing has ever written it. */
const NEVER_WRITTEN: u8 = 2;

const MAXIMUM_NOTES: i32 = 16;
/** Entries of the VM-entry MSR-load area that are looked at: the recommended maximum of any processor is 512 and more. */
export const MAXIMUM_MSR_ENTRIES: i32 = 512;

/** MAXPHYADDR is at least this with VMX, and at most that (SDM 3A 4.1.4). */
const SMALLEST_MAXPHYADDR: u64 = 32;
const LARGEST_MAXPHYADDR: u64 = 52;
const LINEAR_48: u64 = 48;
const LINEAR_57: u64 = 57;
const BASIC_32_BIT_ADDRESSES: u64 = 0x1000000000000;

const TME_CONFIGURED: u64 = 1;
const TME_SEAM_BITS_SHIFT: u64 = 36;
const TME_SEAM_BITS_MASK: u64 = 0xf;

/** Values, each with whether it is known; and, after a rule was judged, why it is as it is. Judging allocates nothing. */
export class Subject {
  private readonly values: StaticArray<u64> = new StaticArray<u64>(SLOTS);
  private readonly known: StaticArray<u8> = new StaticArray<u8>(SLOTS);

  /** Entries of the VM-entry MSR-load area, where they are known; else -1. */
  msrEntries: i32 = -1;
  /** Bits 63:0 of each entry, the index and the reserved bits; and bits 127:64, the value. */
  readonly msrIndices: StaticArray<u64> = new StaticArray<u64>(MAXIMUM_MSR_ENTRIES);
  readonly msrValues: StaticArray<u64> = new StaticArray<u64>(MAXIMUM_MSR_ENTRIES);

  /** The entry of the area that is being judged, from 1; 0: none. */
  msrEntry: i32 = 0;

  /** `row` of the rule that is being judged. */
  row: u32 = 0;
  /** Requirements that were not met, inputs that were read and are missing, and what they make depend on what. */
  readonly witnesses: StaticArray<Witness> = new StaticArray<Witness>(MAXIMUM_NOTES);
  witnessCount: i32 = 0;
  /** Witnesses for which there was no place. */
  droppedWitnesses: i32 = 0;
  readonly missing: StaticArray<u32> = new StaticArray<u32>(MAXIMUM_NOTES);
  missingCount: i32 = 0;
  readonly doubts: StaticArray<Doubt> = new StaticArray<Doubt>(MAXIMUM_NOTES);
  doubtCount: i32 = 0;

  constructor() {
    for (let i = 0; i < MAXIMUM_NOTES; i++) {
      this.witnesses[i] = new Witness();
      this.doubts[i] = new Doubt();
    }
  }

  /** Forgets all values. */
  clear(): void {
    this.known.fill(MISSING);
    this.msrEntries = -1;
  }

  set(input: u32, value: u64): void {
    const slot = slotOf(input);
    this.values[slot] = value;
    this.known[slot] = GIVEN;
  }

  /** The field reads 0, as nothing has ever written it. */
  setNeverWritten(input: u32): void {
    const slot = slotOf(input);
    this.values[slot] = 0;
    this.known[slot] = NEVER_WRITTEN;
  }

  /** Anything of the processor's state is known. */
  knowsState(): bool {
    for (let i = 0; i < STATE_NAMES.length; i++) {
      if (this.has(stateInput(i))) return true;
    }
    return false;
  }

  /** The operand of VMXON, VMCLEAR or VMPTRLD is known. */
  knowsOperand(): bool {
    return this.has(STATE_VMXON_POINTER) || this.has(STATE_VMCLEAR_POINTER) || this.has(STATE_VMPTRLD_POINTER);
  }

  unset(input: u32): void {
    this.known[slotOf(input)] = MISSING;
  }

  has(input: u32): bool {
    return this.known[slotOf(input)] != MISSING;
  }

  wasNeverWritten(input: u32): bool {
    return this.known[slotOf(input)] == NEVER_WRITTEN;
  }

  /** The value, 0 where it is missing; leaves no note. */
  get(input: u32): u64 {
    const slot = slotOf(input);
    return this.known[slot] == MISSING ? 0 : this.values[slot];
  }

  /** Before a rule is judged. */
  begin(row: u32): void {
    this.row = row;
    this.witnessCount = 0;
    this.droppedWitnesses = 0;
    this.missingCount = 0;
    this.doubtCount = 0;
  }

  /** True if the input is known; else notes that it is missing. */
  needs(input: u32): bool {
    if (this.has(input)) return true;
    for (let i = 0; i < this.missingCount; i++) {
      if (this.missing[i] == input) return false;
    }
    if (this.missingCount < MAXIMUM_NOTES) this.missing[this.missingCount++] = input;
    return false;
  }

  /** Notes a condition under which the rule is violated, for an input that is not known; returns UNKNOWN. */
  doubt(input: u32, kind: u32, operand: u64): Tri {
    this.needs(input);
    if (this.doubtCount < MAXIMUM_NOTES) {
      const doubt = this.doubts[this.doubtCount++];
      doubt.input = input;
      doubt.kind = kind;
      doubt.operand = operand;
    }
    return UNKNOWN;
  }

  /** Notes what broke the rule; returns NO. */
  fails(input: u32, kind: u32, bits: u64, operand: u64, width: u64 = 0): Tri {
    if (this.witnessCount == MAXIMUM_NOTES) {
      this.droppedWitnesses++;
    } else {
      const witness = this.witnesses[this.witnessCount++];
      witness.input = input;
      witness.kind = kind;
      witness.found = this.get(input);
      witness.bits = bits;
      witness.operand = operand;
      witness.entry = this.msrEntry;
      witness.width = width;
    }
    return NO;
  }

  // Conditions. They leave no witness: that they do not hold is no fault.

  /** All of `mask` is 1. */
  isSet(input: u32, mask: u64): Tri {
    return this.needs(input) ? tri((this.get(input) & mask) == mask) : UNKNOWN;
  }
  /** All of `mask` is 0. */
  isClear(input: u32, mask: u64): Tri {
    return this.needs(input) ? tri((this.get(input) & mask) == 0) : UNKNOWN;
  }
  is(input: u32, value: u64): Tri {
    return this.needs(input) ? tri(this.get(input) == value) : UNKNOWN;
  }

  /** A state that hardly any program is ever in (SMM, SEAM): it counts as 0 unless it is given. */
  isRarely(state: u32): Tri {
    return tri(this.get(state) == 1);
  }

  // Control words: one that is not activated counts as 0 (SDM 3C 25.6.2, 25.7.1).

  pin(control: u64): Tri {
    return this.isSet(PIN_BASED_VM_EXECUTION_CONTROLS, control);
  }
  primary(control: u64): Tri {
    return this.isSet(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, control);
  }
  secondary(control: u64): Tri {
    const isActive = this.primary(PRIMARY_ACTIVATE_SECONDARY_CONTROLS);
    return isActive == NO ? NO : both(isActive, this.isSet(SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, control));
  }
  /** As a requirement: the secondary control is 1, and the secondary controls are activated. */
  mustHaveSecondary(control: u64): Tri {
    return both(
      this.mustBeOne(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, PRIMARY_ACTIVATE_SECONDARY_CONTROLS),
      this.mustBeOne(SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, control),
    );
  }
  tertiary(control: u64): Tri {
    const isActive = this.primary(PRIMARY_ACTIVATE_TERTIARY_CONTROLS);
    return isActive == NO ? NO : both(isActive, this.isSet(TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, control));
  }
  exit(control: u64): Tri {
    return this.isSet(PRIMARY_VM_EXIT_CONTROLS, control);
  }
  secondaryExit(control: u64): Tri {
    const isActive = this.exit(EXIT_ACTIVATE_SECONDARY_CONTROLS);
    return isActive == NO ? NO : both(isActive, this.isSet(SECONDARY_VM_EXIT_CONTROLS, control));
  }
  entry(control: u64): Tri {
    return this.isSet(VM_ENTRY_CONTROLS, control);
  }

  /** Nothing is missing but capabilities that doubts are about, so that these give the condition of a violation. */
  get isDoubtOnly(): bool {
    for (let i = 0; i < this.missingCount; i++) {
      if (!this.isDoubted(this.missing[i])) return false;
    }
    return this.doubtCount > 0;
  }

  private isDoubted(input: u32): bool {
    for (let i = 0; i < this.doubtCount; i++) {
      if (this.doubts[i].input == input) return true;
    }
    return false;
  }

  // Capabilities: `supports` is required (violated where the bits are 0), `where` is a condition (where they are 1).

  supports(capability: u32, mask: u64): Tri {
    if (!this.has(capability)) return this.doubt(capability, DOUBT_BITS_CLEAR, mask);
    return tri((this.get(capability) & mask) == mask);
  }
  /** As supports, where any of the bits is enough; the condition is noted where there is only one. */
  supportsAny(capability: u32, mask: u64): Tri {
    if (!this.has(capability) && (mask & (mask - 1)) == 0) return this.supports(capability, mask);
    return this.needs(capability) ? tri((this.get(capability) & mask) != 0) : UNKNOWN;
  }
  where(capability: u32, mask: u64): Tri {
    if (!this.has(capability)) return this.doubt(capability, DOUBT_BITS_SET, mask);
    return tri((this.get(capability) & mask) == mask);
  }

  // Requirements: where one is not met, a witness says what was found and what is required.

  mustBeZero(input: u32, mask: u64): Tri {
    if (!this.needs(input)) return UNKNOWN;
    const wrong = this.get(input) & mask;
    return wrong == 0 ? YES : this.fails(input, REQUIRED_BITS, wrong, 0);
  }
  mustBeOne(input: u32, mask: u64): Tri {
    if (!this.needs(input)) return UNKNOWN;
    const wrong = ~this.get(input) & mask;
    return wrong == 0 ? YES : this.fails(input, REQUIRED_BITS, wrong, 0);
  }
  /** `(value & mask) == wanted`, told by the bits that differ. */
  mustMatch(input: u32, mask: u64, wanted: u64): Tri {
    if (!this.needs(input)) return UNKNOWN;
    const wrong = (this.get(input) ^ wanted) & mask;
    return wrong == 0 ? YES : this.fails(input, REQUIRED_BITS, wrong, 0);
  }
  mustEqual(input: u32, value: u64): Tri {
    if (!this.needs(input)) return UNKNOWN;
    return this.get(input) == value ? YES : this.fails(input, REQUIRED_EQUAL, 0, value);
  }
  mustNotEqual(input: u32, value: u64): Tri {
    if (!this.needs(input)) return UNKNOWN;
    return this.get(input) != value ? YES : this.fails(input, REQUIRED_NOT_EQUAL, 0, value);
  }
  mustBeAtMost(input: u32, value: u64): Tri {
    if (!this.needs(input)) return UNKNOWN;
    return this.get(input) <= value ? YES : this.fails(input, REQUIRED_AT_MOST, 0, value);
  }
  mustBeAtLeast(input: u32, value: u64): Tri {
    if (!this.needs(input)) return UNKNOWN;
    return this.get(input) >= value ? YES : this.fails(input, REQUIRED_AT_LEAST, 0, value);
  }
  /** A condition of the author's own, as the rule's sentence says it. */
  must(input: u32, holds: bool): Tri {
    if (!this.needs(input)) return UNKNOWN;
    return holds ? YES : this.fails(input, REQUIRED_OTHERWISE, 0, 0);
  }

  /** Puts the blame for a requirement that is about more than one input on the `bits` of `input`, where it is not met. */
  blame(input: u32, bits: u64, requirement: Tri): Tri {
    if (requirement != NO) return requirement;
    return this.fails(input, bits == 0 ? REQUIRED_OTHERWISE : REQUIRED_BITS, bits, 0);
  }

  /** No bit at or above MAXPHYADDR. `mask` selects the bits of the field that are the address. */
  mustBeWithinMaxphyaddr(input: u32, mask: u64 = u64.MAX_VALUE): Tri {
    return this.mustHaveAddressBits(input, mask, this.maxphyaddr);
  }

  /** As mustBeWithinMaxphyaddr, for a guest-physical address: the bits that only SEAM may use do not matter there. */
  mustBeWithinEnumeratedWidth(input: u32, mask: u64): Tri {
    return this.mustHaveAddressBits(input, mask, this.enumeratedWidth);
  }

  /** No bit at or above `known`, the width, where CAP_CPUID_80000008_EAX is known. */
  private mustHaveAddressBits(input: u32, mask: u64, known: u64): Tri {
    if (!this.needs(input)) return UNKNOWN;
    const address = this.get(input) & mask;
    const isKnown = this.has(CAP_CPUID_80000008_EAX);
    const width = isKnown ? known : LARGEST_MAXPHYADDR;
    const wrong = (address >> width) << width;
    if (wrong != 0) return this.fails(input, REQUIRED_BITS, wrong, 0);
    const length: u64 = 64 - clz(address);
    if (isKnown || length <= SMALLEST_MAXPHYADDR) return YES;
    return this.doubt(CAP_CPUID_80000008_EAX, DOUBT_MAXPHYADDR, length);
  }

  /** As mustBeWithinMaxphyaddr, and below 4 GiB where IA32_VMX_BASIC[48] is 1 (SDM 3D A.1). */
  mustBePhysicalAddress(input: u32): Tri {
    const isWithin = this.mustBeWithinMaxphyaddr(input);
    const high = this.get(input) & 0xffffffff00000000;
    if (isWithin == NO || high == 0) return isWithin;
    const isLimited = this.where(CAP_BASIC, BASIC_32_BIT_ADDRESSES);
    if (isLimited == YES) return this.fails(input, REQUIRED_BITS, high, 0);
    return isLimited == NO ? isWithin : UNKNOWN;
  }

  /**
   * MAXPHYADDR; for where CAP_CPUID_80000008_EAX is known. Outside SEAM it is less than what CPUID enumerates by the bits
   * that only SEAM may use (SDM 3C 29.2.1 of 326019-092US); without IA32_TME_ACTIVATE there are none.
   */
  get maxphyaddr(): u64 {
    const activate = this.get(STATE_TME_ACTIVATE);
    if ((activate & TME_CONFIGURED) == 0 || this.get(STATE_IN_SEAM) == 1) return this.enumeratedWidth;
    return this.enumeratedWidth - ((activate >> TME_SEAM_BITS_SHIFT) & TME_SEAM_BITS_MASK);
  }

  /** The width of physical addresses that CPUID enumerates; for where CAP_CPUID_80000008_EAX is known. */
  get enumeratedWidth(): u64 {
    return this.get(CAP_CPUID_80000008_EAX) & 0xff;
  }

  /** Canonical for the width of linear addresses that the processor has, whatever paging mode is in use. */
  mustBeCanonical(input: u32): Tri {
    return this.mustBeAlike(input, 0);
  }

  /** Bits 63:N alike, where N is the width of linear addresses: bit N-1 may differ, so that it need not be canonical. */
  mustBeSignExtended(input: u32): Tri {
    return this.mustBeAlike(input, 1);
  }

  /** Bits 63 to N-1+extra alike, where N is the width of linear addresses. */
  private mustBeAlike(input: u32, extra: u64): Tri {
    if (!this.needs(input)) return UNKNOWN;
    const address = this.get(input);
    if (isCanonical(address, LINEAR_48 + extra)) return YES;
    if (!isCanonical(address, LINEAR_57 + extra)) return this.fails(input, REQUIRED_CANONICAL, 0, LINEAR_57 + extra);
    if (!this.has(CAP_CPUID_80000008_EAX)) return this.doubt(CAP_CPUID_80000008_EAX, DOUBT_LINEAR_48, 0);
    const width = (this.get(CAP_CPUID_80000008_EAX) >> 8) & 0xff;
    // Where a tool told MAXPHYADDR alone.
    if (width == 0) return this.doubt(CAP_CPUID_80000008_EAX, DOUBT_LINEAR_48, 0);
    return width >= LINEAR_57 ? YES : this.fails(input, REQUIRED_CANONICAL, 0, width + extra);
  }

  /** Such of `bits` as are 1 need all of `mask` in the capability. */
  mustBeSupported(input: u32, bits: u64, capability: u32, mask: u64): Tri {
    if (!this.needs(input)) return UNKNOWN;
    const found = this.get(input) & bits;
    return found == 0 ? YES : this.blame(input, found, this.supports(capability, mask));
  }

  /** All of `bits` is 1 where the condition holds, and 0 where it does not. */
  mustAgree(input: u32, bits: u64, condition: Tri): Tri {
    if (condition == UNKNOWN) return UNKNOWN;
    return this.mustMatch(input, bits, condition == YES ? bits : 0);
  }
}

/** Bits 63 to width - 1 of the address are alike. */
export function isCanonical(address: u64, width: u64): bool {
  const shift: u64 = 64 - width;
  return <u64>((<i64>(address << shift)) >> (<i64>shift)) == address;
}
