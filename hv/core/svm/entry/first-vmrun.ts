// The doctor around a vCPU's first VMRUN: what it says before, and of a VMCB that VMRUN refused.

import { LEVEL_ERROR } from "../../console/console";
import { PagePool } from "../../memory/page-pool";
import { Vcpu } from "../../vcpu/vcpu";
import { Vmcb } from "../vmcb";
import { copyVmcb } from "./copy-vmcb";
import { EntryDoctor } from "./entry-doctor";

/** With `doctor=strict`: judges the VMCB before its first VMRUN. False where a rule of VMRUN is violated. */
export function mayEnter(doctor: EntryDoctor, vcpu: Vcpu, vmcb: Vmcb): bool {
  if (doctor.examine(vmcb, vcpu.memory.pool.physicalAddress(vmcb.page))) return true;
  vcpu.say(LEVEL_ERROR).text("the VMCB breaks rules of VMRUN; Basalt does not enter (doctor=strict)").end();
  doctor.print(vcpu);
  return false;
}

/** A VMCB as it was before its first VMRUN, where there is a page for that. */
export class PreparedVmcb {
  private readonly page: usize;

  /** Takes one of the pool's pages. */
  constructor(private readonly pool: PagePool) {
    this.page = pool.allocate();
  }

  /** Keeps what the VMCB holds. */
  keep(vmcb: Vmcb): void {
    if (this.page != 0) copyVmcb(vmcb, Vmcb.of(this.page));
  }

  /** Prints every rule that the VMCB violates, which VMRUN has refused: as it was kept, if that was its first VMRUN. */
  explain(doctor: EntryDoctor, vcpu: Vcpu, vmcb: Vmcb, wasFirst: bool): void {
    const judged = wasFirst && this.page != 0 ? Vmcb.of(this.page) : vmcb;
    doctor.examine(judged, this.pool.physicalAddress(vmcb.page));
    doctor.print(vcpu);
  }
}
