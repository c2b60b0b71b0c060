// The page tables of a built-in 64-bit guest: its RAM and its devices mapped where they are, with 2 MiB pages (SDM 3A 4.5).

import {
  ENTRIES_PER_TABLE,
  ENTRY_INDEX_MASK,
  PAGE_CACHE_DISABLE,
  PAGE_LARGE,
  PAGE_PRESENT,
  PAGE_SHIFT_1_GIB,
  PAGE_SHIFT_2_MIB,
  PAGE_SIZE_2_MIB,
  PAGE_WRITABLE,
} from "../../x86/paging";
import { Ram, RAM_OK } from "../memory/ram";

const PML4: u64 = 0x1000;
const PDPT: u64 = 0x2000;
const PAGE_DIRECTORY: u64 = 0x3000;
/** For the fourth GiB, where the devices are. */
const DEVICE_DIRECTORY: u64 = 0x4000;
const TABLE_BYTES: u64 = 0x1000;
const ENTRY_BYTES: u64 = 8;

/** Guest-physical address of the scratch registers, mapped where it is: 2 MiB behind PCI's windows and ECAM. */
export const DEVICES: u64 = 0xf0000000;

/** Where `buildIdentityMap` puts the PML4 table: the value for CR3. */
export const IDENTITY_MAP: u64 = PML4;

/** Builds them for the first GiB of RAM at most, and for DEVICES. RAM_OK, or RAM_OUT_OF_RANGE where RAM ends before they do. */
export function buildIdentityMap(ram: Ram): u32 {
  const pages = min<u64>(ram.bytes / PAGE_SIZE_2_MIB, ENTRIES_PER_TABLE);
  let status = ram.fill(PML4, 0, 4 * TABLE_BYTES);
  if (status == RAM_OK) status = ram.writeU64(PML4, PDPT | PAGE_PRESENT | PAGE_WRITABLE);
  if (status == RAM_OK) status = ram.writeU64(PDPT, PAGE_DIRECTORY | PAGE_PRESENT | PAGE_WRITABLE);
  const devices = DEVICE_DIRECTORY | PAGE_PRESENT | PAGE_WRITABLE;
  if (status == RAM_OK) status = ram.writeU64(PDPT + (DEVICES >> PAGE_SHIFT_1_GIB) * ENTRY_BYTES, devices);
  const index = (DEVICES >> PAGE_SHIFT_2_MIB) & ENTRY_INDEX_MASK;
  const device = DEVICES | PAGE_PRESENT | PAGE_WRITABLE | PAGE_CACHE_DISABLE | PAGE_LARGE;
  if (status == RAM_OK) status = ram.writeU64(DEVICE_DIRECTORY + index * ENTRY_BYTES, device);
  for (let i: u64 = 0; i < pages && status == RAM_OK; i++) {
    const entry = (i * PAGE_SIZE_2_MIB) | PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE;
    status = ram.writeU64(PAGE_DIRECTORY + i * ENTRY_BYTES, entry);
  }
  return status;
}
