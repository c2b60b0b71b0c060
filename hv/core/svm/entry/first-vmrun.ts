// The doctor around a vCPU's first VMRUN: what it says before, and of a VMCB that VMRUN refused.

import { LEVEL_ERROR } from "../../console/console";
import { Machine } from "../../machine";
import { Vcpu } from "../../vcpu/vcpu";
import { Vmcb } from "../vmcb";
import { copyVmcb } from "./copy-vmcb";
import { EntryDoctor } from "./entry-doctor";

/** With `doctor=strict`: judges the VMCB before its first VMRUN. False where a rule of VMRUN is violated. */
export function mayEnter(machine: Machine, doctor: EntryDoctor, vcpu: Vcpu, vmcb: Vmcb): bool {
  if (doctor.examine(vmcb, machine.pool.physicalAddress(vmcb.page))) return true;
  vcpu.say(LEVEL_ERROR).text("the VMCB breaks rules of VMRUN; Basalt does not enter (doctor=strict)").end();
  doctor.print(vcpu);
  return false;
}

/** A VMCB as it was before its first VMRUN, where there is a page for that. */
export class PreparedVmcb {
  private page: usize;

  /** Takes one of the pool's pages, which drop gives back. */
  constructor(private readonly machine: Machine) {
    this.page = machine.pool.allocate();
  }

  /** Keeps what the VMCB holds. */
  keep(vmcb: Vmcb): void {
    if (this.page != 0) copyVmcb(vmcb, Vmcb.of(this.page));
  }

  /** Gives the page back. */
  drop(): void {
    if (this.page != 0) this.machine.pool.free(this.page);
    this.page = 0;
  }

  /** Prints every rule that the VMCB violates, which VMRUN has refused: as it was kept, if that was its first VMRUN. */
  explain(doctor: EntryDoctor, vcpu: Vcpu, vmcb: Vmcb, wasFirst: bool): void {
    const pool = this.machine.pool;
    const judged = wasFirst && this.page != 0 ? Vmcb.of(this.page) : vmcb;
    doctor.examine(judged, pool.physicalAddress(vmcb.page));
    doctor.print(vcpu);
  }
}
