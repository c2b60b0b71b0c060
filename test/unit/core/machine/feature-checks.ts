// Checks of VM entry on what newer VM-execution controls point to (SDM 3C 27.2.1.1).
import { has } from "./bits.ts";
import type { EntryState, Rule } from "./entry-state.ts";

const PAGE = 4096n;
const VTPR = 0x80n;
const EPTP_SWITCHING = 1n;

/** A page-aligned address within the CPU's addresses, where `isUsed`. */
function page(name: string, isUsed: (s: EntryState) => boolean): Rule {
  return [`27.2.1.1 ${name}`, (s) => !isUsed(s) || s.isPhysical(s.get(name), PAGE)];
}

/** Without what else would catch it, the TPR threshold may not be above the virtual TPR's class. */
function isThresholdReached(s: EntryState): boolean {
  if (!s.primary("USE_TPR_SHADOW")) return true;
  if (s.secondary("VIRTUALIZE_APIC_ACCESSES") || s.secondary("VIRTUAL_INTERRUPT_DELIVERY")) return true;
  const vtpr = s.memory.read32(s.get("VIRTUAL_APIC_ADDRESS") + VTPR) & 0xff;
  return (s.get("TPR_THRESHOLD") & 0xfn) <= BigInt(vtpr >> 4);
}

const switchesEptp = (s: EntryState): boolean =>
  s.secondary("ENABLE_VM_FUNCTIONS") && has(s.get("VM_FUNCTION_CONTROLS"), EPTP_SWITCHING);

/** They presume that the virtual-APIC address itself is good. */
export const FEATURE_RULES: readonly Rule[] = [
  ["27.2.1.1 TPR threshold and VTPR", isThresholdReached],
  page("VMREAD_BITMAP_ADDRESS", (s) => s.secondary("VMCS_SHADOWING")),
  page("VMWRITE_BITMAP_ADDRESS", (s) => s.secondary("VMCS_SHADOWING")),
  page("VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS", (s) => s.secondary("EPT_VIOLATION_VE")),
  page("EPTP_LIST_ADDRESS", switchesEptp),
  ["27.2.1.1 EPTP switching needs EPT", (s) => !switchesEptp(s) || s.secondary("ENABLE_EPT")],
  page("SUB_PAGE_PERMISSION_TABLE_POINTER", (s) => s.secondary("SUB_PAGE_WRITE_PERMISSIONS_FOR_EPT")),
  [
    "27.2.1.1 sub-page permissions need EPT",
    (s) => !s.secondary("SUB_PAGE_WRITE_PERMISSIONS_FOR_EPT") || s.secondary("ENABLE_EPT"),
  ],
  ["27.2.1.1 TSC multiplier", (s) => !s.secondary("USE_TSC_SCALING") || s.get("TSC_MULTIPLIER") !== 0n],
];
