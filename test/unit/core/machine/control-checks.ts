// Checks of VM entry on the control fields (SDM 3C 27.2.1): a broken rule is VM-instruction error 7.
import type { AllowedSettings, Capabilities } from "./capabilities.ts";
import { has } from "./bits.ts";
import type { EntryState, Rule } from "./entry-state.ts";
import { FEATURE_RULES } from "./feature-checks.ts";

const PAGE = 4096n;

function isAllowed(word: bigint, { ones, zeros }: AllowedSettings): boolean {
  return !has(word, ~ones) && (word & zeros) === zeros;
}

/** Why VM entry and INVEPT refuse an EPTP, or null (SDM 3C 27.2.1.1). */
export function eptPointerFailure(eptp: bigint, { eptVpid }: Capabilities, addressBits: number): string | null {
  const type = eptp & 7n;
  if (!((type === 0n && has(eptVpid, 1n << 8n)) || (type === 6n && has(eptVpid, 1n << 14n)))) return "memory type";
  if (((eptp >> 3n) & 7n) !== 3n || !has(eptVpid, 1n << 6n)) return "walk length";
  if (has(eptp, 1n << 6n) && !has(eptVpid, 1n << 21n)) return "accessed and dirty flags";
  if (has(eptp, 0xf80n) || eptp >> BigInt(addressBits) !== 0n) return "reserved bits";
  return null;
}

const isAligned = (s: EntryState, name: string): boolean => s.isPhysical(s.get(name), PAGE);

/** An MSR area: 16 bytes an entry, all of them within the CPU's addresses. */
function isMsrArea(s: EntryState, kind: string): boolean {
  const count = s.get(`${kind}_COUNT`);
  if (count === 0n) return true;
  const address = s.get(`${kind}_ADDRESS`);
  return s.isPhysical(address, 16n) && (address + count * 16n - 1n) >> BigInt(s.addressBits) === 0n;
}

const exceptionsWithErrorCode = new Set([8n, 10n, 11n, 12n, 13n, 14n, 17n]);

/** SDM 3C 27.2.1.3: the event that VM entry is to inject. */
function isInjectionGood(s: EntryState): boolean {
  const information = s.get("VM_ENTRY_INTERRUPTION_INFORMATION");
  if (!has(information, 1n << 31n)) return true;
  const vector = information & 0xffn;
  const type = (information >> 8n) & 7n;
  const delivers = has(information, 1n << 11n);
  const isProtected = has(s.get("GUEST_CR0"), 1n) || !s.secondary("UNRESTRICTED_GUEST");
  const wantsErrorCode = type === 3n && isProtected && exceptionsWithErrorCode.has(vector);
  const isSoftware = type >= 4n && type <= 6n;
  const length = isSoftware ? s.get("VM_ENTRY_INSTRUCTION_LENGTH") : 1n;
  const minimum = has(s.capabilities.misc, 1n << 30n) ? 0n : 1n;
  return (
    type !== 1n &&
    (type !== 7n || (vector === 0n && has(s.capabilities.primary.ones, 1n << 27n))) &&
    (type !== 2n || vector === 2n) &&
    (type !== 3n || vector <= 31n) &&
    delivers === wantsErrorCode &&
    !has(information, 0x7ffff000n) &&
    (!delivers || !has(s.get("VM_ENTRY_EXCEPTION_ERROR_CODE"), ~0xffffn)) &&
    length >= minimum &&
    length <= 15n
  );
}

const EXECUTION: readonly Rule[] = [
  ["27.2.1.1 pin-based controls", (s) => isAllowed(s.get("PIN_BASED_VM_EXECUTION_CONTROLS"), s.capabilities.pin)],
  [
    "27.2.1.1 primary controls",
    (s) => isAllowed(s.get("PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS"), s.capabilities.primary),
  ],
  [
    "27.2.1.1 secondary controls",
    (s) => !s.primary("ACTIVATE_SECONDARY_CONTROLS") || isAllowed(s.secondaryWord, s.capabilities.secondary),
  ],
  ["27.2.1.1 CR3-target count", (s) => s.get("CR3_TARGET_COUNT") <= ((s.capabilities.misc >> 16n) & 0x1ffn)],
  [
    "27.2.1.1 I/O bitmaps",
    (s) => !s.primary("USE_IO_BITMAPS") || (isAligned(s, "IO_BITMAP_A_ADDRESS") && isAligned(s, "IO_BITMAP_B_ADDRESS")),
  ],
  ["27.2.1.1 MSR bitmaps", (s) => !s.primary("USE_MSR_BITMAPS") || isAligned(s, "MSR_BITMAPS_ADDRESS")],
  ["27.2.1.1 virtual-APIC address", (s) => !s.primary("USE_TPR_SHADOW") || isAligned(s, "VIRTUAL_APIC_ADDRESS")],
  [
    "27.2.1.1 TPR threshold",
    (s) =>
      !s.primary("USE_TPR_SHADOW") || s.secondary("VIRTUAL_INTERRUPT_DELIVERY") || !has(s.get("TPR_THRESHOLD"), ~0xfn),
  ],
  ["27.2.1.1 virtual NMIs need NMI exiting", (s) => s.pin("NMI_EXITING") || !s.pin("VIRTUAL_NMIS")],
  ["27.2.1.1 NMI-window exiting needs virtual NMIs", (s) => s.pin("VIRTUAL_NMIS") || !s.primary("NMI_WINDOW_EXITING")],
  ["27.2.1.1 APIC accesses", (s) => !s.secondary("VIRTUALIZE_APIC_ACCESSES") || isAligned(s, "APIC_ACCESS_ADDRESS")],
  [
    "27.2.1.1 APIC virtualization needs the TPR shadow",
    (s) =>
      s.primary("USE_TPR_SHADOW") ||
      !(
        s.secondary("VIRTUALIZE_X2APIC_MODE") ||
        s.secondary("APIC_REGISTER_VIRTUALIZATION") ||
        s.secondary("VIRTUAL_INTERRUPT_DELIVERY")
      ),
  ],
  [
    "27.2.1.1 x2APIC mode excludes APIC accesses",
    (s) => !s.secondary("VIRTUALIZE_X2APIC_MODE") || !s.secondary("VIRTUALIZE_APIC_ACCESSES"),
  ],
  [
    "27.2.1.1 virtual-interrupt delivery needs external-interrupt exiting",
    (s) => !s.secondary("VIRTUAL_INTERRUPT_DELIVERY") || s.pin("EXTERNAL_INTERRUPT_EXITING"),
  ],
  [
    "27.2.1.1 posted interrupts",
    (s) =>
      !s.pin("PROCESS_POSTED_INTERRUPTS") ||
      (s.secondary("VIRTUAL_INTERRUPT_DELIVERY") && s.exit("ACKNOWLEDGE_INTERRUPT_ON_EXIT")),
  ],
  ["27.2.1.1 VPID", (s) => !s.secondary("ENABLE_VPID") || s.get("VIRTUAL_PROCESSOR_IDENTIFIER") !== 0n],
  [
    "27.2.1.1 EPTP",
    (s) =>
      !s.secondary("ENABLE_EPT") || eptPointerFailure(s.get("EPT_POINTER"), s.capabilities, s.addressBits) === null,
  ],
  [
    "27.2.1.1 PML needs EPT",
    (s) => !s.secondary("ENABLE_PML") || (s.secondary("ENABLE_EPT") && isAligned(s, "PML_ADDRESS")),
  ],
  ["27.2.1.1 unrestricted guest needs EPT", (s) => !s.secondary("UNRESTRICTED_GUEST") || s.secondary("ENABLE_EPT")],
  [
    "27.2.1.1 VM functions",
    (s) =>
      !s.secondary("ENABLE_VM_FUNCTIONS") ||
      !has(s.get("VM_FUNCTION_CONTROLS"), ~s.capabilities.value("IA32_VMX_VMFUNC")),
  ],
];

const EXIT: readonly Rule[] = [
  ["27.2.1.2 VM-exit controls", (s) => isAllowed(s.get("PRIMARY_VM_EXIT_CONTROLS"), s.capabilities.exit)],
  [
    "27.2.1.2 the preemption timer is saved only if it is active",
    (s) => s.pin("ACTIVATE_VMX_PREEMPTION_TIMER") || !s.exit("SAVE_VMX_PREEMPTION_TIMER_VALUE"),
  ],
  ["27.2.1.2 MSR-store area", (s) => isMsrArea(s, "VM_EXIT_MSR_STORE")],
  ["27.2.1.2 MSR-load area", (s) => isMsrArea(s, "VM_EXIT_MSR_LOAD")],
];

const ENTRY: readonly Rule[] = [
  ["27.2.1.3 VM-entry controls", (s) => isAllowed(s.get("VM_ENTRY_CONTROLS"), s.capabilities.entry)],
  ["27.2.1.3 injected event", isInjectionGood],
  ["27.2.1.3 MSR-load area", (s) => isMsrArea(s, "VM_ENTRY_MSR_LOAD")],
  [
    "27.2.1.3 no entry to SMM outside SMM",
    (s) => !s.entry("ENTRY_TO_SMM") && !s.entry("DEACTIVATE_DUAL_MONITOR_TREATMENT"),
  ],
];

export const CONTROL_RULES: readonly Rule[] = [...EXECUTION, ...FEATURE_RULES, ...EXIT, ...ENTRY];
