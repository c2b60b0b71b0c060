// What to say of a file that no loader knows.

import { ModuleBytes } from "../memory/module-bytes";

// How packed files begin, as little-endian numbers: how many bytes of it count, and what is said.
const MAGICS: StaticArray<u32> = [0x8b1f, 0x587a37fd, 0xfd2fb528, 0x184c2102, 0x5a42, 0x5a4d];
const MAGIC_BYTES: StaticArray<u32> = [2, 4, 4, 4, 2, 2];
const SENTENCES: StaticArray<string> = [
  "it is packed with gzip, and no kernel; unpack it",
  "it is packed with xz, and no kernel; unpack it",
  "it is packed with zstd, and no kernel; unpack it",
  "it is packed with lz4, and no kernel; unpack it",
  "it is packed with bzip2, and no kernel; unpack it",
  "it is a program for EFI without a Linux setup header; expected a bzImage of x86",
];

const NO_KERNEL: string =
  "it is no Linux bzImage, has no Multiboot header in reach, and is no ELF with a PVH entry point";

/** Why a file is not loaded of which no loader says that it is its own. */
export function describeUnknown(module: ModuleBytes): string {
  for (let i = 0; i < MAGICS.length; i++) {
    const mask: u32 = MAGIC_BYTES[i] == 2 ? 0xffff : 0xffffffff;
    if (module.holds(0, 4) && (module.u32(0) & mask) == MAGICS[i]) return SENTENCES[i];
  }
  return NO_KERNEL;
}
