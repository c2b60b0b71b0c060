// The setup header of a Linux bzImage (Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header").

import { ModuleBytes } from "../memory/module-bytes";
import { GOOD } from "./load-plan";

/** Where the header begins, in the file as in the zero page. */
export const SETUP_HEADER: u32 = 0x1f1;
/** The 64-bit entry point is so far into the protected-mode part. */
export const ENTRY_64_BIT: u64 = 0x200;

// Offsets of its fields.
const SETUP_SECTS: u32 = 0x1f1;
const SYSSIZE: u32 = 0x1f4;
const BOOT_FLAG: u32 = 0x1fe;
const JUMP_DISTANCE: u32 = 0x201;
const HEADER_MAGIC: u32 = 0x202;
const VERSION: u32 = 0x206;
export const LOADFLAGS: u32 = 0x211;
const INITRD_ADDR_MAX: u32 = 0x22c;
const KERNEL_ALIGNMENT: u32 = 0x230;
const RELOCATABLE_KERNEL: u32 = 0x234;
const XLOADFLAGS: u32 = 0x236;
const CMDLINE_SIZE: u32 = 0x238;
const PREF_ADDRESS: u32 = 0x258;
const INIT_SIZE: u32 = 0x260;

const BOOT_FLAG_VALUE: u32 = 0xaa55;
/** "HdrS" */
const HEADER_MAGIC_VALUE: u32 = 0x53726448;
/** 2.12: the first with xloadflags. */
const VERSION_WITH_64_BIT: u32 = 0x20c;
/** A header of that version ends behind init_size at least; what it can fill of the zero page ends at EDD's fields. */
const LEAST_END: u32 = 0x264;
const GREATEST_END: u32 = 0x290;
const LOADED_HIGH: u32 = 1 << 0;
const XLF_KERNEL_64: u32 = 1 << 0;
const SECTOR_BYTES: u32 = 512;
/** For a setup_sects of 0. */
const USUAL_SETUP_SECTS: u32 = 4;
const PARAGRAPH_BYTES: u64 = 16;
const PAGE_BYTES: u64 = 4096;

/** Whether the module says that it is a Linux kernel with a setup header. */
export function hasLinuxHeader(module: ModuleBytes): bool {
  return module.holds(HEADER_MAGIC, 4) && module.u32(HEADER_MAGIC) == HEADER_MAGIC_VALUE;
}

/** The header's fields, which `read` fills in. */
export class LinuxHeader {
  /** Where the header ends. */
  end: u32 = 0;
  /** The protected-mode part begins here in the file, and reaches to the file's end. */
  codeOffset: u64 = 0;
  alignment: u64 = 0;
  isRelocatable: bool = false;
  preferredAddress: u64 = 0;
  /** What the kernel needs from its load address on before it knows its memory map. */
  initBytes: u64 = 0;
  /** The last byte that the initial RAM disk may have. */
  initrdLast: u64 = 0;
  commandLineBytes: u32 = 0;

  constructor(private readonly module: ModuleBytes) {}

  /** Reads the fields. GOOD, or what is wrong with the header. */
  read(): string {
    const module = this.module;
    const sectors = module.u8(SETUP_SECTS);
    this.end = HEADER_MAGIC + module.u8(JUMP_DISTANCE);
    this.codeOffset = ((sectors == 0 ? USUAL_SETUP_SECTS : sectors) + 1) * SECTOR_BYTES;
    this.alignment = module.u32(KERNEL_ALIGNMENT);
    this.isRelocatable = module.u8(RELOCATABLE_KERNEL) != 0;
    this.preferredAddress = module.u64(PREF_ADDRESS);
    this.initBytes = module.u32(INIT_SIZE);
    this.initrdLast = module.u32(INITRD_ADDR_MAX);
    this.commandLineBytes = module.u32(CMDLINE_SIZE);
    return this.check();
  }

  /** Bytes of the protected-mode part; `read` has seen that there are some. */
  get codeBytes(): u64 {
    return this.module.length - this.codeOffset;
  }

  private check(): string {
    const module = this.module;
    if (!module.isWhole) return "it ends within its Linux setup header";
    if (module.u16(BOOT_FLAG) != BOOT_FLAG_VALUE) return "its Linux setup header is damaged: boot_flag is not 0xaa55";
    if (module.u16(VERSION) < VERSION_WITH_64_BIT) {
      return "it is a Linux kernel with a boot protocol before 2.12, which has no 64-bit entry point";
    }
    if (this.end < LEAST_END || this.end > GREATEST_END || this.end > this.codeOffset) {
      return "its Linux setup header is damaged: its length makes no sense";
    }
    if (!(module.u8(LOADFLAGS) & LOADED_HIGH)) return "it is a Linux zImage, not a bzImage (loadflags, LOADED_HIGH)";
    if (!(module.u16(XLOADFLAGS) & XLF_KERNEL_64)) {
      return "it is a Linux kernel of 32 bits; expected one of 64 bits (xloadflags, XLF_KERNEL_64)";
    }
    return this.checkSizes();
  }

  private checkSizes(): string {
    const module = this.module;
    const syssize = module.u32(SYSSIZE) * PARAGRAPH_BYTES;
    if (syssize <= ENTRY_64_BIT) return "its Linux setup header is damaged: syssize is too small for an entry point";
    if (!module.holds(this.codeOffset, syssize)) {
      return "it is a truncated Linux kernel: it ends before setup_sects and syssize say";
    }
    if (this.initBytes < syssize) return "its Linux setup header is damaged: init_size is smaller than syssize";
    const alignment = this.alignment;
    if (alignment < PAGE_BYTES || (alignment & (alignment - 1)) != 0) {
      return "its Linux setup header is damaged: kernel_alignment is no power of two above 4 KiB";
    }
    return GOOD;
  }
}
