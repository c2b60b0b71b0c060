// A second walker of a guest's page tables, written from SDM 3A 4.2 to 4.8 as bigint figures. It shares nothing with hv/.

/** What of the CPU decides about a linear address, and the memory that its tables lie in. */
export interface Processor {
  /** CR0.PG, CR0.WP, CR4.PAE, … and RFLAGS.AC as truth values. */
  PG: boolean;
  WP: boolean;
  PSE: boolean;
  PAE: boolean;
  LA57: boolean;
  SMEP: boolean;
  SMAP: boolean;
  LMA: boolean;
  NXE: boolean;
  AC: boolean;
  cr3: bigint;
  pdptes: readonly bigint[];
  maxPhysicalAddressBits: number;
  has1GibPages: boolean;
  /** Reads an entry; all ones where there is no RAM. */
  read(address: bigint, bytes: 4 | 8): bigint;
}

export interface Access {
  kind: "read" | "write" | "fetch";
  isUser: boolean;
  isImplicit: boolean;
}

export type Result =
  | { kind: "page"; physical: bigint; /** Bytes that get flags, and which. */ flags: Map<bigint, bigint> }
  | { kind: "fault"; errorCode: number };

interface Used {
  address: bigint;
  entry: bigint;
}

/** Bits high to low of a value. */
function field(value: bigint, high: number, low: number): bigint {
  return high < low ? 0n : (value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
}

function bit(value: bigint, index: number): boolean {
  return field(value, index, index) === 1n;
}

export function model(cpu: Processor, linear: bigint, access: Access): Result {
  if (!cpu.PG) return { kind: "page", physical: linear, flags: new Map() };
  const fault = (present: boolean, reserved: boolean): Result => {
    let errorCode = present ? 1 : 0;
    if (access.kind === "write") errorCode += 2;
    if (access.isUser) errorCode += 4;
    if (reserved) errorCode += 8;
    if (access.kind === "fetch" && (cpu.SMEP || (cpu.PAE && cpu.NXE))) errorCode += 16;
    return { kind: "fault", errorCode };
  };

  const used: Used[] = [];
  let physical = 0n;
  if (!cpu.PAE) {
    // Tables 4-4 to 4-6.
    const pdeAddress = (field(cpu.cr3, 31, 12) << 12n) | (field(linear, 31, 22) << 2n);
    const pde = cpu.read(pdeAddress, 4);
    if (!bit(pde, 0)) return fault(false, false);
    used.push({ address: pdeAddress, entry: pde });
    if (bit(pde, 7) && cpu.PSE) {
      const M = cpu.maxPhysicalAddressBits < 40 ? cpu.maxPhysicalAddressBits : 40;
      if (field(pde, 21, M - 19) !== 0n) return fault(true, true);
      physical = (field(pde, M - 20, 13) << 32n) | (field(pde, 31, 22) << 22n) | field(linear, 21, 0);
    } else {
      const pteAddress = (field(pde, 31, 12) << 12n) | (field(linear, 21, 12) << 2n);
      const pte = cpu.read(pteAddress, 4);
      if (!bit(pte, 0)) return fault(false, false);
      used.push({ address: pteAddress, entry: pte });
      physical = (field(pte, 31, 12) << 12n) | field(linear, 11, 0);
    }
  } else {
    // Tables 4-8 to 4-20. A level is known by the lowest bit of the linear address that selects its entry.
    let table: bigint;
    let levels: number[];
    if (cpu.LMA) {
      table = cpu.cr3;
      levels = cpu.LA57 ? [48, 39, 30, 21, 12] : [39, 30, 21, 12];
    } else {
      const pdpte = cpu.pdptes[Number(field(linear, 31, 30))] as bigint;
      if (!bit(pdpte, 0)) return fault(false, false);
      table = pdpte;
      levels = [21, 12];
    }
    for (const low of levels) {
      const address = (field(table, 51, 12) << 12n) | (field(linear, low + 8, low) << 3n);
      const entry = cpu.read(address, 8);
      if (!bit(entry, 0)) return fault(false, false);
      let reserved = field(entry, cpu.LMA ? 51 : 62, cpu.maxPhysicalAddressBits) !== 0n;
      if (bit(entry, 63) && !cpu.NXE) reserved = true;
      if (bit(entry, 7) && (low === 48 || low === 39)) reserved = true;
      if (bit(entry, 7) && low === 30 && !cpu.has1GibPages) reserved = true;
      const mapsPage = low === 12 || (bit(entry, 7) && low <= 30);
      if (mapsPage && low > 12 && field(entry, low - 1, 13) !== 0n) reserved = true;
      if (reserved) return fault(true, true);
      used.push({ address, entry });
      table = entry;
      if (mapsPage) {
        physical = (field(entry, 51, low) << BigInt(low)) | field(linear, low - 1, 0);
        break;
      }
    }
  }

  // Section 4.6.1: rights by the address's mode and the access's.
  const isUserAddress = used.every(({ entry }) => bit(entry, 2));
  const isWritable = used.every(({ entry }) => bit(entry, 1));
  const isExecutable = !cpu.PAE || !cpu.NXE || used.every(({ entry }) => !bit(entry, 63));
  let allowed: boolean;
  if (access.isUser) {
    allowed = isUserAddress;
    if (access.kind === "write") allowed &&= isWritable;
    if (access.kind === "fetch") allowed &&= isExecutable;
  } else if (access.kind === "fetch") {
    allowed = isExecutable && !(isUserAddress && cpu.SMEP);
  } else {
    allowed = true;
    if (isUserAddress && cpu.SMAP) allowed = cpu.AC && !access.isImplicit;
    if (access.kind === "write" && cpu.WP) allowed &&= isWritable;
  }
  if (!allowed) return fault(true, false);

  const flags = new Map<bigint, bigint>();
  used.forEach(({ address }, i) => {
    const dirty = i === used.length - 1 && access.kind === "write" ? 0x40n : 0n;
    flags.set(address, (flags.get(address) ?? 0n) | 0x20n | dirty);
  });
  return { kind: "page", physical, flags };
}
