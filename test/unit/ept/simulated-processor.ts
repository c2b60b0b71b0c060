// A processor that caches all that SDM 3C 29.4 lets it cache, and drops nothing before it must: guest-physical and
// combined translations and EPT paging-structure-cache entries. Stale entries stay until INVEPT or INVVPID removes them.

import type { Hardware, PhysicalMemory } from "./machine.ts";
import { decodeEntry, entryAddress, pageBytes, type WalkRules } from "./walker.ts";

export const SIMULATED_READ = 1;
export const SIMULATED_WRITE = 2;
export const SIMULATED_FETCH = 4;

export type Outcome =
  | { kind: "host"; address: bigint; memoryType: number }
  | { kind: "EPT violation" }
  | { kind: "EPT misconfiguration"; rule: string };

/** What the guest has loaded when it makes an access. */
export interface GuestContext {
  eptp: bigint;
  vpid: number;
  /** The guest's own paging: linear to guest-physical address. */
  toGuestPhysical: (linear: bigint) => bigint;
}

interface CachedTranslation {
  guest: bigint;
  host: bigint;
  bytes: bigint;
  permissions: number;
  memoryType: number;
  isDirty: boolean;
}

interface CachedTable {
  address: bigint;
  permissions: number;
}

const SUCCEED = 0;
const FAIL_VALID = 2;
const SINGLE_CONTEXT = 1;
const ALL_CONTEXT = 2;

export class SimulatedProcessor implements Hardware {
  readonly msrs: Map<number, bigint>;
  /** INVEPT and INVVPID executed so far, in order. */
  readonly invalidations: string[] = [];
  /** What the next INVEPT or INVVPID returns instead of being executed; 0 to execute it. */
  failNext = 0;
  memory: PhysicalMemory | undefined;
  readonly #rules: WalkRules;
  /** EP4TA to guest-physical page (of 4 KiB) to translation. */
  readonly #guestPhysical = new Map<bigint, Map<bigint, CachedTranslation>>();
  /** EP4TA to "level/prefix" to table. */
  readonly #tables = new Map<bigint, Map<string, CachedTable>>();
  /** VPID to EP4TA to linear page to translation. */
  readonly #combined = new Map<number, Map<bigint, Map<bigint, CachedTranslation>>>();

  constructor(rules: WalkRules, msrs: Map<number, bigint>) {
    this.#rules = rules;
    this.msrs = msrs;
  }

  rdmsr(index: number): bigint {
    const value = this.msrs.get(index);
    if (value === undefined) throw new Error(`#GP: RDMSR of ${index.toString(16)}`);
    return value;
  }

  invept(type: number, eptp: bigint): number {
    if (this.failNext !== 0) return this.#fail();
    if (type !== SINGLE_CONTEXT && type !== ALL_CONTEXT) return FAIL_VALID;
    if (type === SINGLE_CONTEXT && eptp >> BigInt(this.#rules.maxPhysicalAddressBits) !== 0n) return FAIL_VALID;
    this.invalidations.push(type === SINGLE_CONTEXT ? `INVEPT ${eptp.toString(16)}` : "INVEPT all");
    if (type === ALL_CONTEXT) {
      this.#guestPhysical.clear();
      this.#tables.clear();
      this.#combined.clear();
      return SUCCEED;
    }
    const root = ep4ta(eptp);
    this.#guestPhysical.delete(root);
    this.#tables.delete(root);
    for (const byRoot of this.#combined.values()) byRoot.delete(root);
    return SUCCEED;
  }

  invvpid(type: number, vpid: number, _linearAddress: bigint): number {
    if (this.failNext !== 0) return this.#fail();
    if (type !== SINGLE_CONTEXT && type !== ALL_CONTEXT) return FAIL_VALID;
    if (type === SINGLE_CONTEXT && vpid === 0) return FAIL_VALID;
    this.invalidations.push(type === SINGLE_CONTEXT ? `INVVPID ${vpid}` : "INVVPID all");
    if (type === ALL_CONTEXT) this.#combined.clear();
    else this.#combined.delete(vpid);
    return SUCCEED;
  }

  /** One access of the guest. Where a cached translation answers it, memory is not looked at. */
  access(context: GuestContext, linear: bigint, kind: number): Outcome {
    const root = ep4ta(context.eptp);
    const hasFlags = ((context.eptp >> 6n) & 1n) === 1n;
    const combined = mapIn(mapIn(this.#combined, context.vpid), root);
    const translations = mapIn(this.#guestPhysical, root);

    const cached = combined.get(linear >> 12n);
    if (cached !== undefined) {
      const guest = cached.guest + (linear % 0x1000n);
      if (!allows(cached, kind)) return this.#violation(root, guest, combined, linear);
      if (!mustSetDirty(cached, kind, hasFlags)) return hostOf(cached, guest);
    }
    const guest = context.toGuestPhysical(linear);
    let translation = translations.get(guest >> 12n);
    if (translation !== undefined && !allows(translation, kind)) {
      return this.#violation(root, guest, combined, linear);
    }
    if (translation === undefined || mustSetDirty(translation, kind, hasFlags)) {
      const walked = this.#walk(root, guest, kind, hasFlags);
      if ("kind" in walked) {
        return walked.kind === "EPT violation" ? this.#violation(root, guest, combined, linear) : walked;
      }
      translation = walked;
      translations.set(guest >> 12n, translation);
    }
    combined.set(linear >> 12n, {
      ...translation,
      guest: guest - (guest % 0x1000n),
      host: hostPage(translation, guest),
    });
    return hostOf(translation, guest);
  }

  /** Walks the tables in memory from the lowest table that the paging-structure cache holds for this address. */
  #walk(root: bigint, guest: bigint, kind: number, hasFlags: boolean): CachedTranslation | Outcome {
    const memory = this.memory as PhysicalMemory;
    const tables = mapIn(this.#tables, root);
    let level = 4;
    let table: CachedTable = { address: root, permissions: 7 };
    for (const below of [1, 2, 3]) {
      const cached = tables.get(tableKey(below, guest));
      if (cached === undefined) continue;
      level = below;
      table = cached;
      break;
    }
    for (; level >= 1; level--) {
      const address = entryAddress(table.address, level, guest);
      const raw = memory.read64(address);
      const entry = decodeEntry(raw, level, this.#rules);
      if (entry.kind === "not present") return { kind: "EPT violation" };
      if (entry.kind === "misconfiguration") return { kind: "EPT misconfiguration", rule: entry.rule };
      const permissions = table.permissions & entry.permissions;
      if (entry.kind === "table") {
        if (hasFlags) memory.write64(address, raw | (1n << 8n));
        table = { address: entry.address, permissions };
        tables.set(tableKey(level - 1, guest), table);
        continue;
      }
      if ((permissions & kind) !== kind) return { kind: "EPT violation" };
      const isDirty = kind === SIMULATED_WRITE || ((raw >> 9n) & 1n) === 1n;
      if (hasFlags) memory.write64(address, raw | (1n << 8n) | (isDirty ? 1n << 9n : 0n));
      return {
        guest: guest - (guest % pageBytes(level)),
        host: entry.address,
        bytes: pageBytes(level),
        permissions,
        memoryType: entry.memoryType,
        isDirty,
      };
    }
    throw new Error("a PTE is never a reference to a table");
  }

  /** An EPT violation drops the mappings for the address that caused it (SDM 3C 29.4.3.1), and only these. */
  #violation(root: bigint, guest: bigint, combined: Map<bigint, CachedTranslation>, linear: bigint): Outcome {
    combined.delete(linear >> 12n);
    mapIn(this.#guestPhysical, root).delete(guest >> 12n);
    for (const level of [1, 2, 3]) mapIn(this.#tables, root).delete(tableKey(level, guest));
    return { kind: "EPT violation" };
  }

  #fail(): number {
    const result = this.failNext;
    this.failNext = 0;
    return result;
  }
}

function ep4ta(eptp: bigint): bigint {
  return eptp & 0xffffffffff000n;
}

function tableKey(level: number, guest: bigint): string {
  return `${level}/${guest >> BigInt(12 + 9 * level)}`;
}

function allows(translation: CachedTranslation, kind: number): boolean {
  return (translation.permissions & kind) === kind;
}

function mustSetDirty(translation: CachedTranslation, kind: number, hasFlags: boolean): boolean {
  return hasFlags && kind === SIMULATED_WRITE && !translation.isDirty;
}

function hostPage(translation: CachedTranslation, guest: bigint): bigint {
  const address = translation.host + (guest - translation.guest);
  return address - (address % 0x1000n);
}

function hostOf(translation: CachedTranslation, guest: bigint): Outcome {
  const address = translation.host + (guest - translation.guest);
  return { kind: "host", address, memoryType: translation.memoryType };
}

function mapIn<K, L, V>(maps: Map<K, Map<L, V>>, key: K): Map<L, V> {
  let map = maps.get(key);
  if (map === undefined) {
    map = new Map<L, V>();
    maps.set(key, map);
  }
  return map;
}
