// What core knows of the machine that it runs on: the root object of one processor's core.

import { BootOptions } from "./boot/options";
import { Console } from "./console/console";
import { Mtrrs } from "./memory/memory-type";
import { PagePool } from "./memory/page-pool";
import { PhysicalMemory } from "./memory/physical-memory";
import { EntryDoctor } from "./entry/entry-doctor";
import { VmxCapabilities } from "./vmx/capabilities";
import { ExecutionControls } from "./vmx/execution-controls";
import { KINDS } from "./vmx/vm-kinds";

/** Everything that creating a VM needs. */
export class Machine {
  private readonly controls: StaticArray<ExecutionControls | null> = new StaticArray<ExecutionControls | null>(KINDS);

  private doctor: EntryDoctor | null = null;

  constructor(
    readonly console: Console,
    readonly options: BootOptions,
    readonly memory: PhysicalMemory,
    readonly pool: PagePool,
    readonly maximumPhysicalAddress: u32,
    readonly mtrrs: Mtrrs,
    readonly capabilities: VmxCapabilities,
  ) {}

  /** The VM-entry doctor, made when it is first asked for. */
  get entryDoctor(): EntryDoctor {
    const known = this.doctor;
    if (known) return known;
    const doctor = new EntryDoctor(this.capabilities, this.pool);
    this.doctor = doctor;
    return doctor;
  }

  /** The controls of a kind of VM (hv/core/vmx/vm-kinds.ts), in step and not yet checked. */
  controlsOf(kind: u32): ExecutionControls {
    const known = this.controls[kind];
    if (known) return known;
    const controls = new ExecutionControls(this.capabilities, kind);
    controls.sanitise(this.console);
    this.controls[kind] = controls;
    return controls;
  }
}
