// The five words of controls that a kind of VM runs with on this CPU, and why each is on.

import { IA32_VMX_EPT_VPID_CAP, IA32_VMX_MISC } from "../../x86/msr";
import { VMX_MISC_PREEMPTION_TIMER_RATE_MASK } from "../../x86/vmx-capabilities";
import {
  ENTRY_LOAD_DEBUG_CONTROLS,
  ENTRY_LOAD_IA32_EFER,
  ENTRY_LOAD_IA32_PAT,
  EXIT_HOST_ADDRESS_SPACE_SIZE,
  EXIT_LOAD_IA32_EFER,
  EXIT_LOAD_IA32_PAT,
  EXIT_SAVE_DEBUG_CONTROLS,
  EXIT_SAVE_IA32_EFER,
  EXIT_SAVE_IA32_PAT,
  PIN_ACTIVATE_VMX_PREEMPTION_TIMER,
  PIN_EXTERNAL_INTERRUPT_EXITING,
  PIN_NMI_EXITING,
  PIN_VIRTUAL_NMIS,
  SECONDARY_ENABLE_EPT,
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
import { CPUID_1_ECX_HYPERVISOR, CPUID_LEAF_FEATURES } from "../../x86/cpuid";
import { Console } from "../console/console";
import { Cpuid } from "../cpu/cpuid";
import { checkEptSupport } from "./ept/ept";
import { MAPPING_OK, mappingStatusText } from "../memory/mapping-status";
import { RESULT_CONTROL_UNSUPPORTED, RESULT_NO_EPT, RESULT_NO_UNRESTRICTED_GUEST, RESULT_OK } from "../results";
import { VmxCapabilities } from "./capabilities";
import { Controls, sanitisePairs } from "./controls";
import { checkInvvpid } from "./invalidate";
import {
  ENTRY_MODE,
  PRIMARY_OPTIONAL,
  PRIMARY_REQUIRED,
  SECONDARY_OPTIONAL,
  SECONDARY_REQUIRED,
} from "./kind-controls";

// The host's interrupts and NMIs are the host's: the guest cannot keep the CPU by masking them. The preemption timer is there
// for Bochs 2.7, in which it can: external interrupts exit only while the guest's IF is 1. Under another hypervisor, which
// would have to emulate it at each entry, it stays off.
const PIN_REQUIRED: u32 = PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING;
const PIN_OPTIONAL: u32 = PIN_VIRTUAL_NMIS | PIN_ACTIVATE_VMX_PREEMPTION_TIMER;
// DR7 and IA32_DEBUGCTL are the guest's: an exit saves them, an entry loads them.
const EXIT_REQUIRED: u32 = EXIT_HOST_ADDRESS_SPACE_SIZE | EXIT_SAVE_DEBUG_CONTROLS;
const EXIT_OPTIONAL: u32 = EXIT_LOAD_IA32_PAT | EXIT_SAVE_IA32_PAT | EXIT_LOAD_IA32_EFER | EXIT_SAVE_IA32_EFER;
const ENTRY_OPTIONAL: u32 = ENTRY_LOAD_IA32_PAT | ENTRY_LOAD_IA32_EFER;

/** The five words of controls for a VM of kind `kind` (hv/core/guest-kinds.ts), adjusted to this CPU. */
export class ExecutionControls {
  readonly pin: Controls;
  readonly primary: Controls;
  readonly secondary: Controls;
  readonly exit: Controls;
  readonly entry: Controls;

  constructor(
    private readonly capabilities: VmxCapabilities,
    kind: u32,
  ) {
    const c = capabilities;
    const cpuid = new Cpuid();
    cpuid.read(CPUID_LEAF_FEATURES, 0);
    const optional = cpuid.ecx & CPUID_1_ECX_HYPERVISOR ? PIN_VIRTUAL_NMIS : PIN_OPTIONAL;
    this.pin = new Controls("pin-based controls", PIN_CONTROL_NAMES, c.pinControls, PIN_REQUIRED, optional);
    this.primary = new Controls(
      "primary controls",
      PRIMARY_CONTROL_NAMES,
      c.primaryControls,
      PRIMARY_REQUIRED[kind],
      PRIMARY_OPTIONAL[kind],
    );
    this.secondary = new Controls(
      "secondary controls",
      SECONDARY_CONTROL_NAMES,
      c.secondaryControls,
      SECONDARY_REQUIRED[kind],
      SECONDARY_OPTIONAL[kind],
    );
    this.exit = new Controls("VM-exit controls", EXIT_CONTROL_NAMES, c.exitControls, EXIT_REQUIRED, EXIT_OPTIONAL);
    this.entry = new Controls(
      "VM-entry controls",
      ENTRY_CONTROL_NAMES,
      c.entryControls,
      ENTRY_LOAD_DEBUG_CONTROLS | ENTRY_MODE[kind],
      ENTRY_OPTIONAL,
    );
  }

  get hasEpt(): bool {
    return this.secondary.has(SECONDARY_ENABLE_EPT);
  }
  /** The preemption timer counts down once in 2 to this power of TSC ticks (SDM 3D A.6). */
  get preemptionTimerRate(): u64 {
    return this.capabilities.of(IA32_VMX_MISC) & VMX_MISC_PREEMPTION_TIMER_RATE_MASK;
  }
  get hasVpid(): bool {
    return this.secondary.has(SECONDARY_ENABLE_VPID);
  }

  /**
   * Keeps entry and exit in step, and gives EPT and VPID up where they are optional and this CPU allows them without what
   * Basalt needs for their use; says so where it does.
   */
  sanitise(console: Console): void {
    sanitisePairs(this.entry, this.exit, console);
    if (!this.exit.has(EXIT_LOAD_IA32_PAT)) this.exit.drop(EXIT_SAVE_IA32_PAT);
    if (!this.exit.has(EXIT_LOAD_IA32_EFER)) this.exit.drop(EXIT_SAVE_IA32_EFER);
    const described = this.capabilities.of(IA32_VMX_EPT_VPID_CAP);
    this.giveUpUnusable(SECONDARY_ENABLE_EPT, "EPT", checkEptSupport(described), console);
    this.giveUpUnusable(SECONDARY_ENABLE_VPID, "VPID", checkInvvpid(described), console);
  }

  /** Drops `bit` where its `status` is not MAPPING_OK. Required, it stays: then the guest's memory is refused. */
  private giveUpUnusable(bit: u32, name: string, status: u32, console: Console): void {
    if (status == MAPPING_OK || !this.secondary.has(bit)) return;
    this.secondary.drop(bit);
    if (this.secondary.has(bit)) return;
    console.warning().text("this CPU allows ").text(name).text("; Basalt does without it: ");
    console.text(mappingStatusText(status)).end();
  }

  /** Prints the words and names what is missing: RESULT_OK or a refusal. */
  check(console: Console): u32 {
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
