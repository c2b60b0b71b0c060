// What a vCPU's controls let its guest use, as hv/core/cpu asks it.

import {
  ENTRY_LOAD_IA32_EFER,
  ENTRY_LOAD_IA32_PAT,
  EXIT_SAVE_IA32_EFER,
  EXIT_SAVE_IA32_PAT,
  PRIMARY_USE_TSC_OFFSETTING,
  SECONDARY_ENABLE_INVPCID,
  SECONDARY_ENABLE_RDTSCP,
} from "../../x86/vmx-controls";
import {
  FEATURE_INVPCID,
  FEATURE_OWN_EFER,
  FEATURE_OWN_PAT,
  FEATURE_RDTSCP,
  FEATURE_TSC_OFFSET,
} from "../cpu/features";
import { ExecutionControls } from "./execution-controls";

/** FEATURE_* of a VM with these controls. */
export function guestFeatures(controls: ExecutionControls): u32 {
  let features: u32 = 0;
  if (controls.secondary.has(SECONDARY_ENABLE_RDTSCP)) features |= FEATURE_RDTSCP;
  if (controls.secondary.has(SECONDARY_ENABLE_INVPCID)) features |= FEATURE_INVPCID;
  if (controls.primary.has(PRIMARY_USE_TSC_OFFSETTING)) features |= FEATURE_TSC_OFFSET;
  const savesEfer = controls.exit.has(EXIT_SAVE_IA32_EFER);
  if (savesEfer && controls.entry.has(ENTRY_LOAD_IA32_EFER)) features |= FEATURE_OWN_EFER;
  const savesPat = controls.exit.has(EXIT_SAVE_IA32_PAT);
  if (savesPat && controls.entry.has(ENTRY_LOAD_IA32_PAT)) features |= FEATURE_OWN_PAT;
  return features;
}
