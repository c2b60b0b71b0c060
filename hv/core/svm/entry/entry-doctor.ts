// The doctor of VMRUN at work in core: before a first VMRUN where `doctor=strict` asks for it, and after VMEXIT_INVALID.

import { Doctor } from "../../../doctor/doctor";
import { writeReport } from "../../../doctor/report";
import { svmRuleBook } from "../../../doctor/svm/rule-book";
import { Text } from "../../../doctor/text";
import { readCpuidInputs } from "../../cpu/cpuid-inputs";
import { PagePool } from "../../memory/page-pool";
import { sayReport } from "../../vcpu/say-report";
import { Vcpu } from "../../vcpu/vcpu";
import { Vmcb } from "../vmcb";
import { printDump } from "./dump";
import { EntryReader } from "./subject";

/** There is one a machine, made when it is first needed; an examination allocates nothing. */
export class EntryDoctor {
  private readonly doctor: Doctor;
  private readonly text: Text = new Text();
  private readonly reader: EntryReader;

  constructor(pool: PagePool) {
    const doctor = new Doctor(svmRuleBook());
    this.doctor = doctor;
    this.reader = new EntryReader(doctor.subject, pool);
    readCpuidInputs(doctor.subject);
  }

  /**
   * Judges what the VMCB holds now, as if the next VMRUN of this processor took it. True if no rule of VMRUN is violated.
   * After VMEXIT_INVALID some processors have written over it: give what was there before (copy-vmcb.ts). `physical` is the
   * address that VMRUN takes.
   */
  examine(vmcb: Vmcb, physical: u64): bool {
    this.reader.readVmcb(vmcb);
    this.reader.readState(physical);
    this.doctor.examine();
    return this.doctor.violations == 0;
  }

  /** Prints the report of the last `examine`, a line of the console for each of its lines; and at level debug the dump. */
  print(vcpu: Vcpu): void {
    printDump(vcpu, this.doctor.subject);
    writeReport(this.text.clear(), this.doctor);
    sayReport(vcpu, this.text);
  }
}
