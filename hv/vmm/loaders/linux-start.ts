// What a Linux kernel finds at its 64-bit entry point: where things lie in low memory, its GDT and its page tables.

import {
  PAGE_LARGE,
  PAGE_PRESENT,
  PAGE_SIZE_1_GIB,
  PAGE_SIZE_2_MIB,
  PAGE_SIZE_4_KIB,
  PAGE_WRITABLE,
} from "../../x86/paging";
import { Ram } from "../memory/ram";
import { InformationWriter } from "./information-writer";

// Guest-physical addresses, all in conventional memory.
export const GDT: u32 = 0x6000;
/** The stack grows down to the GDT's page. */
export const STACK_TOP: u64 = 0x7000;
export const ZERO_PAGE: u64 = 0x7000;
/** PML4, PDPT and a page directory for each of the first 4 GiB. */
export const PML4: u64 = 0x8000;
const PDPT: u64 = 0x9000;
const DIRECTORIES: u64 = 0xa000;
/** The end of all is 2 KiB and a zero behind it. */
export const COMMAND_LINE: u64 = 0x10000;

const MAPPED_GIB: u64 = 4;
const ENTRY_BYTES: u64 = 8;
const TABLE: u64 = PAGE_PRESENT | PAGE_WRITABLE;
const LARGE_PAGES: u64 = (MAPPED_GIB * PAGE_SIZE_1_GIB) / PAGE_SIZE_2_MIB;

// Descriptors as SDM 3A 3.4.5 has them, accessed, with DPL 0: null, null, 64-bit code at 0x10, flat data at 0x18.
const DESCRIPTORS: StaticArray<u64> = [0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff];
export const GDT_LIMIT: u32 = 31;

/** Writes the GDT and the page tables, which map the first 4 GiB to themselves. False where RAM ends before. */
export function writeStartTables(ram: Ram, writer: InformationWriter): bool {
  writer.begin(GDT);
  for (let i = 0; i < DESCRIPTORS.length; i++) writer.u64(DESCRIPTORS[i]);
  const isGood = writer.isGood;
  ram.fill(PML4, 0, DIRECTORIES - PML4);
  ram.writeU64(PML4, PDPT | TABLE);
  for (let i: u64 = 0; i < MAPPED_GIB; i++) {
    ram.writeU64(PDPT + i * ENTRY_BYTES, (DIRECTORIES + i * PAGE_SIZE_4_KIB) | TABLE);
  }
  writer.begin(DIRECTORIES);
  for (let i: u64 = 0; i < LARGE_PAGES; i++) writer.u64((i * PAGE_SIZE_2_MIB) | TABLE | PAGE_LARGE);
  return isGood && writer.isGood;
}
