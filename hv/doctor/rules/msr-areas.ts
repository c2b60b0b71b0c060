// Rules of VM entry on where the MSR areas of VM entries and VM exits lie (SDM 3C 27.2.1.2 and 27.2.1.3).

import { VMX_BASIC_32_BIT_ADDRESSES } from "../../x86/vmx-capabilities";
import { CAP_BASIC, CAP_CPUID_80000008_EAX } from "../inputs";
import { Rules } from "../rule";
import { DOUBT_MAXPHYADDR, REQUIRED_OTHERWISE } from "../evidence";
import { Subject } from "../subject";
import { implies, NO, not, Tri, UNKNOWN, YES } from "../tri";

/** SDM 3C 25.7.2: an entry has 16 bytes. */
const ENTRY_BYTES: u64 = 16;
const ALIGNMENT: u64 = 0xf;
const ABOVE_4_GIB: u64 = 0xffffffff00000000;
/** MAXPHYADDR is at most this (SDM 3A 4.1.4), and on a processor with VMX at least 32. */
const LARGEST_MAXPHYADDR: u64 = 52;
const SMALLEST_MAXPHYADDR: u64 = 32;

/** Adds the rows of one area. `name` is for slugs, `area` for sentences; the rules' first two inputs are its fields. */
export function addMsrAreaRules(rules: Rules, name: string, area: string, address: u32, count: u32): void {
  const fields: StaticArray<u32> = [address, count];
  const width: StaticArray<u32> = [address, count, CAP_CPUID_80000008_EAX];
  const limit: StaticArray<u32> = [address, count, CAP_BASIC];
  const where = "Where the " + area + " count is not 0, ";
  // A row carries both encodings, which have 16 bits each.
  const row = (address << 16) | count;
  rules.add(
    "control." + name + ".alignment",
    fields,
    (s: Subject): Tri => implies(isUsed(s), s.mustBeZero(addressOf(s), ALIGNMENT)),
    where + "bits 3:0 of the " + area + " address must be 0.",
    "Align the area to 16 bytes.",
    row,
  );
  rules.add(
    "control." + name + ".maxphyaddr",
    width,
    (s: Subject): Tri => implies(isUsed(s), s.mustBeWithinMaxphyaddr(addressOf(s))),
    where + "bits 63:N of the " + area + " address must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]).",
    "The field holds a physical address: translate the pointer first.",
    row,
  );
  rules.add(
    "control." + name + ".last-byte",
    width,
    (s: Subject): Tri => implies(isUsed(s), lastByteIsWithinMaxphyaddr(s)),
    where + "bits 63:N of the area's last address, its address + 16 * its count - 1, must be 0, where N is MAXPHYADDR.",
    "The count is of entries, not of bytes.",
    row,
  );
  rules.add(
    "control." + name + ".32-bit",
    limit,
    (s: Subject): Tri => implies(isUsed(s), isWithin32Bits(s)),
    where + "its area must lie below 4 GiB on a processor with IA32_VMX_BASIC[48] = 1.",
    "",
    row,
  );
}

function addressOf(s: Subject): u32 {
  return s.row >> 16;
}

function countOf(s: Subject): u32 {
  return s.row & 0xffff;
}

function isUsed(s: Subject): Tri {
  return not(s.is(countOf(s), 0));
}

/** The address of the last byte; for where both fields are known. */
function lastByte(s: Subject): u64 {
  return s.get(addressOf(s)) + ENTRY_BYTES * s.get(countOf(s)) - 1;
}

/** Judges the last byte of an area whose first one is within; the row of the address judges that. */
function lastByteIsWithinMaxphyaddr(s: Subject): Tri {
  if (!s.needs(addressOf(s)) || !s.needs(countOf(s))) return UNKNOWN;
  const isKnown = s.has(CAP_CPUID_80000008_EAX);
  const width = isKnown ? s.maxphyaddr : LARGEST_MAXPHYADDR;
  const last = lastByte(s);
  if (s.get(addressOf(s)) >> width != 0) return YES;
  if (last >> width != 0) return s.fails(countOf(s), REQUIRED_OTHERWISE, 0, 0);
  const length: u64 = 64 - clz(last);
  if (isKnown || length <= SMALLEST_MAXPHYADDR) return YES;
  return s.doubt(CAP_CPUID_80000008_EAX, DOUBT_MAXPHYADDR, length);
}

function isWithin32Bits(s: Subject): Tri {
  if (!s.needs(addressOf(s)) || !s.needs(countOf(s))) return UNKNOWN;
  const high = (s.get(addressOf(s)) | lastByte(s)) & ABOVE_4_GIB;
  if (high == 0) return YES;
  const isLimited = s.where(CAP_BASIC, VMX_BASIC_32_BIT_ADDRESSES);
  return isLimited == YES ? s.fails(addressOf(s), REQUIRED_OTHERWISE, 0, 0) : isLimited == NO ? YES : UNKNOWN;
}
