// Whether the local APIC is there, in which mode, and enabled by software (SDM 3A 11.4.3, 11.4.7.2, 11.9, 11.12.1).

import { APIC_SOFTWARE_ENABLE } from "../../../x86/apic";
import { StateTable } from "../../state";
import { APIC_BASE_AT_RESET, MODE_BITS, MODE_DISABLED, MODE_X2APIC, MODE_XAPIC } from "./apic-base";

export const SPURIOUS_BITS: u32 = 0x3ff;
export const SPURIOUS_AT_RESET: u32 = 0xff;

/** IA32_APIC_BASE and SVR, which all other parts of the APIC look at. */
export class ApicMode {
  base: u64 = APIC_BASE_AT_RESET;
  spurious: u32 = SPURIOUS_AT_RESET;

  get isXApic(): bool {
    return (this.base & MODE_BITS) == MODE_XAPIC;
  }

  get isX2Apic(): bool {
    return (this.base & MODE_BITS) == MODE_X2APIC;
  }

  get isDisabled(): bool {
    return (this.base & MODE_BITS) == MODE_DISABLED;
  }

  get isSoftwareEnabled(): bool {
    return (this.spurious & APIC_SOFTWARE_ENABLE) != 0;
  }

  visit(table: StateTable): void {
    this.base = (APIC_BASE_AT_RESET & ~MODE_BITS) | (table.u32(<u32>this.base) & MODE_BITS);
    this.spurious = table.u32(this.spurious) & SPURIOUS_BITS;
  }
}
