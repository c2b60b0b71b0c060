// Checks of VM entry on the host state (SDM 3C 27.2.2 to 27.2.4): a broken rule is VM-instruction error 8.
import { has, isCanonical, isPat } from "./bits.ts";
import type { EntryState, Rule } from "./entry-state.ts";

const SEGMENTS = ["ES", "CS", "SS", "DS", "FS", "GS", "TR"] as const;
const EFER_BITS = 0xd01n;
const EFER_LME = 1n << 8n;
const EFER_LMA = 1n << 10n;
const CR4_PAE = 1n << 5n;
const CR4_PCIDE = 1n << 17n;

function isFixedRight(s: EntryState, register: "CR0" | "CR4"): boolean {
  const value = s.get(`HOST_${register}`);
  const fixed0 = s.capabilities.value(`IA32_VMX_${register}_FIXED0`);
  return (value & fixed0) === fixed0 && !has(value, ~s.capabilities.value(`IA32_VMX_${register}_FIXED1`));
}

function isEferGood(s: EntryState): boolean {
  if (!s.exit("LOAD_IA32_EFER")) return true;
  const efer = s.get("HOST_IA32_EFER");
  const is64Bit = s.exit("HOST_ADDRESS_SPACE_SIZE");
  return !has(efer, ~EFER_BITS) && has(efer, EFER_LMA) === is64Bit && has(efer, EFER_LME) === is64Bit;
}

const canonicalFields = ["FS_BASE", "GS_BASE", "TR_BASE", "GDTR_BASE", "IDTR_BASE"] as const;

export const HOST_RULES: readonly Rule[] = [
  ["27.2.2 CR0", (s) => isFixedRight(s, "CR0")],
  ["27.2.2 CR4", (s) => isFixedRight(s, "CR4")],
  ["27.2.2 CR3", (s) => s.get("HOST_CR3") >> BigInt(s.addressBits) === 0n],
  [
    "27.2.2 SYSENTER",
    (s) => isCanonical(s.get("HOST_IA32_SYSENTER_ESP")) && isCanonical(s.get("HOST_IA32_SYSENTER_EIP")),
  ],
  ["27.2.2 PAT", (s) => !s.exit("LOAD_IA32_PAT") || isPat(s.get("HOST_IA32_PAT"))],
  ["27.2.2 EFER", isEferGood],
  ["27.2.3 RPL and TI are 0", (s) => SEGMENTS.every((name) => !has(s.get(`HOST_${name}_SELECTOR`), 7n))],
  ["27.2.3 CS and TR", (s) => s.get("HOST_CS_SELECTOR") !== 0n && s.get("HOST_TR_SELECTOR") !== 0n],
  ["27.2.3 SS", (s) => s.exit("HOST_ADDRESS_SPACE_SIZE") || s.get("HOST_SS_SELECTOR") !== 0n],
  ["27.2.3 bases are canonical", (s) => canonicalFields.every((name) => isCanonical(s.get(`HOST_${name}`)))],
  // Basalt's host is always in IA-32e mode.
  ["27.2.4 a host in IA-32e mode is of 64 bits", (s) => s.exit("HOST_ADDRESS_SPACE_SIZE")],
  ["27.2.4 CR4.PAE", (s) => has(s.get("HOST_CR4"), CR4_PAE)],
  ["27.2.4 RIP", (s) => isCanonical(s.get("HOST_RIP"))],
  ["27.2.4 PCIDE", (s) => s.exit("HOST_ADDRESS_SPACE_SIZE") || !has(s.get("HOST_CR4"), CR4_PCIDE)],
];
