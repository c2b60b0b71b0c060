// What the boot loader tells: command line, memory map, modules and the ACPI root pointer.
// Multiboot2 specification 2.0, 3.6 "Boot information format"; Xen's PVH start info (hvm_start_info).

import { Bytes } from "../memory/bytes";
import { PhysicalMemory } from "../memory/physical-memory";
import { BootModule, MAXIMUM_MODULES } from "./boot-modules";
import { Screen } from "./screen";

export const BOOT_KIND_MULTIBOOT2: u32 = 1;
export const BOOT_KIND_PVH: u32 = 2;

export const BOOT_INFORMATION_OK: u32 = 0;
export const BOOT_INFORMATION_UNREADABLE: u32 = 1;
export const BOOT_INFORMATION_WRONG_SIZE: u32 = 2;
export const BOOT_INFORMATION_TRUNCATED: u32 = 3;
export const BOOT_INFORMATION_NO_MEMORY_MAP: u32 = 4;
export const BOOT_INFORMATION_UNKNOWN_KIND: u32 = 5;

/** A sentence for each status of BootInformation. */
export const BOOT_INFORMATION_TEXTS: StaticArray<string> = [
  "the boot information is complete",
  "the boot information lies beyond this CPU's physical addresses; the boot loader is at fault",
  "the boot information has an impossible size; expected 8 bytes to 64 KiB; the boot loader is at fault",
  "the boot information ends in the middle of an entry; the boot loader is at fault",
  "the boot information holds no memory map with entries of 24 bytes or more; start Basalt by GRUB's multiboot2 command or QEMU's -kernel",
  "neither multiboot2 nor PVH started Basalt",
];

const MAXIMUM_BYTES: u32 = 65536;
/** A longer command line is cut one letter behind this, which BootOptions refuses. */
export const MAXIMUM_COMMAND_LINE: u32 = 4096;
const MEMORY_TYPE_RAM: u32 = 1;

const TAG_END: u32 = 0;
const TAG_COMMAND_LINE: u32 = 1;
const TAG_MODULE: u32 = 3;
const TAG_MEMORY_MAP: u32 = 6;
const TAG_FRAMEBUFFER: u32 = 8;
const TAG_EFI_32: u32 = 11;
const TAG_EFI_64: u32 = 12;
const TAG_ACPI_OLD_RSDP: u32 = 14;
const TAG_ACPI_NEW_RSDP: u32 = 15;

const MODULE_TAG_BYTES: u32 = 16;
const MEMORY_ENTRY_BYTES: u32 = 24;

const PVH_START_INFO_BYTES: u32 = 56;
const PVH_MODULE_BYTES: u32 = 32;
const PVH_MAXIMUM_ENTRIES: u32 = 512;

/** The boot information, read once and checked. */
export class BootInformation {
  status: u32 = BOOT_INFORMATION_OK;
  commandLine: string = "";
  /** The ACPI root pointer's structure, or null. */
  rsdp: Bytes | null = null;
  readonly screen: Screen = new Screen();
  /** The first ones, in the loader's order. */
  readonly modules: Array<BootModule> = [];
  private hasMemoryMap: bool = false;

  /** `memory` receives all RAM; what must stay as it is (the modules, this information) is taken out of it again. */
  constructor(kind: u32, address: u64, memory: PhysicalMemory) {
    if (kind == BOOT_KIND_MULTIBOOT2) this.status = this.readMultiboot2(address, memory);
    else if (kind == BOOT_KIND_PVH) this.status = this.readPvh(address, memory);
    else this.status = BOOT_INFORMATION_UNKNOWN_KIND;
    if (this.status == BOOT_INFORMATION_OK && !this.hasMemoryMap) this.status = BOOT_INFORMATION_NO_MEMORY_MAP;
  }

  private readMultiboot2(address: u64, memory: PhysicalMemory): u32 {
    const head = Bytes.ofPhysical(address, 8);
    if (!head) return BOOT_INFORMATION_UNREADABLE;
    const size = head.u32(0);
    if (size < 8 || size > MAXIMUM_BYTES) return BOOT_INFORMATION_WRONG_SIZE;
    const information = Bytes.ofPhysical(address, size);
    if (!information) return BOOT_INFORMATION_UNREADABLE;

    // A module whose end lies before its start is taken to go on to the end of all addresses.
    // RAM first, whatever the order of the tags: what is taken out must stay out.
    for (let pass: u32 = 0; pass < 2; pass++) {
      let at: u32 = 8;
      while (true) {
        const type = information.u32(at);
        const bytes = information.u32(at + 4);
        if (!information.isWhole || bytes < 8 || bytes > size - at) return BOOT_INFORMATION_TRUNCATED;
        if (type == TAG_END) break;
        if (pass == 0) this.readTag(information, type, at, bytes, memory);
        else if (type == TAG_MODULE) {
          if (bytes < MODULE_TAG_BYTES) return BOOT_INFORMATION_TRUNCATED;
          const start: u64 = information.u32(at + 8);
          const length = <u64>information.u32(at + 12) - start;
          memory.remove(start, length);
          if (this.modules.length < MAXIMUM_MODULES) {
            const textBytes = min(bytes - MODULE_TAG_BYTES, MAXIMUM_COMMAND_LINE + 1);
            const text = information.text(at + MODULE_TAG_BYTES, textBytes);
            this.modules.push(new BootModule(start, length, text));
          }
        }
        if (!information.isWhole) return BOOT_INFORMATION_TRUNCATED;
        at += (bytes + 7) & ~7;
      }
      if (pass == 0 && this.hasMemoryMap) this.screen.compare(memory);
    }
    memory.remove(address, size);
    return BOOT_INFORMATION_OK;
  }

  private readTag(information: Bytes, type: u32, at: u32, bytes: u32, memory: PhysicalMemory): void {
    if (type == TAG_COMMAND_LINE) {
      this.commandLine = information.text(at + 8, min(bytes - 8, MAXIMUM_COMMAND_LINE + 1));
    } else if (type == TAG_MEMORY_MAP) {
      this.readMultiboot2MemoryMap(information, at, bytes, memory);
    } else if (type == TAG_FRAMEBUFFER) {
      this.screen.read(information, at, bytes);
    } else if (type == TAG_EFI_32 || type == TAG_EFI_64) {
      this.screen.expectNoText();
    } else if (type == TAG_ACPI_NEW_RSDP || (type == TAG_ACPI_OLD_RSDP && !this.rsdp)) {
      const rsdp = new Bytes(bytes - 8);
      rsdp.copy(information, at + 8);
      this.rsdp = rsdp;
    }
  }

  private readMultiboot2MemoryMap(information: Bytes, at: u32, bytes: u32, memory: PhysicalMemory): void {
    const entryBytes = information.u32(at + 8);
    if (entryBytes < MEMORY_ENTRY_BYTES) return;
    this.hasMemoryMap = true;
    // Firmware's entries may overlap; then the one that is not RAM holds.
    for (let pass: u32 = 0; pass < 2; pass++) {
      for (let entry = at + 16; entry + MEMORY_ENTRY_BYTES <= at + bytes; entry += entryBytes) {
        addEntry(information, entry, pass, memory);
        if (entry > u32.MAX_VALUE - entryBytes) break;
      }
    }
  }

  private readPvh(address: u64, memory: PhysicalMemory): u32 {
    const start = Bytes.ofPhysical(address, PVH_START_INFO_BYTES);
    if (!start) return BOOT_INFORMATION_UNREADABLE;
    const version = start.u32(4);
    const moduleCount = start.u32(12);
    const moduleList = start.u64(16);
    const commandLine = start.u64(24);
    const rsdp = start.u64(32);
    const memoryMap = start.u64(40);
    const memoryEntries = start.u32(48);
    if (version < 1 || memoryEntries == 0) return BOOT_INFORMATION_NO_MEMORY_MAP;
    if (memoryEntries > PVH_MAXIMUM_ENTRIES || moduleCount > PVH_MAXIMUM_ENTRIES) return BOOT_INFORMATION_WRONG_SIZE;

    const entries = Bytes.ofPhysical(memoryMap, memoryEntries * MEMORY_ENTRY_BYTES);
    const modules = Bytes.ofPhysical(moduleList, moduleCount * PVH_MODULE_BYTES);
    if (!entries || !modules) return BOOT_INFORMATION_UNREADABLE;
    this.hasMemoryMap = true;
    for (let pass: u32 = 0; pass < 2; pass++) {
      for (let i: u32 = 0; i < memoryEntries; i++) addEntry(entries, i * MEMORY_ENTRY_BYTES, pass, memory);
    }
    for (let i: u32 = 0; i < moduleCount; i++) {
      const at = i * PVH_MODULE_BYTES;
      memory.remove(modules.u64(at), modules.u64(at + 8));
      if (this.modules.length == MAXIMUM_MODULES) continue;
      const text = this.readPvhText(modules.u64(at + 16));
      this.modules.push(new BootModule(modules.u64(at), modules.u64(at + 8), text));
    }
    memory.remove(address, PVH_START_INFO_BYTES);
    this.commandLine = this.readPvhText(commandLine);
    if (rsdp != 0) this.rsdp = Bytes.ofPhysical(rsdp, 36);
    return this.status;
  }

  /** The text at `hpa`, "" where that is 0; beyond the CPU's physical addresses the information is unreadable. */
  private readPvhText(hpa: u64): string {
    if (hpa == 0) return "";
    const text = Bytes.ofPhysical(hpa, MAXIMUM_COMMAND_LINE + 1);
    if (text) return text.text(0, MAXIMUM_COMMAND_LINE + 1);
    this.status = BOOT_INFORMATION_UNREADABLE;
    return "";
  }
}

// Multiboot2's and PVH's entries are alike: base, length, type.
function addEntry(entries: Bytes, at: u32, pass: u32, memory: PhysicalMemory): void {
  const base = entries.u64(at);
  const length = entries.u64(at + 8);
  const isRam = entries.u32(at + 16) == MEMORY_TYPE_RAM;
  if (pass == 0 && isRam) memory.add(base, length);
  if (pass == 1 && !isRam) memory.remove(base, length);
}
