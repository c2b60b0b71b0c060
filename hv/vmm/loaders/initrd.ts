// The initial RAM disk of a kernel that is loaded by a plan: high in RAM, where no part of the kernel is.

import { ModuleBytes } from "../memory/module-bytes";
import { Ram, RAM_OK } from "../memory/ram";
import { LoadPlan } from "./load-plan";

export const NO_ROOM_FOR_INITRD: string =
  "this VM has too little RAM for its initial RAM disk beside the kernel; give it more (memory=)";

/** An initial RAM disk and its place, which the kernel is told. */
export class Initrd {
  /** 0 where it has none. */
  start: u64 = 0;

  /** `module` has 0 bytes where there is none. */
  constructor(private readonly module: ModuleBytes) {}

  get bytes(): u64 {
    return this.module.length;
  }

  get isThere(): bool {
    return this.bytes != 0;
  }

  /** Takes room for it behind all parts of the kernel. False where there is none. */
  place(plan: LoadPlan): bool {
    this.start = 0;
    if (!this.isThere) return true;
    this.start = plan.takeHighRoom(this.bytes);
    return this.start != 0;
  }

  /** Copies it to its place. False where it could not be. */
  load(ram: Ram): bool {
    if (!this.isThere) return true;
    const from = this.module.pointer(0, this.bytes);
    return from != 0 && ram.copyIn(this.start, from, this.bytes) == RAM_OK;
  }
}
