// Whether the EPT maps what a guest's RIP translates to: a walk of the guest's page tables (SDM 3A 4.3 to 4.5).

import { CR0_PG, CR4_LA57, CR4_PAE, CR4_PSE } from "../../../x86/control-registers";
import {
  ENTRY_INDEX_MASK,
  PAGE_ADDRESS_MASK,
  PAGE_LARGE,
  PAGE_PRESENT,
  PAGE_SHIFT_1_GIB,
  PAGE_SHIFT_4_KIB,
} from "../../../x86/paging";
import {
  GUEST_CR0,
  GUEST_CR3,
  GUEST_CR4,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_CS_BASE,
  GUEST_RIP,
  VM_ENTRY_CONTROLS,
} from "../../../x86/vmcs-fields";
import { ACCESS_RIGHTS_64_BIT } from "../../../x86/segments";
import { ENTRY_IA32E_MODE_GUEST } from "../../../x86/vmx-controls";
import { Subject } from "../../../doctor/subject";
import { NO, Tri, tri, UNKNOWN } from "../../../doctor/tri";
import { GuestMemory, NOT_MAPPED } from "../../guest-memory";
import { readPhysical } from "../../hardware";

const LEVEL_BITS: u32 = 9;
/** Of 32-bit paging: 1024 entries of 4 bytes a table. */
const LEGACY_INDEX_MASK: u64 = 0x3ff;
const LEGACY_ADDRESS_MASK: u64 = 0xfffff000;
const LEGACY_LARGE_SHIFT: u64 = 22;
const PAE_ROOT_MASK: u64 = 0xffffffe0;
const LINEAR_32_BITS: u64 = 0xffffffff;

/**
 * YES or NO; UNKNOWN without EPT, and where the guest's own page tables do not map it, which faults in the guest. Only what
 * the EPT maps is read: the guest's registers may hold anything.
 */
export function eptMapsGuestRip(subject: Subject, memory: GuestMemory): Tri {
  if (memory.pagingPointer == 0) return UNKNOWN;
  const walk = new Walk(memory);
  const address = walk.translate(subject);
  if (walk.isBeyondEpt) return NO;
  return walk.isFault ? UNKNOWN : tri(memory.holds(address));
}

class Walk {
  /** An entry of the guest's is not present. */
  isFault: bool = false;
  /** A table of the guest's lies where the EPT maps nothing. */
  isBeyondEpt: bool = false;
  private readonly entry: StaticArray<u64> = new StaticArray<u64>(1);

  constructor(private readonly memory: GuestMemory) {}

  /** The guest-physical address of the guest's next instruction. */
  translate(subject: Subject): u64 {
    const isLong = (subject.get(VM_ENTRY_CONTROLS) & ENTRY_IA32E_MODE_GUEST) != 0;
    const is64Bit = isLong && (subject.get(GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_64_BIT) != 0;
    let linear = subject.get(GUEST_RIP);
    if (!is64Bit) linear = (linear + subject.get(GUEST_CS_BASE)) & LINEAR_32_BITS;
    const cr4 = subject.get(GUEST_CR4);
    const cr3 = subject.get(GUEST_CR3);
    if (!(subject.get(GUEST_CR0) & CR0_PG)) return linear;
    if (isLong) return this.walk(cr3 & PAGE_ADDRESS_MASK, cr4 & CR4_LA57 ? 5 : 4, linear);
    if (cr4 & CR4_PAE) return this.walk(cr3 & PAE_ROOT_MASK, 3, linear);
    return this.walkLegacy(cr3 & LEGACY_ADDRESS_MASK, (cr4 & CR4_PSE) != 0, linear);
  }

  private walk(root: u64, levels: u32, linear: u64): u64 {
    let table = root;
    for (let level = levels; level > 0; level--) {
      const shift: u64 = PAGE_SHIFT_4_KIB + <u64>((level - 1) * LEVEL_BITS);
      const index = (linear >> shift) & ENTRY_INDEX_MASK;
      const entry = this.read(table + index * 8, 8);
      if (!(entry & PAGE_PRESENT)) return this.fault();
      const isPage = level == 1 || (shift <= PAGE_SHIFT_1_GIB && (entry & PAGE_LARGE) != 0);
      const offset: u64 = ((<u64>1) << shift) - 1;
      if (isPage) return (entry & PAGE_ADDRESS_MASK & ~offset) | (linear & offset);
      table = entry & PAGE_ADDRESS_MASK;
    }
    return this.fault();
  }

  private walkLegacy(root: u64, hasLargePages: bool, linear: u64): u64 {
    const directory = this.read(root + ((linear >> LEGACY_LARGE_SHIFT) & LEGACY_INDEX_MASK) * 4, 4);
    if (!(directory & PAGE_PRESENT)) return this.fault();
    const largeOffset: u64 = ((<u64>1) << LEGACY_LARGE_SHIFT) - 1;
    if (hasLargePages && directory & PAGE_LARGE) {
      return (directory & LEGACY_ADDRESS_MASK & ~largeOffset) | (linear & largeOffset);
    }
    const index = (linear >> PAGE_SHIFT_4_KIB) & LEGACY_INDEX_MASK;
    const entry = this.read((directory & LEGACY_ADDRESS_MASK) + index * 4, 4);
    if (!(entry & PAGE_PRESENT)) return this.fault();
    return (entry & LEGACY_ADDRESS_MASK) | (linear & (((<u64>1) << PAGE_SHIFT_4_KIB) - 1));
  }

  /** An entry at a guest-physical address; one that is not present where the EPT does not map it. */
  private read(address: u64, bytes: u32): u64 {
    this.entry[0] = 0;
    if (!this.memory.holds(address)) this.isBeyondEpt = true;
    const host = this.memory.hostAddress(address);
    // RAM that nobody has touched yet is full of zeroes.
    if (host == NOT_MAPPED) return 0;
    readPhysical(host, changetype<usize>(this.entry), bytes);
    return this.entry[0];
  }

  private fault(): u64 {
    this.isFault = true;
    return 0;
  }
}
