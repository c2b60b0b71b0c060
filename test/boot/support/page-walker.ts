// Reads 4-level page tables as the processor does. Written from the manual alone (SDM 3A 4.5 and 4.6) and not from
// boot/runtime/paging.c, whose tables it judges.

/** The registers that paging depends on, and physical memory. */
export interface PagingState {
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  /** MAXPHYADDR. */
  readonly physicalAddressBits: number;
  /** Eight bytes of physical memory, little-endian. */
  readonly read: (physical: bigint) => bigint;
}

/** One page that is mapped, with what supervisor-mode code may do there. */
export interface Mapping {
  readonly linear: bigint;
  readonly physical: bigint;
  readonly bytes: bigint;
  readonly isWritable: boolean;
  readonly isExecutable: boolean;
  /** Whether user-mode code reaches it too. */
  readonly isUser: boolean;
  /** Whether it selects entry 3 of the PAT, which is uncacheable at reset (SDM 3A 11.12.4). */
  readonly isUncached: boolean;
}

type Rights = Pick<Mapping, "isWritable" | "isExecutable" | "isUser">;

export const CR0_WP = 1n << 16n;
export const EFER_NXE = 1n << 11n;
const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;
const CR4_LA57 = 1n << 12n;
const EFER_LMA = 1n << 10n;

const PRESENT = 1n << 0n;
const READ_WRITE = 1n << 1n;
const USER_SUPERVISOR = 1n << 2n;
const CACHE_BITS = (1n << 3n) | (1n << 4n);
const PAGE_SIZE = 1n << 7n;
const EXECUTE_DISABLE = 1n << 63n;
const ADDRESS = 0x000f_ffff_ffff_f000n;
const ENTRIES = 512n;

/** The structures from the top (SDM 3A tables 4-15 to 4-20): which bits of a linear address index each. */
const LEVELS = [
  { entry: "PML4E", shift: 39n, mapsPages: false },
  { entry: "PDPTE", shift: 30n, mapsPages: true },
  { entry: "PDE", shift: 21n, mapsPages: true },
  { entry: "PTE", shift: 12n, mapsPages: true },
] as const;

/** Every page that is mapped, by linear address. Throws where the state is not 4-level paging or an entry is reserved. */
export function walk(state: PagingState): Mapping[] {
  const is4Level = state.cr0 & CR0_PG && state.cr4 & CR4_PAE && state.efer & EFER_LMA && !(state.cr4 & CR4_LA57);
  if (!is4Level) throw new Error("the processor is not in 4-level paging");
  return [...pagesBelow(state, state.cr3 & ADDRESS, 0, 0n, { isWritable: true, isExecutable: true, isUser: true })];
}

function* pagesBelow(
  state: PagingState,
  table: bigint,
  level: number,
  base: bigint,
  above: Rights,
): Generator<Mapping> {
  const { entry: name, shift, mapsPages } = LEVELS[level]!;
  for (let index = 0n; index < ENTRIES; index++) {
    const entry = state.read(table + 8n * index);
    if (!(entry & PRESENT)) continue;
    const linear = canonical(base + (index << shift));
    const isPage = level === LEVELS.length - 1 || (mapsPages && (entry & PAGE_SIZE) !== 0n);
    const reserved = entry & reservedBits(state, level, isPage);
    if (reserved !== 0n) throw new Error(`the ${name} for ${hex(linear)} has reserved bits ${hex(reserved)} set`);
    const rights = combine(above, entry);
    if (isPage) {
      const bytes = 1n << shift;
      const physical = entry & ADDRESS & ~(bytes - 1n);
      const isUncached = (entry & CACHE_BITS) === CACHE_BITS;
      yield { linear, physical, bytes, isUncached, ...effective(state, rights) };
    } else {
      yield* pagesBelow(state, entry & ADDRESS, level + 1, base + (index << shift), rights);
    }
  }
}

/** What one more entry leaves of the rights: each has to be granted by every entry on the way (SDM 3A 4.6.1). */
function combine(above: Rights, entry: bigint): Rights {
  return {
    isWritable: above.isWritable && (entry & READ_WRITE) !== 0n,
    isExecutable: above.isExecutable && (entry & EXECUTE_DISABLE) === 0n,
    isUser: above.isUser && (entry & USER_SUPERVISOR) !== 0n,
  };
}

/** Without CR0.WP a supervisor writes everywhere; without EFER.NXE everything is code (SDM 3A 4.6.1). */
function effective(state: PagingState, rights: Rights): Rights {
  return {
    isWritable: rights.isWritable || !(state.cr0 & CR0_WP),
    isExecutable: rights.isExecutable || !(state.efer & EFER_NXE),
    isUser: rights.isUser,
  };
}

function reservedBits(state: PagingState, level: number, isPage: boolean): bigint {
  const { shift, mapsPages } = LEVELS[level]!;
  const beyondMemory = ADDRESS & ~((1n << BigInt(state.physicalAddressBits)) - 1n);
  // Bit 12 of an entry that maps a large page is its PAT bit; the address starts at the page's size.
  const belowLargePage = isPage && shift > 12n ? ((1n << shift) - 1n) & ~0x1fffn : 0n;
  const pageSize = mapsPages ? 0n : PAGE_SIZE;
  return beyondMemory | belowLargePage | pageSize | (state.efer & EFER_NXE ? 0n : EXECUTE_DISABLE);
}

/** Bits 63:48 repeat bit 47 (SDM 1 3.3.7.1). */
function canonical(linear: bigint): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(48, linear));
}

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
