// Physical addresses in a VMCB: what rules ask of structures that end somewhere.

import { DOUBT_MAXPHYADDR, REQUIRED_OTHERWISE } from "../evidence";
import { CAP_CPUID_80000008_EAX } from "../inputs";
import { Subject } from "../subject";
import { Tri, UNKNOWN, YES } from "../tri";

const PAGE_OFFSET: u64 = 0xfff;
const SMALLEST_MAXPHYADDR: u64 = 32;
const LARGEST_MAXPHYADDR: u64 = 52;

/** The last of `length` bytes from the page that `input` names on lies below 2^MAXPHYADDR; bits 11:0 do not count. */
export function pagesMustLieInPhysicalAddresses(s: Subject, input: u32, length: u64): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const first = s.get(input) & ~PAGE_OFFSET;
  const last = first + (length - 1);
  const isKnown = s.has(CAP_CPUID_80000008_EAX);
  const width = isKnown ? s.maxphyaddr : LARGEST_MAXPHYADDR;
  if (last < first || last >> width != 0) return s.fails(input, REQUIRED_OTHERWISE, 0, 0);
  if (isKnown || last >> SMALLEST_MAXPHYADDR == 0) return YES;
  return s.doubt(CAP_CPUID_80000008_EAX, DOUBT_MAXPHYADDR, 64 - clz(last));
}
