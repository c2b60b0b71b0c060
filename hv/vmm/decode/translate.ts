// Guest-linear to guest-physical addresses by the guest's page tables, as its CPU translates them (SDM 3A chapter 4).

// The tables lie in guest RAM; an entry beyond RAM reads as all ones, which is what a bus without a device returns.
// Each walk reads each entry once and decides on what it read. There is no TLB: memory is always looked at.
// Not modelled, so that a vmm's CPUID must not offer them: protection keys, LAM, LASS, HLAT, shadow stacks.

import { CpuState } from "../../shared/vcpu-page";
import { CR0_PG, CR0_WP, CR4_LA57, CR4_PAE, CR4_PSE, CR4_SMAP, CR4_SMEP, RFLAGS_AC } from "../../x86/control-registers";
import {
  PAGE_FAULT_FETCH,
  PAGE_FAULT_PRESENT,
  PAGE_FAULT_RESERVED,
  PAGE_FAULT_USER,
  PAGE_FAULT_WRITE,
} from "../../x86/exceptions";
import { EFER_LMA, EFER_NXE } from "../../x86/msr";
import {
  PAGE_ACCESSED,
  PAGE_ADDRESS_MASK,
  PAGE_DIRTY,
  PAGE_EXECUTE_DISABLE,
  PAGE_LARGE,
  PAGE_OFFSET_MASK_1_GIB,
  PAGE_OFFSET_MASK_2_MIB,
  PAGE_OFFSET_MASK_4_KIB,
  PAGE_PAT_LARGE,
  PAGE_PRESENT,
  PAGE_USER,
  PAGE_WRITABLE,
} from "../../x86/paging";
import { Ram } from "../memory/ram";
import { RECORDED_LEVELS, WalkRecord } from "./walk-record";

// What an access is: any sum of these. They have the bits of a page fault's error code and of the entries' flags.
export const FOR_READ: u32 = 0;
export const FOR_WRITE: u32 = PAGE_FAULT_WRITE | (1 << 6);
/** An explicit access with CPL 3. */
export const AS_USER: u32 = PAGE_FAULT_USER;
export const FOR_FETCH: u32 = PAGE_FAULT_FETCH;
/** The CPU's own access to a descriptor table or a TSS: a supervisor's, whatever the CPL; RFLAGS.AC does not count. */
export const IMPLICIT: u32 = 1 << 8;

const ACCESS_TO_RIGHTS: u64 = PAGE_WRITABLE | PAGE_USER;
const EXPECTED: u64 = PAGE_PRESENT | PAGE_ACCESSED | ACCESS_TO_RIGHTS;
/** EFER_NXE becomes PAGE_EXECUTE_DISABLE. */
const NXE_TO_EXECUTE_DISABLE: u64 = 52;
/** An index of nine bits times eight bytes. */
const INDEX_MASK: u64 = 0xff8;
/** Bits of a large page's address below its size, less bit 12, which is PAT. */
const LARGE_PAGE_LOW_BITS: u64 = PAGE_OFFSET_MASK_1_GIB & ~0x1fff;
/** Bits 62:52, which PAE paging reserves and 4-level paging ignores. */
const PAE_RESERVED: u64 = 0x7ff0000000000000;
const MOST_LEVELS: u32 = 5;

// 32-bit paging (SDM 3A 4.3).
const DIRECTORY_SHIFT: u64 = 22;
const TABLE_SHIFT: u64 = 12;
const INDEX_MASK_32_BIT: u64 = 0xffc;
const ADDRESS_32_BIT: u64 = 0xfffff000;
const PAGE_OFFSET_MASK_4_MIB: u64 = 0x3fffff;
/** Of a PDE that maps a page: bits M-20:13 are bits M-1:32 of the address, M at most 40, and those above to 21 are 0. */
const PSE_36_HIGH: u64 = 0x3fe000;
const PSE_36_SHIFT: u64 = 19;
const PSE_36_MOST_BITS: u32 = 40;

/** Translates linear addresses for one vCPU. */
export class PageWalker {
  /** Where the last translation that succeeded led to. */
  physical: u64 = 0;
  /** The error code of #PF (SDM 3A 4.7) after one that failed. */
  errorCode: u32 = 0;
  /** Whether the guest's CPU has 1-GiB pages (CPUID.80000001H:EDX[26]); where not, they are reserved bits. */
  has1GibPages: bool = true;

  // The entries of one walk, as read, and where they lie.
  private readonly entries: StaticArray<u64> = new StaticArray<u64>(MOST_LEVELS);
  private readonly addresses: StaticArray<u64> = new StaticArray<u64>(MOST_LEVELS);
  private used: u32 = 0;

  constructor(
    private readonly ram: Ram,
    private readonly cpu: CpuState,
  ) {}

  /**
   * Translates `linear`, canonical in 64-bit mode and below 4 GiB else, for `access`: `physical`, with accessed and dirty
   * flags set as the CPU does it (SDM 3A 4.8). False for a page fault: `errorCode`, and no flag is set.
   */
  translate(linear: u64, access: u32): bool {
    return this.finds(linear, access) || this.walk(linear, access);
  }

  /**
   * The usual case, and quick: 4-level paging, where the access is permitted and finds all flags set. It reads the entries,
   * decides at its end and changes nothing; where anything stands in its way it says false, and `walk` starts anew.
   */
  private finds(linear: u64, access: u32): bool {
    const cpu = this.cpu;
    if ((cpu.efer & EFER_LMA) == 0 || (cpu.cr4 & CR4_LA57) != 0) return false;
    const ram = this.ram;
    let entry = ram.readU64((cpu.cr3 & PAGE_ADDRESS_MASK) + ((linear >> 36) & INDEX_MASK));
    if ((entry & PAGE_LARGE) != 0) return false;
    // A bit of EXPECTED is set where some entry lacks it, any other bit where some entry has it.
    let found = entry ^ EXPECTED;
    entry = ram.readU64((entry & PAGE_ADDRESS_MASK) + ((linear >> 27) & INDEX_MASK));
    if ((entry & PAGE_LARGE) != 0) return false;
    found |= entry ^ EXPECTED;
    entry = ram.readU64((entry & PAGE_ADDRESS_MASK) + ((linear >> 18) & INDEX_MASK));
    found |= entry ^ EXPECTED;
    if ((entry & PAGE_LARGE) != 0) {
      if ((entry & PAGE_OFFSET_MASK_2_MIB & LARGE_PAGE_LOW_BITS) != 0) return false;
      // As a PTE would map the part of the page that is accessed.
      entry = (entry & ~PAGE_PAT_LARGE) | (linear & PAGE_OFFSET_MASK_2_MIB & PAGE_ADDRESS_MASK);
    } else {
      entry = ram.readU64((entry & PAGE_ADDRESS_MASK) + ((linear >> 9) & INDEX_MASK));
      found |= entry ^ EXPECTED;
    }
    const asked: u64 = access;
    if ((found & (PAGE_PRESENT | PAGE_ACCESSED | (asked & ACCESS_TO_RIGHTS))) != 0) return false;
    if ((asked & ~entry & PAGE_DIRTY) != 0) return false;
    if (<i64>found < 0 && ((access & FOR_FETCH) != 0 || (cpu.efer & EFER_NXE) == 0)) return false;
    if ((found & PAGE_ADDRESS_MASK) >> cpu.physicalAddressBits != 0) return false;
    // What SMEP and SMAP say of a supervisor's access to a user's page is left to the walk.
    if (((found | asked) & PAGE_USER) == 0 && (cpu.cr4 & (CR4_SMEP | CR4_SMAP)) != 0) return false;
    this.physical = (entry & PAGE_ADDRESS_MASK) | (linear & PAGE_OFFSET_MASK_4_KIB);
    return true;
  }

  /** Whether the guest has paging on: without, a walk reads nothing. */
  get hasPaging(): bool {
    return (this.cpu.cr0 & CR0_PG) != 0;
  }

  /** As `translate`, of a walk with RECORDED_LEVELS levels at most, all in RAM; `into` holds what it read, flags that it set included. */
  record(linear: u64, access: u32, into: WalkRecord): bool {
    // The second walk finds the flags that the first one set.
    if (!this.walk(linear, access) || !this.walk(linear, access)) return false;
    const used = this.used;
    if (used == 0 || used > RECORDED_LEVELS) return false;
    const last = used - 1;
    for (let i: u32 = 0; i < used; i++) {
      if (!this.ram.holds(this.addresses[i], 8)) return false;
    }
    into.physical = this.physical;
    into.address0 = <u32>this.addresses[0];
    into.entry0 = this.entries[0];
    into.address1 = <u32>this.addresses[min(1, last)];
    into.entry1 = this.entries[min(1, last)];
    into.address2 = <u32>this.addresses[min(2, last)];
    into.entry2 = this.entries[min(2, last)];
    into.address3 = <u32>this.addresses[last];
    into.entry3 = this.entries[last];
    return true;
  }

  /** The bits of an entry of 8 bytes that are reserved at all levels: MAXPHYADDR to 51, and 63 where it is not XD. */
  private reservedBits(): u64 {
    const bits = <u64>this.cpu.physicalAddressBits;
    const address = (PAGE_ADDRESS_MASK >> bits) << bits;
    return address | ((~this.cpu.efer & EFER_NXE) << NXE_TO_EXECUTE_DISABLE);
  }

  /** The same in all modes, with all that can come of it: flags to be set, and faults. */
  private walk(linear: u64, access: u32): bool {
    const cpu = this.cpu;
    this.used = 0;
    if ((cpu.cr0 & CR0_PG) == 0) {
      this.physical = linear;
      return true;
    }
    if ((cpu.cr4 & CR4_PAE) == 0) return this.walk32Bit(linear, access);
    if ((cpu.efer & EFER_LMA) != 0) {
      const levels: u64 = (cpu.cr4 & CR4_LA57) != 0 ? 5 : 4;
      return this.walkFrom(levels, cpu.cr3, this.reservedBits(), linear, access);
    }
    const pdpte = this.pageDirectoryPointer(linear);
    if ((pdpte & PAGE_PRESENT) == 0) return this.fault(access, 0);
    return this.walkFrom(2, pdpte, this.reservedBits() | PAE_RESERVED, linear, access);
  }

  /** Of the PDPTE registers, which were checked when they were loaded (SDM 3A 4.4.1). */
  private pageDirectoryPointer(linear: u64): u64 {
    const index = (linear >> 30) & 3;
    if (index == 0) return this.cpu.pdpte0;
    if (index == 1) return this.cpu.pdpte1;
    return index == 2 ? this.cpu.pdpte2 : this.cpu.pdpte3;
  }

  /** PAE, 4-level and 5-level paging (SDM 3A 4.4 and 4.5): `table` is that of `level`, in the form of an entry. */
  private walkFrom(level: u64, table: u64, reserved: u64, linear: u64, access: u32): bool {
    let all: u64 = ACCESS_TO_RIGHTS;
    let any: u64 = 0;
    let entry = table;
    let offsetMask: u64 = 0;
    let isPage: bool = false;
    while (!isPage) {
      const shift = 3 + 9 * level;
      const address = (entry & PAGE_ADDRESS_MASK) + ((linear >> (shift - 3)) & INDEX_MASK);
      entry = this.ram.readU64(address);
      if ((entry & PAGE_PRESENT) == 0) return this.fault(access, 0);
      this.remember(address, entry);
      isPage = level == 1 || ((entry & PAGE_LARGE) != 0 && (level == 2 || (level == 3 && this.has1GibPages)));
      offsetMask = ((<u64>1) << shift) - 1;
      const low = isPage ? offsetMask & LARGE_PAGE_LOW_BITS : PAGE_LARGE;
      if ((entry & (reserved | low)) != 0) return this.fault(access, PAGE_FAULT_PRESENT | PAGE_FAULT_RESERVED);
      all &= entry;
      any |= entry;
      level--;
    }
    if (!this.isPermitted(all, (any & PAGE_EXECUTE_DISABLE) != 0, access))
      return this.fault(access, PAGE_FAULT_PRESENT);
    this.setFlags(access);
    this.physical = (entry & PAGE_ADDRESS_MASK & ~offsetMask) | (linear & offsetMask);
    return true;
  }

  /** SDM 3A 4.3: entries of 4 bytes, without XD. */
  private walk32Bit(linear: u64, access: u32): bool {
    const cpu = this.cpu;
    let address = (cpu.cr3 & ADDRESS_32_BIT) + ((linear >> (DIRECTORY_SHIFT - 2)) & INDEX_MASK_32_BIT);
    let entry = this.ram.read(address, 4);
    if ((entry & PAGE_PRESENT) == 0) return this.fault(access, 0);
    this.remember(address, entry);
    let all = entry & ACCESS_TO_RIGHTS;
    let physical: u64;
    if ((entry & PAGE_LARGE) != 0 && (cpu.cr4 & CR4_PSE) != 0) {
      const firstReserved = <u64>min(cpu.physicalAddressBits, PSE_36_MOST_BITS) - PSE_36_SHIFT;
      const reserved = (PSE_36_HIGH >> firstReserved) << firstReserved;
      if ((entry & reserved) != 0) return this.fault(access, PAGE_FAULT_PRESENT | PAGE_FAULT_RESERVED);
      const high = (entry & PSE_36_HIGH) << PSE_36_SHIFT;
      physical = high | (entry & ~PAGE_OFFSET_MASK_4_MIB) | (linear & PAGE_OFFSET_MASK_4_MIB);
    } else {
      address = (entry & ADDRESS_32_BIT) + ((linear >> (TABLE_SHIFT - 2)) & INDEX_MASK_32_BIT);
      entry = this.ram.read(address, 4);
      if ((entry & PAGE_PRESENT) == 0) return this.fault(access, 0);
      this.remember(address, entry);
      all &= entry;
      physical = (entry & ADDRESS_32_BIT) | (linear & PAGE_OFFSET_MASK_4_KIB);
    }
    if (!this.isPermitted(all, false, access)) return this.fault(access, PAGE_FAULT_PRESENT);
    this.setFlags(access);
    this.physical = physical;
    return true;
  }

  /** SDM 3A 4.6: `all` are the rights that all entries grant. */
  private isPermitted(all: u64, isExecuteDisabled: bool, access: u32): bool {
    const cpu = this.cpu;
    const isUserPage = (all & PAGE_USER) != 0;
    const isFetch = (access & FOR_FETCH) != 0;
    const isWriteToReadOnly = (access & FOR_WRITE) != 0 && (all & PAGE_WRITABLE) == 0;
    if (isFetch && isExecuteDisabled) return false;
    if ((access & AS_USER) != 0) return isUserPage && !isWriteToReadOnly;
    if (isUserPage && isFetch && (cpu.cr4 & CR4_SMEP) != 0) return false;
    const isOpen = (access & IMPLICIT) == 0 && (cpu.rflags & RFLAGS_AC) != 0;
    if (isUserPage && !isFetch && !isOpen && (cpu.cr4 & CR4_SMAP) != 0) return false;
    return !isWriteToReadOnly || (cpu.cr0 & CR0_WP) == 0;
  }

  private remember(address: u64, entry: u64): void {
    this.addresses[this.used] = address;
    this.entries[this.used] = entry;
    this.used++;
  }

  /** Sets the accessed flags of the entries used, and for a write the last one's dirty flag. The lowest byte has both. */
  private setFlags(access: u32): void {
    for (let i: u32 = 0; i < this.used; i++) {
      let flags = PAGE_ACCESSED;
      if (i + 1 == this.used && (access & FOR_WRITE) != 0) flags |= PAGE_DIRTY;
      const entry = this.entries[i];
      // Where this is no RAM nothing is to be set: such an entry reads as all ones.
      if ((entry & flags) != flags) this.ram.writeLow(this.addresses[i], 1, (entry | flags) & 0xff);
    }
  }

  private fault(access: u32, flags: u32): bool {
    const cpu = this.cpu;
    const hasExecuteDisable = (cpu.cr4 & CR4_PAE) != 0 && (cpu.efer & EFER_NXE) != 0;
    const tellsFetch = hasExecuteDisable || (cpu.cr4 & CR4_SMEP) != 0;
    const told: u32 = PAGE_FAULT_WRITE | PAGE_FAULT_USER | (tellsFetch ? PAGE_FAULT_FETCH : 0);
    this.errorCode = flags | (access & told);
    return false;
  }
}
