// The boot modules: files that the boot loader has put into memory for Basalt. A guest can be one, and its initrd and disk.

/** Modules that are looked at: kernel, initrd and disk of each VM, and the VM table. Further ones are only left alone. */
export const MAXIMUM_MODULES: i32 = 49;

/** One boot module. Where it lies is the loader's word, which guest-modules.ts checks before anybody reads it. */
export class BootModule {
  constructor(
    readonly start: u64,
    readonly bytes: u64,
    /** What the loader gave it as its command line, which may be nothing. */
    readonly commandLine: string,
  ) {}
}
