// Why an EPT entry is a misconfiguration (SDM 3C 29.3.3.1): which one on the way to an address, and which rule it breaks.

import { EPT_CAP_1_GIB_PAGES, EPT_CAP_2_MIB_PAGES, EPT_CAP_EXECUTE_ONLY } from "../../../x86/vmx-capabilities";
import { PAGE_ADDRESS_MASK } from "../../../x86/paging";
import { Console } from "../../console/console";
import { EXECUTE, PAGE_LEVEL_1_GIB, PAGE_LEVEL_2_MIB, PAGE_LEVEL_4_KIB, READ, WRITE } from "../../memory/entry-format";
import { PageTables } from "../../memory/page-tables";

const PERMISSIONS: u64 = 7;
const MAPS_PAGE: u64 = 1 << 7;
const TYPE_SHIFT: u64 = 3;
const TYPE_MASK: u64 = 7;
/** Bits 6:3 of an entry that references a table are reserved; of a PML4 entry bit 7 too. */
const TABLE_RESERVED: u64 = 0x78;
const LEVELS: u32 = 4;
/** Memory types 2, 3 and 7 are reserved (SDM 3A table 12-2). */
const RESERVED_TYPES: u32 = (1 << 2) | (1 << 3) | (1 << 7);

const NO_PROBLEM: string =
  "it breaks no rule of SDM 3C 29.3.3.1 now; it was changed since, or this machine's memory failed";

const ENTRY_NAMES: StaticArray<string> = ["", "EPT PTE", "EPT PDE", "EPT PDPTE", "EPT PML4E"];

/**
 * The rule that `entry` of `level` (1: PTE to 4: PML4E) breaks, as a sentence; "" where it is a good one, or not present.
 * `capabilities` is IA32_VMX_EPT_VPID_CAP, `physicalAddressBits` MAXPHYADDR.
 */
export function eptEntryProblem(entry: u64, level: u32, capabilities: u64, physicalAddressBits: u32): string {
  const permissions = <u32>(entry & PERMISSIONS);
  if (permissions == 0) return "";
  if (permissions & WRITE && !(permissions & READ)) return "bit 1 allows writes where bit 0 allows no reads";
  if (permissions == EXECUTE && !(capabilities & EPT_CAP_EXECUTE_ONLY)) {
    return "it allows fetches alone (bits 2:0 = 100b), which IA32_VMX_EPT_VPID_CAP[0] = 0 denies";
  }
  const addressBits: u64 = ((<u64>1) << physicalAddressBits) - 1;
  if (entry & PAGE_ADDRESS_MASK & ~addressBits) return "its address has bits above MAXPHYADDR, which are reserved";
  const isLarge = level != PAGE_LEVEL_4_KIB && (entry & MAPS_PAGE) != 0;
  if (level > PAGE_LEVEL_1_GIB && isLarge) return "bit 7 is 1, which is reserved in an EPT PML4E";
  if (level == PAGE_LEVEL_1_GIB && isLarge && !(capabilities & EPT_CAP_1_GIB_PAGES)) {
    return "bit 7 asks for a 1-GiB page, which IA32_VMX_EPT_VPID_CAP[17] = 0 denies";
  }
  if (level == PAGE_LEVEL_2_MIB && isLarge && !(capabilities & EPT_CAP_2_MIB_PAGES)) {
    return "bit 7 asks for a 2-MiB page, which IA32_VMX_EPT_VPID_CAP[16] = 0 denies";
  }
  if (level != PAGE_LEVEL_4_KIB && !isLarge) {
    return entry & TABLE_RESERVED ? "a bit of 6:3 is 1, which are reserved in an entry that references a table" : "";
  }
  const type = <u32>((entry >> TYPE_SHIFT) & TYPE_MASK);
  if (RESERVED_TYPES & (1 << type)) return "bits 5:3 hold a memory type that is reserved (2, 3 or 7)";
  const offset: u64 = ((<u64>1) << (12 + 9 * (level - 1))) - 1;
  if (entry & PAGE_ADDRESS_MASK & offset) return "address bits are 1 within the large page, where they are reserved";
  return "";
}

/** Adds to a line which entry on the way to `guest` is wrong and why; or that none is, in memory as it is now. */
export function explainMisconfiguration(
  tables: PageTables,
  guest: u64,
  capabilities: u64,
  physicalAddressBits: u32,
  line: Console,
): void {
  for (let level = LEVELS; level >= PAGE_LEVEL_4_KIB; level--) {
    const entry = tables.entryAt(guest, level);
    const problem = eptEntryProblem(entry, level, capabilities, physicalAddressBits);
    const isLast = level == PAGE_LEVEL_4_KIB || (entry & MAPS_PAGE) != 0 || (entry & PERMISSIONS) == 0;
    if (problem.length == 0 && !isLast) continue;
    line.text(ENTRY_NAMES[level]).text(" ").hex(entry, 16).text(": ");
    line.text(problem.length != 0 ? problem : NO_PROBLEM);
    return;
  }
}
