// All that a vmm keeps of its VM beside RAM, disk and vCPU, as one table: saved, and restored into a vmm of the same VM.

import { VcpuPage, STATE_NUMBERS } from "../shared/vcpu-page";
import { ConsoleLine } from "./devices/console-line";
import { ScratchRegisters } from "./devices/scratch-registers";
import { Loading } from "./loaders/loading";
import { Machine } from "./machine";
import { addressOf } from "./memory/array-address";
import { SIGNAL_EVENT, Signals } from "./signals";
import { STATE_OK, STATE_TOO_LONG, StateTable } from "./state";

/** "BSLT" */
const TAG: u32 = 0x42534c54;
/** Of the parts and their order; each part has its own. */
const VERSION: u32 = 1;

export class SavedState {
  private readonly table: StateTable = new StateTable();

  /** Tells in the page where the table lies. */
  constructor(
    private readonly page: VcpuPage,
    private readonly signals: Signals,
    private readonly machine: Machine,
    private readonly line: ConsoleLine,
    private readonly scratch: ScratchRegisters,
    private readonly loading: Loading,
  ) {
    page.stateAddress = addressOf(this.table.numbers);
  }

  /** Fills the table; the VM goes on as if nothing had been. One of STATE_*. */
  save(): u32 {
    const table = this.table;
    table.startSaving();
    this.visit();
    this.page.stateLength = table.length;
    return table.status;
  }

  /**
   * Takes what the table and the page's `stateLength` say; RAM, disk and `tscOffset` are to be those of the saved VM by then. One
   * of STATE_*: with another than STATE_OK the machine is as after power-on.
   */
  restore(): u32 {
    const table = this.table;
    if (this.page.stateLength > STATE_NUMBERS) return STATE_TOO_LONG;
    table.length = this.page.stateLength;
    // So that no line or alarm of before does anything meanwhile.
    this.machine.reset();
    table.startRestoring();
    this.visit();
    table.end();
    this.signals.raised = SIGNAL_EVENT;
    if (table.status != STATE_OK) this.clear();
    return table.status;
  }

  private visit(): void {
    const table = this.table;
    const page = this.page;
    table.begin(TAG, VERSION);
    table.same(page.ramBytes);
    table.same(page.diskBytes);
    table.same(page.tscKilohertz);
    this.loading.isClean = table.flag(this.loading.isClean);
    this.line.visit(table);
    this.scratch.visit(table);
    this.machine.visit(table);
    this.signals.raised |= SIGNAL_EVENT;
  }

  private clear(): void {
    this.machine.reset();
    this.line.clear();
    this.page.wakeAt = this.machine.alarms.next;
  }
}
