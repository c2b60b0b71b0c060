// What core holds of the machine while no VM is there: after one round of guests as much as after any other.

import { Console, LEVEL_DEBUG, LEVEL_ERROR, LEVEL_INFO } from "../console/console";
import { Machine } from "../machine";
import { heapBytes } from "../memory/arenas";

/** On the CPU that booted: the machine's blocks, too, which all CPUs share. */
export class Holdings {
  private blocks: u64 = 0;
  private pages: u32 = 0;
  private bytes: u32 = 0;

  constructor(private readonly cpu: u32) {}

  /**
   * Counts free blocks of RAM that nobody has reserved, pages of core's pool in use, and bytes of core's heap in use. No VM is on
   * any CPU.
   */
  count(machine: Machine): void {
    this.blocks = this.cpu == 0 ? machine.blocks.available : 0;
    this.pages = machine.pool.inUse;
    this.bytes = heapBytes();
  }

  /** Says what is held after `rounds` rounds, and whether that is what `before` had after one. True if it is. */
  compare(console: Console, before: Holdings, rounds: u64): bool {
    const isSame = this.blocks == before.blocks && this.pages == before.pages && this.bytes == before.bytes;
    const line = console.line(!isSame ? LEVEL_ERROR : this.cpu == 0 ? LEVEL_INFO : LEVEL_DEBUG);
    if (this.cpu != 0) line.text("CPU ").decimal(this.cpu).text(": ");
    line.decimal(rounds).text(isSame ? " rounds left nothing behind: " : " rounds left something behind: ");
    if (!isSame) before.describe(line).text(" after the first, now ");
    this.describe(line).end();
    return isSame;
  }

  private describe(line: Console): Console {
    if (this.cpu == 0) line.decimal(this.blocks).text(" blocks of 2 MiB are free, ");
    line.decimal(this.pages).text(" pages and ").decimal(this.bytes);
    return line.text(" bytes of core's heap are in use");
  }
}
