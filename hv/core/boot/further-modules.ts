// What is said of a guest that is a boot module beside which one it is: its initrd, its disk, and what its kernel is.

import { MAXIMUM_MODULES } from "./boot-modules";
import { decimal, memorySize } from "./option-values";

/** Of `initrd` and `disk`: there is none. */
export const NO_MODULE: u32 = 0xffffffff;
/** What is wrong with a number of a boot module. */
export const NO_MODULE_NUMBER: string = "a boot module has a number from 1 to 49";

const MODULE_PREFIX: string = "module:";
const READ_ONLY_SUFFIX: string = ":readonly";
const RAM_PREFIX: string = "ram:";
const FLAT: string = "flat";
/** All that a vmm has of modules and disk lies between MODULE_IN_VMM and VCPU_PAGE_IN_VMM. */
const MOST_RAM_DISK_BYTES: u64 = 766 << 20;

/** The keys `initrd`, `disk` and `load`, of the boot options and of the VM table. */
export class FurtherModules {
  /** Boot modules, from 0 on, or NO_MODULE. */
  initrd: u32 = NO_MODULE;
  disk: u32 = NO_MODULE;
  /** Of a disk that is a module: the VM only reads it, so that others may have it, too. */
  diskIsReadOnly: bool = false;
  /** Bytes of a disk that is RAM and begins as zeroes, a multiple of 2 MiB; 0: the VM has no such disk. */
  ramDiskBytes: u64 = 0;
  /** The kernel is a flat binary, whatever its bytes look like. */
  isFlat: bool = false;

  get hasDisk(): bool {
    return this.disk != NO_MODULE || this.ramDiskBytes != 0;
  }

  get isEmpty(): bool {
    return this.initrd == NO_MODULE && !this.hasDisk;
  }

  /** Takes `value`, as in module:2, as the initrd. What is wrong with it, "" if nothing is. */
  chooseInitrd(value: string): string {
    if (!value.startsWith(MODULE_PREFIX)) return "expected module:N, the number of a boot module";
    this.initrd = moduleNumber(value);
    return this.initrd == NO_MODULE ? NO_MODULE_NUMBER : "";
  }

  /** Takes `value`, as in module:3, module:3:readonly or ram:64M, as the disk. What is wrong with it, "" if nothing is. */
  chooseDisk(value: string): string {
    this.disk = NO_MODULE;
    this.ramDiskBytes = 0;
    if (value.startsWith(RAM_PREFIX)) {
      const bytes = memorySize(value.slice(RAM_PREFIX.length));
      if (bytes == 0 || bytes > MOST_RAM_DISK_BYTES) return "expected an even number of MiB from ram:2M to ram:766M";
      this.ramDiskBytes = bytes;
      return "";
    }
    if (!value.startsWith(MODULE_PREFIX)) return "expected module:N, module:N:readonly or ram:SIZE";
    this.diskIsReadOnly = value.endsWith(READ_ONLY_SUFFIX);
    this.disk = moduleNumber(this.diskIsReadOnly ? value.slice(0, value.length - READ_ONLY_SUFFIX.length) : value);
    return this.disk == NO_MODULE ? NO_MODULE_NUMBER : "";
  }

  /** Takes `value` as how the kernel is loaded. What is wrong with it, "" if nothing is. */
  chooseLoad(value: string): string {
    this.isFlat = value == FLAT;
    return this.isFlat ? "" : "expected flat; without load= the file itself says what it is";
  }

  /** Takes from `others` what it does not say itself. */
  complete(others: FurtherModules): void {
    if (this.initrd == NO_MODULE) this.initrd = others.initrd;
    if (others.isFlat) this.isFlat = true;
    if (this.hasDisk) return;
    this.disk = others.disk;
    this.diskIsReadOnly = others.diskIsReadOnly;
    this.ramDiskBytes = others.ramDiskBytes;
  }
}

/** The N of "module:N", from 0 on; NO_MODULE where it is no boot module's. */
function moduleNumber(value: string): u32 {
  const number = decimal(value.slice(MODULE_PREFIX.length));
  return number == 0 || number > <u64>MAXIMUM_MODULES ? NO_MODULE : <u32>number - 1;
}
