// A walker of EPT paging structures that knows only the figures of SDM 3C 29.3.2 and the raw bytes of memory. It shares
// nothing with the builder under test.

import type { PhysicalMemory } from "./machine.ts";

/** What of the processor decides whether an entry is a misconfiguration. */
export interface WalkRules {
  maxPhysicalAddressBits: number;
  hasExecuteOnly: boolean;
  has2MibPages: boolean;
  has1GibPages: boolean;
}

export interface Page {
  kind: "page";
  level: number;
  /** Where the page begins in guest-physical and in host-physical memory. */
  guest: bigint;
  host: bigint;
  bytes: bigint;
  /** Read 1, write 2, execute 4, as far as all entries of the walk allow it. */
  permissions: number;
  memoryType: number;
  ignoresPat: boolean;
  isAccessed: boolean;
  isDirty: boolean;
  /** The host-physical addresses of the entries used, from the PML4E down. */
  entries: bigint[];
}

export type Walk = Page | { kind: "not present"; level: number } | { kind: "misconfiguration"; rule: string };

export type Entry =
  | { kind: "table"; address: bigint; permissions: number }
  | { kind: "page"; address: bigint; permissions: number; memoryType: number; ignoresPat: boolean }
  | { kind: "not present" }
  | { kind: "misconfiguration"; rule: string };

const PAGE_BITS: Record<number, number> = { 1: 12, 2: 21, 3: 30 };
const LEGAL_TYPES = new Set([0, 1, 4, 5, 6]);

/** The bits high:low of a value. */
function bits(value: bigint, high: number, low: number): bigint {
  return BigInt.asUintN(high - low + 1, value >> BigInt(low));
}

/** Decodes one entry of level 4 (PML4E) to 1 (PTE); tables 29-1 to 29-6 and section 29.3.3.1 of SDM 3C. */
export function decodeEntry(entry: bigint, level: number, rules: WalkRules): Entry {
  const permissions = Number(bits(entry, 2, 0));
  if (permissions === 0) return { kind: "not present" };
  if ((permissions & 3) === 2) return { kind: "misconfiguration", rule: "writable but not readable" };
  if (permissions === 4 && !rules.hasExecuteOnly) return { kind: "misconfiguration", rule: "execute-only" };
  if (bits(entry, 51, rules.maxPhysicalAddressBits) !== 0n) {
    return { kind: "misconfiguration", rule: "address above MAXPHYADDR" };
  }

  const mapsPage = level === 1 || (level < 4 && bits(entry, 7, 7) === 1n);
  if (!mapsPage) {
    if (bits(entry, 7, 3) !== 0n) return { kind: "misconfiguration", rule: "bits 7:3 of a reference to a table" };
    return { kind: "table", address: bits(entry, 51, 12) << 12n, permissions };
  }
  if (level === 3 && !rules.has1GibPages) return { kind: "misconfiguration", rule: "1-GiB page" };
  if (level === 2 && !rules.has2MibPages) return { kind: "misconfiguration", rule: "2-MiB page" };
  const pageBits = PAGE_BITS[level] as number;
  if (pageBits > 12 && bits(entry, pageBits - 1, 12) !== 0n) {
    return { kind: "misconfiguration", rule: "address of a large page is not aligned to it" };
  }
  const memoryType = Number(bits(entry, 5, 3));
  if (!LEGAL_TYPES.has(memoryType)) return { kind: "misconfiguration", rule: `memory type ${memoryType}` };
  const address = bits(entry, 51, pageBits) << BigInt(pageBits);
  return { kind: "page", address, permissions, memoryType, ignoresPat: bits(entry, 6, 6) === 1n };
}

/** The host-physical address of the entry of `level` that translates `guest`, in the table at `table`. */
export function entryAddress(table: bigint, level: number, guest: bigint): bigint {
  const low = 12 + 9 * (level - 1);
  return table + 8n * bits(guest, low + 8, low);
}

export function pageBytes(level: number): bigint {
  return 1n << BigInt(PAGE_BITS[level] as number);
}

export class Walker {
  readonly #memory: PhysicalMemory;
  readonly #rules: WalkRules;

  constructor(memory: PhysicalMemory, rules: WalkRules) {
    this.#memory = memory;
    this.#rules = rules;
  }

  /** Translates one guest-physical address. */
  walk(root: bigint, guest: bigint): Walk {
    let table = root;
    let permissions = 7;
    const entries: bigint[] = [];
    for (let level = 4; level >= 1; level--) {
      const address = entryAddress(table, level, guest);
      const raw = this.#memory.read64(address);
      const entry = decodeEntry(raw, level, this.#rules);
      entries.push(address);
      if (entry.kind === "misconfiguration") return entry;
      if (entry.kind === "not present") return { kind: "not present", level };
      permissions &= entry.permissions;
      if (entry.kind === "table") {
        table = entry.address;
        continue;
      }
      return {
        kind: "page",
        level,
        guest: guest - (guest % pageBytes(level)),
        host: entry.address,
        bytes: pageBytes(level),
        permissions,
        memoryType: entry.memoryType,
        ignoresPat: entry.ignoresPat,
        isAccessed: bits(raw, 8, 8) === 1n,
        isDirty: bits(raw, 9, 9) === 1n,
        entries,
      };
    }
    throw new Error("a PTE is never a reference to a table");
  }

  /**
   * All pages of a tree in the order of their guest-physical addresses, and the number of tables. Throws where an entry
   * is a misconfiguration, a table is referenced twice, or a table other than the root is empty.
   */
  survey(root: bigint): { pages: Page[]; tables: number } {
    const pages: Page[] = [];
    const tables = new Set<bigint>();
    const visit = (table: bigint, level: number, base: bigint, permissions: number, path: bigint[]): void => {
      if (tables.has(table)) throw new Error(`the table at ${table.toString(16)} is referenced twice`);
      tables.add(table);
      let present = 0;
      for (let index = 0n; index < 512n; index++) {
        const address = table + 8n * index;
        const raw = this.#memory.read64(address);
        if (raw === 0n) continue;
        const entry = decodeEntry(raw, level, this.#rules);
        const guest = base + (index << BigInt(12 + 9 * (level - 1)));
        if (entry.kind === "misconfiguration") throw new Error(`misconfiguration at ${guest}: ${entry.rule}`);
        if (entry.kind === "not present") throw new Error(`bits in an entry that is not present at ${guest}`);
        present++;
        const allowed = permissions & entry.permissions;
        const entries = [...path, address];
        if (entry.kind === "table") {
          visit(entry.address, level - 1, guest, allowed, entries);
        } else {
          pages.push({
            kind: "page",
            level,
            guest,
            host: entry.address,
            bytes: pageBytes(level),
            permissions: allowed,
            memoryType: entry.memoryType,
            ignoresPat: entry.ignoresPat,
            isAccessed: bits(raw, 8, 8) === 1n,
            isDirty: bits(raw, 9, 9) === 1n,
            entries,
          });
        }
      }
      if (present === 0 && level !== 4) throw new Error(`the table for ${base.toString(16)} is empty`);
    };
    visit(root, 4, 0n, 7, []);
    return { pages, tables: tables.size };
  }
}
