// What the exit qualification says of a VM entry that failed by its guest state or by loading MSRs (SDM 3C 27.8).

import { EXIT_REASON_INVALID_GUEST_STATE, EXIT_REASON_MSR_LOADING } from "./exit-reasons";

const NAMES: StaticArray<string> = [
  "no more is said",
  "unknown",
  "a PDPTE is not valid",
  "an NMI is to be injected while events are blocked by STI",
  "the VMCS link pointer is not valid",
];

/**
 * What exit qualification `qualification` means with basic exit reason `basic`. Of a failure to load MSRs it is the
 * number of the entry, counted from 1. "" for other reasons, which are told by their qualification alone.
 */
export function entryFailureDetail(basic: u32, qualification: u64): string {
  if (basic == EXIT_REASON_MSR_LOADING) return "the entry of the VM-entry MSR-load area that failed, counted from 1";
  if (basic != EXIT_REASON_INVALID_GUEST_STATE) return "";
  return qualification < <u64>NAMES.length ? NAMES[<i32>qualification] : "unknown";
}
