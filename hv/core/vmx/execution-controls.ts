// Which controls Basalt's VMs run with, and why each is on.

import {
  ENTRY_IA32E_MODE_GUEST,
  ENTRY_LOAD_DEBUG_CONTROLS,
  ENTRY_LOAD_IA32_EFER,
  ENTRY_LOAD_IA32_PAT,
  EXIT_HOST_ADDRESS_SPACE_SIZE,
  EXIT_LOAD_IA32_EFER,
  EXIT_LOAD_IA32_PAT,
  EXIT_SAVE_DEBUG_CONTROLS,
  EXIT_SAVE_IA32_EFER,
  EXIT_SAVE_IA32_PAT,
  PIN_EXTERNAL_INTERRUPT_EXITING,
  PIN_NMI_EXITING,
  PIN_VIRTUAL_NMIS,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_CR8_LOAD_EXITING,
  PRIMARY_CR8_STORE_EXITING,
  PRIMARY_HLT_EXITING,
  PRIMARY_MONITOR_EXITING,
  PRIMARY_MWAIT_EXITING,
  PRIMARY_UNCONDITIONAL_IO_EXITING,
  SECONDARY_ENABLE_EPT,
  SECONDARY_ENABLE_INVPCID,
  SECONDARY_ENABLE_RDTSCP,
  SECONDARY_ENABLE_VPID,
  SECONDARY_UNRESTRICTED_GUEST,
} from "../../x86/vmx-controls";
import {
  ENTRY_CONTROL_NAMES,
  EXIT_CONTROL_NAMES,
  PIN_CONTROL_NAMES,
  PRIMARY_CONTROL_NAMES,
  SECONDARY_CONTROL_NAMES,
} from "../../x86/vmx-control-names";
import { Console } from "../console/console";
import { RESULT_CONTROL_UNSUPPORTED, RESULT_NO_EPT, RESULT_NO_UNRESTRICTED_GUEST, RESULT_OK } from "../results";
import { VmxCapabilities } from "./capabilities";
import { Controls, sanitisePairs } from "./controls";

// The host's interrupts and NMIs are the host's: the guest cannot keep the CPU by masking them.
const PIN_REQUIRED: u32 = PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING;
// A guest that waits must not stop the CPU, no port of the machine is a guest's, and without TPR shadow CR8 would be the
// host's TPR: a guest could mask the timer that bounds its vmm. Without "use MSR bitmaps" every RDMSR and WRMSR exits.
const PRIMARY_REQUIRED: u32 =
  PRIMARY_HLT_EXITING |
  PRIMARY_MWAIT_EXITING |
  PRIMARY_MONITOR_EXITING |
  PRIMARY_CR8_LOAD_EXITING |
  PRIMARY_CR8_STORE_EXITING |
  PRIMARY_UNCONDITIONAL_IO_EXITING |
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS;
// Unrestricted guest: a VM starts, and may at any time be, in real mode or with paging off.
const SECONDARY_REQUIRED: u32 = SECONDARY_ENABLE_EPT | SECONDARY_UNRESTRICTED_GUEST;
// The instructions that "enable" controls turn on would be #UD in the guest though CPUID shows them.
const SECONDARY_OPTIONAL: u32 = SECONDARY_ENABLE_VPID | SECONDARY_ENABLE_RDTSCP | SECONDARY_ENABLE_INVPCID;
// DR7 and IA32_DEBUGCTL are the guest's: an exit saves them, an entry loads them.
const EXIT_REQUIRED: u32 = EXIT_HOST_ADDRESS_SPACE_SIZE | EXIT_SAVE_DEBUG_CONTROLS;
const ENTRY_REQUIRED: u32 = ENTRY_IA32E_MODE_GUEST | ENTRY_LOAD_DEBUG_CONTROLS;
const EXIT_OPTIONAL: u32 = EXIT_LOAD_IA32_PAT | EXIT_SAVE_IA32_PAT | EXIT_LOAD_IA32_EFER | EXIT_SAVE_IA32_EFER;
const ENTRY_OPTIONAL: u32 = ENTRY_LOAD_IA32_PAT | ENTRY_LOAD_IA32_EFER;

/** The five words of controls for a VM whose vCPU starts in 64-bit mode, adjusted to this CPU. */
export class ExecutionControls {
  readonly pin: Controls;
  readonly primary: Controls;
  readonly secondary: Controls;
  readonly exit: Controls;
  readonly entry: Controls;

  constructor(capabilities: VmxCapabilities) {
    const c = capabilities;
    this.pin = new Controls("pin-based controls", PIN_CONTROL_NAMES, c.pinControls, PIN_REQUIRED, PIN_VIRTUAL_NMIS);
    this.primary = new Controls("primary controls", PRIMARY_CONTROL_NAMES, c.primaryControls, PRIMARY_REQUIRED, 0);
    this.secondary = new Controls(
      "secondary controls",
      SECONDARY_CONTROL_NAMES,
      c.secondaryControls,
      SECONDARY_REQUIRED,
      SECONDARY_OPTIONAL,
    );
    this.exit = new Controls("VM-exit controls", EXIT_CONTROL_NAMES, c.exitControls, EXIT_REQUIRED, EXIT_OPTIONAL);
    this.entry = new Controls(
      "VM-entry controls",
      ENTRY_CONTROL_NAMES,
      c.entryControls,
      ENTRY_REQUIRED,
      ENTRY_OPTIONAL,
    );
  }

  /** Keeps entry and exit in step, prints the words, and names what is missing: RESULT_OK or a refusal. */
  check(console: Console): u32 {
    sanitisePairs(this.entry, this.exit, console);
    if (!this.exit.has(EXIT_LOAD_IA32_PAT)) this.exit.drop(EXIT_SAVE_IA32_PAT);
    if (!this.exit.has(EXIT_LOAD_IA32_EFER)) this.exit.drop(EXIT_SAVE_IA32_EFER);
    const isPinGood = this.pin.report(console);
    const isPrimaryGood = this.primary.report(console);
    const isSecondaryGood = this.secondary.report(console);
    const isExitGood = this.exit.report(console);
    const isEntryGood = this.entry.report(console);
    if (this.secondary.missing & SECONDARY_ENABLE_EPT) return RESULT_NO_EPT;
    if (this.secondary.missing & SECONDARY_UNRESTRICTED_GUEST) return RESULT_NO_UNRESTRICTED_GUEST;
    const isGood = isPinGood && isPrimaryGood && isSecondaryGood && isExitGood && isEntryGood;
    return isGood ? RESULT_OK : RESULT_CONTROL_UNSUPPORTED;
  }
}
