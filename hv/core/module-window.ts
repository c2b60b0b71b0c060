// The part of a vmm's memory in which it has its guest's boot modules and disk: where each of them lies, and mapping them.

import { PAGE_SIZE_2_MIB } from "../x86/paging";
import { MODULE_IN_VMM, VCPU_PAGE_IN_VMM } from "../shared/vcpu-page";
import { BootModule } from "./boot/boot-modules";
import { Console, LEVEL_ERROR } from "./console/console";
import { imageEnd, imageStart, MAP_READ_ONLY, MAP_WRITABLE } from "./hardware";
import { Machine } from "./machine";
import { PAGE_BYTES } from "./memory/page-pool";
import { RESULT_GUEST_NOT_LOADED, RESULT_OK, RESULT_VMM_NOT_CREATED } from "./results";
import { Vcpu } from "./vcpu/vcpu";
import { VmmMemory } from "./vmm-memory";

/** A vmm copies what it loads within its time budget; tools/image/guest-kernel.ts has the same figure. */
const MOST_LOADED_BYTES: u64 = 128 << 20;
const WINDOW_BYTES: u64 = VCPU_PAGE_IN_VMM - MODULE_IN_VMM;
const SECTOR_BYTES: u64 = 512;

/**
 * Maps one after the other, each at its own 2 MiB: so that large pages can be used, as a page table for each 2 MiB is much, a
 * module lies in them as it does in physical memory. A VM has the same ones in the same order whenever it is made, and its slot
 * is no other VM's, so that no large page is ever to take the place of a page table.
 */
export class ModuleWindow {
  /** Where the module that was mapped last lies in the vmm's memory, and its bytes. */
  address: u32 = 0;
  bytes: u32 = 0;
  private next: u64 = MODULE_IN_VMM;

  constructor(
    private readonly machine: Machine,
    private readonly vcpu: Vcpu,
    private readonly vmm: VmmMemory,
  ) {}

  /** Maps boot module `number` for the vmm to load from, read-only. RESULT_OK, or why not, which has been told. */
  showLoaded(number: u32): u32 {
    const modules = this.machine.modules;
    if (number < <u32>modules.length && modules[number].bytes > MOST_LOADED_BYTES) {
      return this.refuse(number, "is too large; expected 128 MiB at most");
    }
    return this.show(number, MAP_READ_ONLY);
  }

  /** Maps boot module `number` as a disk. RESULT_OK, or why not, which has been told. */
  showDisk(number: u32, isReadOnly: bool): u32 {
    const modules = this.machine.modules;
    if (number < <u32>modules.length && modules[number].bytes % SECTOR_BYTES != 0) {
      return this.refuse(number, "is no disk: its size is no multiple of 512 bytes");
    }
    if (!isReadOnly && number < <u32>modules.length && sharesPage(modules, number)) {
      return this.refuse(number, "cannot be written, as it overlaps another one; the boot loader is at fault");
    }
    return this.show(number, isReadOnly ? MAP_READ_ONLY : MAP_WRITABLE);
  }

  /** Takes the VM's RAM disk, and maps it. RESULT_OK, or why not, which has been told. */
  showRamDisk(): u32 {
    const disk = this.vmm.ramDisk;
    if (disk.bytes > VCPU_PAGE_IN_VMM - this.next) return this.refuseTotal(this.next + disk.bytes);
    if (!disk.take(this.next))
      return this.sayUnmapped("the RAM disk could not be mapped: memory or page tables ran out");
    this.address = <u32>this.next;
    this.bytes = <u32>disk.bytes;
    this.next += disk.bytes;
    return RESULT_OK;
  }

  /** The vmm can read, or write, to the end of the module's last page. */
  private show(number: u32, how: u32): u32 {
    const modules = this.machine.modules;
    if (number >= <u32>modules.length) return this.refuseMissing(number, <u32>modules.length);
    const module = modules[number];
    const problem = findProblem(this.machine, module);
    if (problem.length != 0) return this.refuse(number, problem);
    const address = this.next + (module.start % PAGE_SIZE_2_MIB);
    // More than the window is too large by itself, and its sum with an address might overflow.
    if (module.bytes > WINDOW_BYTES) return this.refuseTotal(MODULE_IN_VMM + module.bytes);
    const bytes = wholePages(module.bytes);
    if (address + bytes > VCPU_PAGE_IN_VMM) return this.refuseTotal(address + bytes);
    if (!this.vmm.map(address, module.start, bytes, how)) {
      return this.sayUnmapped("the boot module could not be mapped for its vmm: page tables ran out");
    }
    this.address = <u32>address;
    this.bytes = <u32>module.bytes;
    this.next = (address + bytes + PAGE_SIZE_2_MIB - 1) & ~(PAGE_SIZE_2_MIB - 1);
    return RESULT_OK;
  }

  private refuse(number: u32, problem: string): u32 {
    this.sayModule(number).text(problem).end();
    return RESULT_GUEST_NOT_LOADED;
  }

  private sayModule(number: u32): Console {
    return this.vcpu
      .say(LEVEL_ERROR)
      .text("boot module ")
      .decimal(number + 1)
      .text(" ");
  }

  private refuseTotal(end: u64): u32 {
    const line = this.vcpu.say(LEVEL_ERROR).text("kernel, initrd and disk take ");
    line.decimal((end - MODULE_IN_VMM + 0xfffff) >> 20).text(" MiB of the vmm's memory, as pieces of 2 MiB; expected ");
    line
      .decimal(WINDOW_BYTES >> 20)
      .text(" MiB at most")
      .end();
    return RESULT_GUEST_NOT_LOADED;
  }

  private refuseMissing(number: u32, there: u32): u32 {
    const line = this.vcpu
      .say(LEVEL_ERROR)
      .text("there is no boot module ")
      .decimal(number + 1)
      .text(": the boot loader gave ");
    line.decimal(there).text("; name one with GRUB's module2 or QEMU's -initrd").end();
    return RESULT_GUEST_NOT_LOADED;
  }

  private sayUnmapped(text: string): u32 {
    this.vcpu.say(LEVEL_ERROR).text(text).end();
    return RESULT_VMM_NOT_CREATED;
  }
}

function wholePages(bytes: u64): u64 {
  return (bytes + PAGE_BYTES - 1) & ~(<u64>PAGE_BYTES - 1);
}

/** What is wrong with a module's place; "" if nothing is. The loader's word is not taken for it. */
function findProblem(machine: Machine, module: BootModule): string {
  const end = module.start + module.bytes;
  if (module.bytes == 0) return "is empty";
  if (module.start % PAGE_BYTES != 0)
    return "does not start on a page boundary, as Basalt's header asks for; the boot loader is at fault";
  if (end < module.start || end > (<u64>1) << machine.maximumPhysicalAddress)
    return "lies beyond this CPU's physical addresses; the boot loader is at fault";
  if (module.start < imageEnd() && end > imageStart()) return "overlaps Basalt's image; the boot loader is at fault";
  return "";
}

/** Whether a page that module `number` has a part of has a part of another one, too. */
function sharesPage(modules: Array<BootModule>, number: u32): bool {
  const module = modules[number];
  const end = module.start + wholePages(module.bytes);
  for (let i = 0; i < modules.length; i++) {
    const other = modules[i];
    if (<u32>i != number && other.start < end && other.start + other.bytes > module.start) return true;
  }
  return false;
}
