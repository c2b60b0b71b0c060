// The page tables of a built-in 64-bit guest: its RAM mapped where it is, with 2 MiB pages (SDM 3A 4.5).

import { ENTRIES_PER_TABLE, PAGE_LARGE, PAGE_PRESENT, PAGE_SIZE_2_MIB, PAGE_WRITABLE } from "../../x86/paging";
import { Ram, RAM_OK } from "../memory/ram";

const PML4: u64 = 0x1000;
const PDPT: u64 = 0x2000;
const PAGE_DIRECTORY: u64 = 0x3000;
const TABLE_BYTES: u64 = 0x1000;
const ENTRY_BYTES: u64 = 8;

/** Where `buildIdentityMap` puts the PML4 table: the value for CR3. */
export const IDENTITY_MAP: u64 = PML4;

/** Builds them for the first GiB of RAM at most. RAM_OK, or RAM_OUT_OF_RANGE where RAM ends before they do. */
export function buildIdentityMap(ram: Ram): u32 {
  const pages = min<u64>(ram.bytes / PAGE_SIZE_2_MIB, ENTRIES_PER_TABLE);
  let status = ram.fill(PML4, 0, 3 * TABLE_BYTES);
  if (status == RAM_OK) status = ram.writeU64(PML4, PDPT | PAGE_PRESENT | PAGE_WRITABLE);
  if (status == RAM_OK) status = ram.writeU64(PDPT, PAGE_DIRECTORY | PAGE_PRESENT | PAGE_WRITABLE);
  for (let i: u64 = 0; i < pages && status == RAM_OK; i++) {
    const entry = (i * PAGE_SIZE_2_MIB) | PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE;
    status = ram.writeU64(PAGE_DIRECTORY + i * ENTRY_BYTES, entry);
  }
  return status;
}
