// Whether an interrupt message's destination is the one processor of the VM, whose APIC ID is 0 (SDM 3A 11.6.2).

import { X2APIC_BROADCAST, XAPIC_BROADCAST } from "../../../x86/apic";

/** In x2APIC mode the logical ID follows from the ID: member 0 of cluster 0 (SDM 3A 11.12.10.2). */
export const X2APIC_LOGICAL_ID: u32 = 1;
const X2APIC_MEMBERS: u32 = 0xffff;

/** DFR bits 31:28: the flat model; 0 is the cluster model. */
const FLAT_MODEL: u32 = 0xf;

/** Whether `destination` of 8 bits names this processor in xAPIC mode; `logicalId` and `model` are LDR and DFR. */
export function isXApicDestination(destination: u32, isLogical: bool, logicalId: u32, model: u32): bool {
  if (destination == XAPIC_BROADCAST) return true;
  if (!isLogical) return destination == 0;
  const both = destination & (logicalId >> 24);
  if (model >> 28 == FLAT_MODEL) return both != 0;
  // Bits 7:4 are the cluster's number, bits 3:0 a bit for each member.
  return ((destination ^ (logicalId >> 24)) & 0xf0) == 0 && (both & 0x0f) != 0;
}

/** Whether `destination` of 32 bits names this processor in x2APIC mode. */
export function isX2ApicDestination(destination: u32, isLogical: bool): bool {
  if (destination == X2APIC_BROADCAST) return true;
  if (!isLogical) return destination == 0;
  return (destination & ~X2APIC_MEMBERS) == 0 && (destination & X2APIC_LOGICAL_ID) != 0;
}
