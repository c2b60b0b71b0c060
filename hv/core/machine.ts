// What core knows of the machine that it runs on: the root object of one processor's core.

import { BootModule } from "./boot/boot-modules";
import { BootOptions } from "./boot/options";
import { Console } from "./console/console";
import { HostTimer } from "./interrupts/host-timer";
import { BlockPool } from "./memory/block-pool";
import { Mtrrs } from "./memory/memory-type";
import { GuestExit } from "./guest-exit";
import { PagePool } from "./memory/page-pool";
import { PhysicalMemory } from "./memory/physical-memory";
import { Virtualization } from "./vcpu/virtualization";

/** Everything that creating a VM needs. */
export class Machine {
  /** What guest RAM is made of: pieces of `memory`. */
  readonly blocks: BlockPool;
  /** Where this CPU has its copy of what is written of the image, host-physical; 0: in the image itself. */
  replica: u64 = 0;

  constructor(
    readonly console: Console,
    readonly options: BootOptions,
    readonly memory: PhysicalMemory,
    readonly modules: Array<BootModule>,
    readonly exit: GuestExit,
    readonly pool: PagePool,
    readonly maximumPhysicalAddress: u32,
    readonly mtrrs: Mtrrs,
    readonly virtualization: Virtualization,
    readonly timer: HostTimer,
  ) {
    this.blocks = new BlockPool(memory, mtrrs);
  }
}
