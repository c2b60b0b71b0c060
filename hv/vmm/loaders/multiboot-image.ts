// Kernels whose Multiboot header itself says where they go, whatever their format: the "a.out kludge".

import { ModuleBytes } from "../memory/module-bytes";
import { LoadPlan } from "./load-plan";

/** In place of a header's offset: there is none. */
export const NO_HEADER: u32 = 0xffffffff;
/** A load address that stands for that of the file's first byte (Multiboot2 3.1.5). */
const FROM_THE_START: u32 = 0xffffffff;

/**
 * Plans by the four address fields at offset `fields` (header_addr, load_addr, load_end_addr, bss_end_addr) of the header at
 * `header`, all of which the module holds (Multiboot 3.1.3, Multiboot2 3.1.5). GOOD, or what is wrong with them.
 */
export function planImage(module: ModuleBytes, header: u32, fields: u64, plan: LoadPlan): string {
  const headerAddress: u64 = module.u32(fields);
  const loadField = module.u32(fields + 4);
  const loadEnd: u64 = module.u32(fields + 8);
  const zeroesEnd: u64 = module.u32(fields + 12);
  const start = loadField == FROM_THE_START ? headerAddress - header : <u64>loadField;
  if (start > headerAddress || headerAddress - start > header) {
    return "its Multiboot header does not lie where its address fields put it";
  }
  const offset = header - (headerAddress - start);
  if (loadEnd != 0 && loadEnd < start) return "the end of its data in its Multiboot header lies before their start";
  const fileBytes = loadEnd != 0 ? loadEnd - start : module.length - offset;
  if (zeroesEnd != 0 && zeroesEnd < start + fileBytes) {
    return "the end of its zeroes in its Multiboot header lies before the end of its data";
  }
  return plan.add(offset, fileBytes, start, zeroesEnd != 0 ? zeroesEnd - start : fileBytes);
}
