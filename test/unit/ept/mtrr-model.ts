// MTRRs as a test sets them, and the type that they give one page, written from SDM 3A 12.11 for one page at a time.

export interface VariableRange {
  base: bigint;
  mask: bigint;
  type: number;
  isValid: boolean;
}

export interface MtrrSettings {
  isEnabled: boolean;
  isFixedEnabled: boolean;
  hasFixed: boolean;
  defaultType: number;
  /** 88 types: 8 of 64 KiB, 16 of 16 KiB, 64 of 4 KiB. */
  fixedTypes: number[];
  variable: VariableRange[];
}

const FIXED_MSRS = [0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f];

/** Settings with one default type and nothing else. */
export function plainMtrrs(defaultType: number): MtrrSettings {
  return {
    isEnabled: true,
    isFixedEnabled: false,
    hasFixed: true,
    defaultType,
    fixedTypes: new Array<number>(88).fill(0),
    variable: [],
  };
}

/** A variable range of `bytes` (a power of two) at `base`, for a processor with `addressBits` of MAXPHYADDR. */
export function range(base: bigint, bytes: bigint, type: number, addressBits: number): VariableRange {
  return { base, mask: ((1n << BigInt(addressBits)) - 1n) & ~(bytes - 1n), type, isValid: true };
}

/** The MSRs that hold these settings. Reading any other MSR fails, as it would on a processor. */
export function mtrrMsrs(settings: MtrrSettings): Map<number, bigint> {
  const msrs = new Map<number, bigint>();
  msrs.set(0xfe, BigInt(settings.variable.length) | (settings.hasFixed ? 1n << 8n : 0n));
  const enable = (settings.isEnabled ? 1n << 11n : 0n) | (settings.isFixedEnabled ? 1n << 10n : 0n);
  msrs.set(0x2ff, BigInt(settings.defaultType) | enable);
  if (settings.hasFixed) {
    FIXED_MSRS.forEach((msr, n) => {
      const types = settings.fixedTypes.slice(8 * n, 8 * n + 8);
      msrs.set(
        msr,
        types.reduceRight((value, type) => (value << 8n) | BigInt(type), 0n),
      );
    });
  }
  settings.variable.forEach((range, n) => {
    msrs.set(0x200 + 2 * n, range.base | BigInt(range.type));
    msrs.set(0x201 + 2 * n, range.mask | (range.isValid ? 1n << 11n : 0n));
  });
  return msrs;
}

/** The type of one page; -1 where the SDM leaves the overlap undefined. */
export function mtrrTypeOfPage(settings: MtrrSettings, address: bigint): number {
  if (!settings.isEnabled) return 0;
  if (settings.hasFixed && settings.isFixedEnabled && address < 0x100000n) {
    const at = Number(address);
    if (at < 0x80000) return settings.fixedTypes[Math.floor(at / 0x10000)] as number;
    if (at < 0xc0000) return settings.fixedTypes[8 + Math.floor((at - 0x80000) / 0x4000)] as number;
    return settings.fixedTypes[24 + Math.floor((at - 0xc0000) / 0x1000)] as number;
  }
  const matches = settings.variable
    .filter((range) => range.isValid && (address & range.mask) === (range.base & range.mask))
    .map((range) => range.type);
  const types = new Set(matches);
  if (types.size === 0) return settings.defaultType;
  if (types.size === 1) return matches[0] as number;
  if (types.has(0)) return 0;
  return types.size === 2 && types.has(4) && types.has(6) ? 4 : -1;
}
