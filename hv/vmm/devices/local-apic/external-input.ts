// The 8259s' INTR, which is the local APIC's LINT0 (SDM 3A 11.1).

import { ExternalListener } from "../../interrupts";
import { LocalApic } from "./local-apic";

export class ExternalInput extends ExternalListener {
  constructor(private readonly apic: LocalApic) {
    super();
  }

  onExternalChange(): void {
    this.apic.onExternalChange();
  }
}
