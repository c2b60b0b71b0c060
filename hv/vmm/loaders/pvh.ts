// Kernels with a PVH entry point: ELFs with a note of Xen's that names it (Xen, docs/misc/pvh.pandoc).

import { ModuleBytes } from "../memory/module-bytes";
import { ElfParts, planElfParts } from "./elf";
import { LoadPlan } from "./load-plan";

/** A note's head: the bytes of its name, the bytes of what it says, its type; each part is filled up to 4 bytes. */
const HEAD_BYTES: u64 = 12;
const PHYS32_ENTRY: u32 = 18;
/** "Xen" and a zero. */
const XEN: u32 = 0x006e6558;
const XEN_BYTES: u32 = 4;
const MAXIMUM_NOTES: u32 = 1024;

/** Plans an ELF with its PVH entry point. GOOD, or what is wrong with the file: that it has none may be all. */
export function planPvh(module: ModuleBytes, plan: LoadPlan, parts: ElfParts): string {
  const problem = planElfParts(module, plan, parts);
  if (problem.length != 0) return problem;
  if (!module.holds(parts.notes, parts.noteBytes)) return "its ELF notes lie beyond the end of the file";
  const note = findEntry(module, parts);
  if (note == 0) return "it is an ELF, but has no Multiboot header and no PVH entry point (note 18 of Xen)";
  const bytes = module.u32(note + 4);
  const at = note + HEAD_BYTES + XEN_BYTES;
  if (bytes != 4 && bytes != 8) return "the ELF note with its PVH entry point is damaged: its size is neither 4 nor 8";
  plan.entry = bytes == 8 ? module.u64(at) : module.u32(at);
  return plan.checkEntry();
}

/** The offset of the note, which lies in the file, or 0. */
function findEntry(module: ModuleBytes, parts: ElfParts): u64 {
  const end = parts.notes + parts.noteBytes;
  let at = parts.notes;
  for (let i: u32 = 0; i < MAXIMUM_NOTES && at + HEAD_BYTES <= end; i++) {
    const nameBytes: u64 = module.u32(at);
    const bytes: u64 = module.u32(at + 4);
    const next = at + HEAD_BYTES + filled(nameBytes) + filled(bytes);
    if (at + HEAD_BYTES + filled(nameBytes) + bytes > end) return 0;
    const isXen = nameBytes == XEN_BYTES && module.u32(at + HEAD_BYTES) == XEN;
    if (isXen && module.u32(at + 8) == PHYS32_ENTRY) return at;
    at = next;
  }
  return 0;
}

function filled(bytes: u64): u64 {
  return (bytes + 3) & ~(<u64>3);
}
