// A walk of nested page tables: AMD64 long-mode tables at nCR3, every access a user's (APM 2 15.25.5 and 5.3).
import { entryAddress, pageBytes } from "../../../ept/walker.ts";
import { has } from "../bits.ts";
import type { PhysicalMemory } from "../physical-memory.ts";

export const READ = 1n;
export const WRITE = 2n;
export const FETCH = 4n;

const PRESENT = 1n;
const WRITABLE = 1n << 1n;
const USER = 1n << 2n;
const ACCESSED = 1n << 5n;
const DIRTY = 1n << 6n;
const LARGE = 1n << 7n;
const NO_EXECUTE = 1n << 63n;
const ADDRESS = 0xffffffffff000n;

// The error code (APM 2 15.25.6).
const ERROR_PRESENT = 1n;
const ERROR_WRITE = 1n << 1n;
const ERROR_USER = 1n << 2n;
const ERROR_RESERVED = 1n << 3n;
const ERROR_FETCH = 1n << 4n;

export interface WalkLimits {
  readonly addressBits: number;
  readonly has1GibPages: boolean;
  /** EFER.NXE of the host: else bit 63 is reserved. */
  readonly hasNoExecute: boolean;
}

/** A 4-KiB part of what a walk found. */
export interface NestedPage {
  readonly host: bigint;
  readonly isWritable: boolean;
  readonly isExecutable: boolean;
}

export type NestedWalk = { readonly page: NestedPage } | { readonly error: bigint };

/** Bits that must be 0 in a present entry of `level`. */
function reservedBits(entry: bigint, level: number, limits: WalkLimits): bigint {
  const above = ADDRESS & ~((1n << BigInt(limits.addressBits)) - 1n);
  let reserved = above | (limits.hasNoExecute ? 0n : NO_EXECUTE);
  if (level === 4 || (level === 3 && !limits.has1GibPages)) reserved |= LARGE;
  const isLarge = level > 1 && has(entry, LARGE);
  // Bit 12 of a large page is PAT.
  if (isLarge && level < 4) reserved |= (pageBytes(level) - 1n) & ~0x1fffn;
  return reserved;
}

/** The error code that an access has by itself. */
function errorOf(access: bigint, hasNoExecute: boolean): bigint {
  const write = has(access, WRITE) ? ERROR_WRITE : 0n;
  const fetch = has(access, FETCH) && hasNoExecute ? ERROR_FETCH : 0n;
  return ERROR_USER | write | fetch;
}

/** Translates the guest-physical address for an access, and sets the accessed and dirty bits as the processor does. */
export function walkNested(
  memory: PhysicalMemory,
  root: bigint,
  physical: bigint,
  access: bigint,
  limits: WalkLimits,
): NestedWalk {
  const error = errorOf(access, limits.hasNoExecute);
  const used: [bigint, bigint][] = [];
  let [isWritable, isUser, isExecutable] = [true, true, true];
  let table = root & ADDRESS;
  for (let level = 4; level >= 1; level--) {
    const at = entryAddress(table, level, physical);
    const entry = memory.read64(at);
    if (!has(entry, PRESENT)) return { error };
    if (has(entry, reservedBits(entry, level, limits))) return { error: error | ERROR_PRESENT | ERROR_RESERVED };
    isWritable &&= has(entry, WRITABLE);
    isUser &&= has(entry, USER);
    isExecutable &&= !has(entry, NO_EXECUTE);
    used.push([at, entry]);
    const mapsPage = level === 1 || has(entry, LARGE);
    table = entry & ADDRESS;
    if (!mapsPage) continue;
    const isAllowed = isUser && (isWritable || !has(access, WRITE)) && (isExecutable || !has(access, FETCH));
    if (!isAllowed) return { error: error | ERROR_PRESENT };
    markUsed(memory, used, has(access, WRITE));
    const start = table & ~(pageBytes(level) - 1n);
    const host = (start + (physical % pageBytes(level))) & ADDRESS;
    return { page: { host, isWritable: isWritable && isDirtyNow(entry, access), isExecutable } };
  }
  throw new Error("an entry of level 1 always maps a page");
}

/** A translation may be cached as writable only once its dirty bit is set: the first write has to set it. */
function isDirtyNow(entry: bigint, access: bigint): boolean {
  return has(entry, DIRTY) || has(access, WRITE);
}

function markUsed(memory: PhysicalMemory, used: readonly (readonly [bigint, bigint])[], isWrite: boolean): void {
  used.forEach(([at, entry], i) => {
    const isLast = i === used.length - 1;
    const marked = entry | ACCESSED | (isLast && isWrite ? DIRTY : 0n);
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(marked);
    if (marked !== entry) memory.write(at, bytes);
  });
}
