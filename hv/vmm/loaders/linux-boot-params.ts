// Linux's boot_params, the "zero page" (Documentation/arch/x86/zero-page.rst, boot.rst).

import { Ram, RAM_OK } from "../memory/ram";
import { Initrd } from "./initrd";
import { SETUP_HEADER } from "./linux-header";
import { COMMAND_LINE, ZERO_PAGE } from "./linux-start";
import { Loading } from "./loading";
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

/**
 * Writes it for a kernel at `start`, both of which lie below 4 GiB as its initial RAM disk does: the setup header is the
 * file's own, all else that is not set here is 0. False where RAM ends before it does.
 */
export function writeBootParams(loading: Loading, start: u64): bool {
  const ram = loading.ram;
  const bytes = loading.header.end - SETUP_HEADER;
  const from = loading.files.kernel.pointer(SETUP_HEADER, bytes);
  if (from == 0 || ram.fill(ZERO_PAGE, 0, ZERO_PAGE_BYTES) != RAM_OK) return false;
  if (ram.copyIn(ZERO_PAGE + SETUP_HEADER, from, bytes) != RAM_OK) return false;
  put(ram, ACPI_RSDP_ADDR, 8, loading.files.rsdp);
  putMap(ram, loading.map);
  put(ram, VID_MODE, 2, VIDEO_MODE_NORMAL);
  put(ram, TYPE_OF_LOADER, 1, LOADER_UNDEFINED);
  put(ram, CODE32_START, 4, start);
  putInitrd(ram, loading.initrd);
  put(ram, CMD_LINE_PTR, 4, COMMAND_LINE);
  put(ram, SETUP_DATA, 8, 0);
  return true;
}

/** A field of the page, all of which is RAM. */
function put(ram: Ram, offset: u64, bytes: u32, value: u64): void {
  ram.writeLow(ZERO_PAGE + offset, bytes, value);
}

/** The fields for what lies above 4 GiB (ext_ramdisk_image, ext_ramdisk_size) stay 0. */
function putInitrd(ram: Ram, initrd: Initrd): void {
  put(ram, RAMDISK_IMAGE, 4, initrd.start);
  put(ram, RAMDISK_SIZE, 4, initrd.bytes);
}

/** An e820 entry is an address, a length and a type. */
function putMap(ram: Ram, map: MemoryMap): void {
  put(ram, E820_ENTRIES, 1, MEMORY_MAP_ENTRIES);
  for (let i: u32 = 0; i < MEMORY_MAP_ENTRIES; i++) {
    const at = E820_TABLE + i * E820_ENTRY_BYTES;
    put(ram, at, 8, map.start(i));
    put(ram, at + 8, 8, map.bytes(i));
    put(ram, at + 16, 4, map.type(i));
  }
}
