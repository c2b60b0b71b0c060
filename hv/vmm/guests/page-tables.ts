// The page tables of a built-in 64-bit guest: its RAM mapped where it is, with 2 MiB pages (SDM 3A 4.5).

import {
  ENTRIES_PER_TABLE,
  PAGE_LARGE,
  PAGE_PRESENT,
  PAGE_SIZE_1_GIB,
  PAGE_SIZE_2_MIB,
  PAGE_WRITABLE,
} from "../../x86/paging";
import { Ram } from "../memory/ram";

const PML4: u64 = 0x1000;
const PDPT: u64 = 0x2000;
const PAGE_DIRECTORY: u64 = 0x3000;
const TABLE_BYTES: u64 = 0x1000;
const ENTRY_BYTES: u64 = 8;

/** Builds them at 4 KiB for the first GiB of RAM at most; returns the value for CR3. */
export function buildIdentityMap(ram: Ram): u64 {
  const mapped = min(ram.bytes, PAGE_SIZE_1_GIB);
  ram.fill(PML4, 0, 3 * TABLE_BYTES);
  ram.writeU64(PML4, PDPT | PAGE_PRESENT | PAGE_WRITABLE);
  ram.writeU64(PDPT, PAGE_DIRECTORY | PAGE_PRESENT | PAGE_WRITABLE);
  for (let i: u64 = 0; i < min<u64>(mapped / PAGE_SIZE_2_MIB, ENTRIES_PER_TABLE); i++) {
    const entry = (i * PAGE_SIZE_2_MIB) | PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE;
    ram.writeU64(PAGE_DIRECTORY + i * ENTRY_BYTES, entry);
  }
  return PML4;
}
