// The VM-entry doctor at work in core: before a first entry where `doctor=strict` asks for it, and after one that failed.

import { STATE_EPT_MAPS_RIP } from "../../../doctor/inputs";
import { Doctor } from "../../../doctor/doctor";
import { vmxRuleBook } from "../../../doctor/vmx-rule-book";
import { writeReport } from "../../../doctor/report";
import { Text } from "../../../doctor/text";
import { UNKNOWN, YES } from "../../../doctor/tri";
import { PagePool } from "../../memory/page-pool";
import { sayReport } from "../../vcpu/say-report";
import { VmxVcpu } from "../vmx-vcpu";
import { VmxCapabilities } from "../capabilities";
import { printDump } from "./dump";
import { eptMapsGuestRip } from "./guest-rip";
import { EntryReader, readCapabilities } from "./subject";

/** There is one a machine, made when it is first needed; what an examination allocates is a few words a VM. */
export class EntryDoctor {
  private readonly doctor: Doctor;
  private readonly text: Text = new Text();
  private readonly reader: EntryReader;

  constructor(capabilities: VmxCapabilities, pool: PagePool) {
    const doctor = new Doctor(vmxRuleBook());
    this.doctor = doctor;
    this.reader = new EntryReader(doctor.subject, pool);
    readCapabilities(doctor.subject, capabilities);
  }

  /** Judges the current VMCS, which is the vCPU's. True if no rule of VM entry is violated. */
  examine(vcpu: VmxVcpu): bool {
    const subject = this.doctor.subject;
    this.reader.readVmcs();
    this.reader.readState(vcpu.vmcs, vcpu.hasExited ? 1 : 0);
    const isMapped = eptMapsGuestRip(subject, vcpu.memory);
    if (isMapped == UNKNOWN) subject.unset(STATE_EPT_MAPS_RIP);
    else subject.set(STATE_EPT_MAPS_RIP, isMapped == YES ? 1 : 0);
    this.doctor.examine();
    return this.doctor.violations == 0;
  }

  /** Prints the report of the last `examine`, a line of the console for each of its lines; and at level debug the dump. */
  print(vcpu: VmxVcpu): void {
    printDump(vcpu, this.doctor.subject);
    writeReport(this.text.clear(), this.doctor);
    sayReport(vcpu, this.text);
  }
}
