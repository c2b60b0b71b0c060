// What core holds of the machine while no VM is there: after one round of guests as much as after any other.

import { Console } from "../console/console";
import { Machine } from "../machine";
import { heapBytes } from "../memory/arenas";

export class Holdings {
  private blocks: u64 = 0;
  private pages: u32 = 0;
  private bytes: u32 = 0;

  /** Counts free blocks of RAM that nobody has reserved, where no other CPU takes any by now, pages of core's pool in use, and bytes of core's heap in use. */
  count(machine: Machine, isAlone: bool): void {
    this.blocks = isAlone ? machine.blocks.available : 0;
    this.pages = machine.pool.inUse;
    this.bytes = heapBytes();
  }

  /** Says what is held after `rounds` rounds, and whether that is what `before` had after one. True if it is. */
  compare(console: Console, before: Holdings, rounds: u64): bool {
    const isSame = this.blocks == before.blocks && this.pages == before.pages && this.bytes == before.bytes;
    const line = isSame ? console.info() : console.error();
    line.decimal(rounds).text(isSame ? " rounds left nothing behind: " : " rounds left something behind: ");
    if (!isSame) before.describe(line).text(" after the first, now ");
    this.describe(line).end();
    return isSame;
  }

  private describe(line: Console): Console {
    line.decimal(this.blocks).text(" blocks of 2 MiB are free, ").decimal(this.pages).text(" pages and ");
    return line.decimal(this.bytes).text(" bytes of core's heap are in use");
  }
}
