// What a kernel is told as text.

/** The name of the boot loader. */
export const LOADER_NAME: string = "Basalt";

/** The kernel's command line: `length` bytes at `address` of the vmm's own half of its memory, without a zero. */
export class CommandLine {
  length: u32 = 0;

  constructor(readonly address: u32) {}
}
