// Checks of VM entry on the guest state (SDM 3C 27.3.1): a broken rule is exit reason 33 with bit 31 set.
import { has, isCanonical, isPat } from "./bits.ts";
import { NON_REGISTER, injectedType, EXTERNAL_INTERRUPT } from "./non-register-checks.ts";
import { isVirtual8086, VIRTUAL_8086_RULES } from "./virtual-8086-checks.ts";
import type { EntryState, Rule } from "./entry-state.ts";

const CR0_PE = 1n;
const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;
const CR4_PCIDE = 1n << 17n;
const EFER_BITS = 0xd01n;
const EFER_LME = 1n << 8n;
const EFER_LMA = 1n << 10n;
const RFLAGS_ALWAYS_ONE = 2n;
const RFLAGS_IF = 1n << 9n;
const RFLAGS_VM = 1n << 17n;
const RFLAGS_RESERVED = ~0x3f7fd7n;

const UNUSABLE = 1n << 16n;
const PRESENT = 1n << 7n;
const CODE_OR_DATA = 1n << 4n;
const LONG = 1n << 13n;
const DEFAULT_32 = 1n << 14n;
const GRANULARITY = 1n << 15n;
const RESERVED_RIGHTS = 0xfffe0f00n;

const rights = (s: EntryState, name: string): bigint => s.get(`GUEST_${name}_ACCESS_RIGHTS`);
const isUsable = (s: EntryState, name: string): boolean => !has(rights(s, name), UNUSABLE);
const typeOf = (s: EntryState, name: string): bigint => rights(s, name) & 0xfn;
const dpl = (s: EntryState, name: string): bigint => (rights(s, name) >> 5n) & 3n;
const rpl = (s: EntryState, name: string): bigint => s.get(`GUEST_${name}_SELECTOR`) & 3n;
const base = (s: EntryState, name: string): bigint => s.get(`GUEST_${name}_BASE`);
const isLongMode = (s: EntryState): boolean => s.entry("IA32E_MODE_GUEST");
const isUnrestricted = (s: EntryState): boolean => s.secondary("UNRESTRICTED_GUEST");

/** The granularity bit agrees with the limit. */
function isLimitGood(s: EntryState, name: string): boolean {
  const limit = s.get(`GUEST_${name}_LIMIT`);
  const isInPages = has(rights(s, name), GRANULARITY);
  return (isInPages || !has(limit, 0xfff00000n)) && (!isInPages || (limit & 0xfffn) === 0xfffn);
}

function isControlRegisterGood(s: EntryState, register: "CR0" | "CR4"): boolean {
  const value = s.get(`GUEST_${register}`);
  const exempt = register === "CR0" && isUnrestricted(s) ? CR0_PE | CR0_PG : 0n;
  const fixed0 = s.capabilities.value(`IA32_VMX_${register}_FIXED0`) & ~exempt;
  return (value & fixed0) === fixed0 && !has(value, ~s.capabilities.value(`IA32_VMX_${register}_FIXED1`));
}

function isEferGood(s: EntryState): boolean {
  if (!s.entry("LOAD_IA32_EFER")) return true;
  const efer = s.get("GUEST_IA32_EFER");
  const isActive = has(efer, EFER_LMA);
  const pagingAgrees = !has(s.get("GUEST_CR0"), CR0_PG) || isActive === has(efer, EFER_LME);
  return !has(efer, ~EFER_BITS) && isActive === isLongMode(s) && pagingAgrees;
}

const CPUID_RTM = 1 << 11;
const PERF_CAPABILITIES_FREEZE_IN_SMM = 1n << 12n;

/** Bits 2 (bus locks, which no model has), 5:3 and 63:16 are reserved, 14 and 15 where their features are missing. */
function isDebugctlGood(s: EntryState): boolean {
  if (!s.entry("LOAD_DEBUG_CONTROLS")) return true;
  const hasRtm = (s.model.leaf(7)[1] & CPUID_RTM) !== 0;
  const freezes = has(s.capabilities.value("IA32_PERF_CAPABILITIES"), PERF_CAPABILITIES_FREEZE_IN_SMM);
  const allowed = 0x3fc3n | (hasRtm ? 1n << 15n : 0n) | (freezes ? 1n << 14n : 0n);
  return !has(s.get("GUEST_IA32_DEBUGCTL"), ~allowed);
}

const REGISTERS: readonly Rule[] = [
  ["27.3.1.1 CR0", (s) => isControlRegisterGood(s, "CR0")],
  ["27.3.1.1 paging needs protection", (s) => !has(s.get("GUEST_CR0"), CR0_PG) || has(s.get("GUEST_CR0"), CR0_PE)],
  ["27.3.1.1 CR4", (s) => isControlRegisterGood(s, "CR4")],
  ["27.3.1.1 DEBUGCTL", isDebugctlGood],
  [
    "27.3.1.1 IA-32e mode needs PG and PAE",
    (s) => !isLongMode(s) || (has(s.get("GUEST_CR0"), CR0_PG) && has(s.get("GUEST_CR4"), CR4_PAE)),
  ],
  ["27.3.1.1 PCIDE needs IA-32e mode", (s) => isLongMode(s) || !has(s.get("GUEST_CR4"), CR4_PCIDE)],
  ["27.3.1.1 CR3", (s) => s.get("GUEST_CR3") >> BigInt(s.addressBits) === 0n],
  ["27.3.1.1 DR7", (s) => !s.entry("LOAD_DEBUG_CONTROLS") || s.get("GUEST_DR7") >> 32n === 0n],
  [
    "27.3.1.1 SYSENTER",
    (s) => isCanonical(s.get("GUEST_IA32_SYSENTER_ESP")) && isCanonical(s.get("GUEST_IA32_SYSENTER_EIP")),
  ],
  ["27.3.1.1 PAT", (s) => !s.entry("LOAD_IA32_PAT") || isPat(s.get("GUEST_IA32_PAT"))],
  ["27.3.1.1 EFER", isEferGood],
];

const DATA = ["DS", "ES", "FS", "GS"] as const;
const usableData = (s: EntryState): string[] => DATA.filter((name) => isUsable(s, name));
const CODE_TYPES = [9n, 11n, 13n, 15n];

function isCodeTypeGood(s: EntryState): boolean {
  const type = typeOf(s, "CS");
  return CODE_TYPES.includes(type) || (type === 3n && isUnrestricted(s));
}

function isCodeDplGood(s: EntryState): boolean {
  const type = typeOf(s, "CS");
  if (type === 3n) return dpl(s, "CS") === 0n;
  return type === 9n || type === 11n ? dpl(s, "CS") === dpl(s, "SS") : dpl(s, "CS") <= dpl(s, "SS");
}

function isStackDplGood(s: EntryState): boolean {
  const isReal = typeOf(s, "CS") === 3n || !has(s.get("GUEST_CR0"), CR0_PE);
  return (isUnrestricted(s) || dpl(s, "SS") === rpl(s, "SS")) && (!isReal || dpl(s, "SS") === 0n);
}

function isDataTypeGood(type: bigint): boolean {
  const isCode = has(type, 8n);
  return has(type, 1n) && (!isCode || has(type, 2n));
}

const SEGMENTS: readonly Rule[] = [
  ["27.3.1.2 SS selector", (s) => isUnrestricted(s) || rpl(s, "SS") === rpl(s, "CS")],
  ["27.3.1.2 bases of FS and GS", (s) => ["FS", "GS"].every((name) => isCanonical(base(s, name)))],
  ["27.3.1.2 base of CS", (s) => base(s, "CS") >> 32n === 0n],
  [
    "27.3.1.2 bases of SS, DS and ES",
    (s) => ["SS", "DS", "ES"].every((name) => !isUsable(s, name) || base(s, name) >> 32n === 0n),
  ],
  ["27.3.1.2 CS type", isCodeTypeGood],
  ["27.3.1.2 SS type", (s) => !isUsable(s, "SS") || [3n, 7n].includes(typeOf(s, "SS"))],
  ["27.3.1.2 data types", (s) => usableData(s).every((name) => isDataTypeGood(typeOf(s, name)))],
  [
    "27.3.1.2 S",
    (s) =>
      has(rights(s, "CS"), CODE_OR_DATA) &&
      ["SS", ...DATA].every((name) => !isUsable(s, name) || has(rights(s, name), CODE_OR_DATA)),
  ],
  ["27.3.1.2 CS DPL", isCodeDplGood],
  ["27.3.1.2 SS DPL", isStackDplGood],
  [
    "27.3.1.2 data DPL",
    (s) => isUnrestricted(s) || usableData(s).every((name) => typeOf(s, name) > 11n || dpl(s, name) >= rpl(s, name)),
  ],
  [
    "27.3.1.2 P",
    (s) =>
      has(rights(s, "CS"), PRESENT) &&
      ["SS", ...DATA].every((name) => !isUsable(s, name) || has(rights(s, name), PRESENT)),
  ],
  [
    "27.3.1.2 reserved bits",
    (s) =>
      !has(rights(s, "CS"), RESERVED_RIGHTS) &&
      ["SS", ...DATA].every((name) => !isUsable(s, name) || !has(rights(s, name), RESERVED_RIGHTS)),
  ],
  ["27.3.1.2 CS D", (s) => !isLongMode(s) || !has(rights(s, "CS"), LONG) || !has(rights(s, "CS"), DEFAULT_32)],
  [
    "27.3.1.2 limits",
    (s) => isLimitGood(s, "CS") && ["SS", ...DATA].every((name) => !isUsable(s, name) || isLimitGood(s, name)),
  ],
];

const SYSTEM_SEGMENTS: readonly Rule[] = [
  ["27.3.1.2 TR selector", (s) => !has(s.get("GUEST_TR_SELECTOR"), 4n)],
  ["27.3.1.2 LDTR selector", (s) => !isUsable(s, "LDTR") || !has(s.get("GUEST_LDTR_SELECTOR"), 4n)],
  ["27.3.1.2 base of TR", (s) => isCanonical(base(s, "TR"))],
  ["27.3.1.2 base of LDTR", (s) => !isUsable(s, "LDTR") || isCanonical(base(s, "LDTR"))],
  ["27.3.1.2 TR type", (s) => typeOf(s, "TR") === 11n || (!isLongMode(s) && typeOf(s, "TR") === 3n)],
  [
    "27.3.1.2 TR",
    (s) =>
      isUsable(s, "TR") &&
      !has(rights(s, "TR"), CODE_OR_DATA | RESERVED_RIGHTS) &&
      has(rights(s, "TR"), PRESENT) &&
      isLimitGood(s, "TR"),
  ],
  [
    "27.3.1.2 LDTR",
    (s) =>
      !isUsable(s, "LDTR") ||
      (typeOf(s, "LDTR") === 2n &&
        !has(rights(s, "LDTR"), CODE_OR_DATA | RESERVED_RIGHTS) &&
        has(rights(s, "LDTR"), PRESENT) &&
        isLimitGood(s, "LDTR")),
  ],
  ["27.3.1.3 bases of GDTR and IDTR", (s) => isCanonical(base(s, "GDTR")) && isCanonical(base(s, "IDTR"))],
  ["27.3.1.3 limits of GDTR and IDTR", (s) => !has(s.get("GUEST_GDTR_LIMIT") | s.get("GUEST_IDTR_LIMIT"), 0xffff0000n)],
];

/** Bits 63:48 are alike in 64-bit mode; that bit 47 equals them is not demanded. */
function isRipGood(s: EntryState): boolean {
  const upper = s.get("GUEST_RIP") >> 48n;
  if (isLongMode(s) && has(rights(s, "CS"), LONG)) return upper === 0n || upper === 0xffffn;
  return s.get("GUEST_RIP") >> 32n === 0n;
}

const RIP_AND_RFLAGS: readonly Rule[] = [
  ["27.3.1.4 RIP", isRipGood],
  [
    "27.3.1.4 RFLAGS",
    (s) => !has(s.get("GUEST_RFLAGS"), RFLAGS_RESERVED) && has(s.get("GUEST_RFLAGS"), RFLAGS_ALWAYS_ONE),
  ],
  [
    "27.3.1.4 RFLAGS.VM",
    (s) => !has(s.get("GUEST_RFLAGS"), RFLAGS_VM) || (!isLongMode(s) && has(s.get("GUEST_CR0"), CR0_PE)),
  ],
  [
    "27.3.1.4 RFLAGS.IF for an external interrupt",
    (s) => injectedType(s) !== EXTERNAL_INTERRUPT || has(s.get("GUEST_RFLAGS"), RFLAGS_IF),
  ],
];

/** The segment registers' rules for a guest that is not in virtual-8086 mode, and those of one that is. */
const OUTSIDE_VIRTUAL_8086: readonly Rule[] = SEGMENTS.map(([name, isKept]) => [
  name,
  (s) => isVirtual8086(s) || isKept(s),
]);

export const GUEST_RULES: readonly Rule[] = [
  ...REGISTERS,
  ...OUTSIDE_VIRTUAL_8086,
  ...VIRTUAL_8086_RULES,
  ...SYSTEM_SEGMENTS,
  ...RIP_AND_RFLAGS,
  ...NON_REGISTER,
];
