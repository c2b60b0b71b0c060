// Linux's boot_params, the "zero page" (Documentation/arch/x86/zero-page.rst, boot.rst).

import { ModuleBytes } from "../memory/module-bytes";
import { Ram, RAM_OK } from "../memory/ram";
import { LinuxHeader, SETUP_HEADER } from "./linux-header";
import { COMMAND_LINE, ZERO_PAGE } from "./linux-start";
import { MEMORY_MAP_ENTRIES, MemoryMap } from "./memory-map";

const ZERO_PAGE_BYTES: u64 = 4096;

// Offsets of fields; screen_info, from 0 on, stays 0: lines and columns of 0 are no screen, and Linux looks for none.
const ACPI_RSDP_ADDR: u64 = 0x70;
const E820_ENTRIES: u64 = 0x1e8;
const VID_MODE: u64 = 0x1fa;
const TYPE_OF_LOADER: u64 = 0x210;
const CODE32_START: u64 = 0x214;
const RAMDISK_IMAGE: u64 = 0x218;
const RAMDISK_SIZE: u64 = 0x21c;
const CMD_LINE_PTR: u64 = 0x228;
const SETUP_DATA: u64 = 0x250;
const E820_TABLE: u64 = 0x2d0;
const E820_ENTRY_BYTES: u64 = 20;

/** A loader without a number of its own. */
const LOADER_UNDEFINED: u64 = 0xff;
const VIDEO_MODE_NORMAL: u64 = 0xffff;

/** Fields of the zero page, one after the other. */
class ZeroPage {
  isGood: bool = true;

  constructor(private readonly ram: Ram) {}

  put(offset: u64, bytes: u32, value: u64): void {
    if (this.ram.writeLow(ZERO_PAGE + offset, bytes, value) != RAM_OK) this.isGood = false;
  }

  /** All of it is 0, but for the setup header, which is the file's own. */
  begin(module: ModuleBytes, header: LinuxHeader): void {
    const bytes = header.end - SETUP_HEADER;
    const from = module.pointer(SETUP_HEADER, bytes);
    if (this.ram.fill(ZERO_PAGE, 0, ZERO_PAGE_BYTES) != RAM_OK) this.isGood = false;
    if (from == 0 || this.ram.copyIn(ZERO_PAGE + SETUP_HEADER, from, bytes) != RAM_OK) this.isGood = false;
  }

  /** The map: an e820 entry is an address, a length and a type. */
  putMap(map: MemoryMap): void {
    this.put(E820_ENTRIES, 1, MEMORY_MAP_ENTRIES);
    for (let i: u32 = 0; i < MEMORY_MAP_ENTRIES; i++) {
      const at = E820_TABLE + i * E820_ENTRY_BYTES;
      this.put(at, 8, map.start(i));
      this.put(at + 8, 8, map.bytes(i));
      this.put(at + 16, 4, map.type(i));
    }
  }
}

/**
 * Writes it for a kernel at `start`, with the initial RAM disk [initrd, initrd + initrdBytes) below 4 GiB, none where its
 * bytes are 0. False where RAM ends before it does.
 */
export function writeBootParams(
  ram: Ram,
  module: ModuleBytes,
  header: LinuxHeader,
  map: MemoryMap,
  start: u64,
  initrd: u64,
  initrdBytes: u64,
  rsdp: u64,
): bool {
  const page = new ZeroPage(ram);
  page.begin(module, header);
  page.put(ACPI_RSDP_ADDR, 8, rsdp);
  page.putMap(map);
  page.put(VID_MODE, 2, VIDEO_MODE_NORMAL);
  page.put(TYPE_OF_LOADER, 1, LOADER_UNDEFINED);
  page.put(CODE32_START, 4, start);
  // The fields for what lies above 4 GiB (ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr) stay 0.
  page.put(RAMDISK_IMAGE, 4, initrdBytes == 0 ? 0 : initrd);
  page.put(RAMDISK_SIZE, 4, initrdBytes);
  page.put(CMD_LINE_PTR, 4, COMMAND_LINE);
  page.put(SETUP_DATA, 8, 0);
  return page.isGood;
}
