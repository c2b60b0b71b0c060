// What boot/ leaves in the image for the host: descriptor tables, page tables, and the code of the guests that mirror it.
import { ByteWriter } from "./byte-writer.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

export const GDT = { base: 0x110000n, limit: 0x27 } as const;
export const IDT = { base: 0x111000n, limit: 0xfff } as const;
export const TSS = { base: 0x112000n, limit: 0x67 } as const;
/** CR3: the first GiB mapped to itself. */
export const PML4 = 0x120000n;
export const MIRROR_CODE = 0x104f90n;

/** ES, CS, SS, DS, FS, GS, LDTR, TR: as boot/entry.asm and boot/runtime/traps.c load them. */
export const SELECTORS: readonly bigint[] = [0x10n, 0x08n, 0x10n, 0x10n, 0n, 0n, 0n, 0x18n];

/** boot/vm_entry.asm's vm_mirror; test/unit/core/guests.test.ts holds the bytes against ndisasm. */
export const mirrorCode = Uint8Array.from([
  ...[0xe3, 0x04, 0x0f, 0x31, 0xe2, 0xfa],
  ...[0x85, 0xdb, 0x75, 0x03, 0x0f, 0x01, 0xc1, 0x0f, 0x01, 0xd9],
]);

const CODE = 0x00af9b000000ffffn;
const DATA = 0x00cf93000000ffffn;
const BUSY_TSS = 0x8bn << 40n;
const PRESENT_WRITABLE = 3n;
const LARGE = 0x80n;

export function writeHostTables(memory: PhysicalMemory): void {
  const low = BigInt(TSS.limit) | ((TSS.base & 0xffffffn) << 16n) | BUSY_TSS | ((TSS.base >> 24n) << 56n);
  const gdt = new ByteWriter();
  for (const descriptor of [0n, CODE, DATA, low, TSS.base >> 32n]) gdt.u64(descriptor);
  memory.write(GDT.base, gdt.bytes());
  const directory = new ByteWriter();
  for (let i = 0n; i < 512n; i++) directory.u64((i << 21n) | LARGE | PRESENT_WRITABLE);
  memory.write(PML4, new ByteWriter().u64((PML4 + 0x1000n) | PRESENT_WRITABLE).bytes());
  memory.write(PML4 + 0x1000n, new ByteWriter().u64((PML4 + 0x2000n) | PRESENT_WRITABLE).bytes());
  memory.write(PML4 + 0x2000n, directory.bytes());
  memory.write(MIRROR_CODE, mirrorCode);
}

const CODE_OR_DATA = 1n << 44n;
const GRANULARITY = 1n << 55n;
/** LDT, available and busy TSS: what LAR and LSL take of system segments in IA-32e mode (SDM 2A, "LAR" and "LSL"). */
const SYSTEM_TYPES: readonly bigint[] = [2n, 9n, 11n];

/** LAR in the low half, LSL in the high one; 0 where ZF would be 0. LAR's bits 19:16, which are undefined, are set. */
export function segmentDescriptor(memory: PhysicalMemory, selector: number): bigint {
  const offset = selector & 0xfff8;
  if (offset === 0 || offset + 7 > GDT.limit) return 0n;
  const descriptor = memory.read64(GDT.base + BigInt(offset));
  const type = (descriptor >> 40n) & 0xfn;
  if ((descriptor & CODE_OR_DATA) === 0n && !SYSTEM_TYPES.includes(type)) return 0n;
  const rights = ((descriptor >> 32n) & 0x00f0ff00n) | 0x000f0000n;
  const limit = (descriptor & 0xffffn) | ((descriptor >> 32n) & 0xf0000n);
  const bytes = (descriptor & GRANULARITY) === 0n ? limit : (limit << 12n) | 0xfffn;
  return (bytes << 32n) | rights;
}
