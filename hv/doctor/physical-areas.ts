// Areas of physical memory that end somewhere: what the rules on tables and lists ask of their last byte.

import { CAP_BASIC, CAP_CPUID_80000008_EAX } from "./inputs";
import { DOUBT_MAXPHYADDR, REQUIRED_OTHERWISE } from "./evidence";
import { Subject } from "./subject";
import { Tri, UNKNOWN, YES } from "./tri";
import { VMX_BASIC_32_BIT_ADDRESSES } from "../x86/vmx-capabilities";

const SMALLEST_MAXPHYADDR: u64 = 32;
const LARGEST_MAXPHYADDR: u64 = 52;

/**
 * The last of `length` bytes (1 or more) at the address that the field `input` holds has no bit at or above MAXPHYADDR,
 * and lies below 4 GiB where IA32_VMX_BASIC[48] is 1. The sum has as many bits as it needs (SDM 3C 27.2.1).
 */
export function areaMustLieInPhysicalAddresses(s: Subject, input: u32, length: u64): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const first = s.get(input);
  const last = first + (length - 1);
  const isKnown = s.has(CAP_CPUID_80000008_EAX);
  const width = isKnown ? s.maxphyaddr : LARGEST_MAXPHYADDR;
  if (last < first || last >> width != 0) return s.fails(input, REQUIRED_OTHERWISE, 0, 0);
  if (last >> SMALLEST_MAXPHYADDR == 0) return YES;
  const isLimited = s.where(CAP_BASIC, VMX_BASIC_32_BIT_ADDRESSES);
  if (isLimited == YES) return s.fails(input, REQUIRED_OTHERWISE, 0, 0);
  if (!isKnown) return s.doubt(CAP_CPUID_80000008_EAX, DOUBT_MAXPHYADDR, 64 - clz(last));
  return isLimited == UNKNOWN ? UNKNOWN : YES;
}
