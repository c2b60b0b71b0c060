// The VMX capability MSRs, read once (SDM 3D appendix A), and what of them contradicts itself.

import {
  IA32_VMX_BASIC,
  IA32_VMX_ENTRY_CTLS,
  IA32_VMX_EPT_VPID_CAP,
  IA32_VMX_EXIT_CTLS,
  IA32_VMX_EXIT_CTLS2,
  IA32_VMX_PINBASED_CTLS,
  IA32_VMX_PROCBASED_CTLS,
  IA32_VMX_PROCBASED_CTLS2,
  IA32_VMX_PROCBASED_CTLS3,
  IA32_VMX_TRUE_ENTRY_CTLS,
  IA32_VMX_TRUE_EXIT_CTLS,
  IA32_VMX_TRUE_PINBASED_CTLS,
  IA32_VMX_TRUE_PROCBASED_CTLS,
  IA32_VMX_VMCS_ENUM,
  IA32_VMX_VMFUNC,
} from "../../x86/msr";
import { VMX_BASIC_TRUE_CONTROLS } from "../../x86/vmx-capabilities";
import {
  EXIT_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_ACTIVATE_TERTIARY_CONTROLS,
  SECONDARY_ENABLE_EPT,
  SECONDARY_ENABLE_VM_FUNCTIONS,
  SECONDARY_ENABLE_VPID,
} from "../../x86/vmx-controls";
import { CAPABILITY_NAMES } from "../../doctor/inputs";
import { Console, LEVEL_ERROR, LEVEL_WARNING } from "../console/console";
import { rdmsr, tryRdmsr } from "../hardware";

const FIRST: u32 = IA32_VMX_BASIC;
const COUNT: i32 = <i32>(IA32_VMX_EXIT_CTLS2 - IA32_VMX_BASIC + 1);

/** The VMX capability MSRs of one processor; an MSR that it does not have reads as 0. */
export class VmxCapabilities {
  private readonly values: StaticArray<u64> = new StaticArray<u64>(COUNT);
  private readonly exists: StaticArray<bool> = new StaticArray<bool>(COUNT);

  /** Reads them. The processor must have VMX. */
  constructor() {
    for (let index = FIRST; index <= IA32_VMX_VMCS_ENUM; index++) this.read(index);
    const primary = allowedOnes(this.of(IA32_VMX_PROCBASED_CTLS));
    if (primary & PRIMARY_ACTIVATE_SECONDARY_CONTROLS) this.read(IA32_VMX_PROCBASED_CTLS2);
    if (this.hasTrueControls) {
      for (let index = IA32_VMX_TRUE_PINBASED_CTLS; index <= IA32_VMX_TRUE_ENTRY_CTLS; index++) this.read(index);
    }
    const secondary = allowedOnes(this.of(IA32_VMX_PROCBASED_CTLS2));
    // It exists with EPT or VPID; a hypervisor below may show it all the same, which `check` tells.
    const value = new StaticArray<u64>(1);
    if (tryRdmsr(IA32_VMX_EPT_VPID_CAP, changetype<usize>(value))) this.set(IA32_VMX_EPT_VPID_CAP, value[0]);
    if (secondary & SECONDARY_ENABLE_VM_FUNCTIONS) this.read(IA32_VMX_VMFUNC);
    if (primary & PRIMARY_ACTIVATE_TERTIARY_CONTROLS) this.read(IA32_VMX_PROCBASED_CTLS3);
    if (allowedOnes(this.exitControls) & EXIT_ACTIVATE_SECONDARY_CONTROLS) this.read(IA32_VMX_EXIT_CTLS2);
  }

  private read(index: u32): void {
    this.set(index, rdmsr(index));
  }

  private set(index: u32, value: u64): void {
    this.values[index - FIRST] = value;
    this.exists[index - FIRST] = true;
  }

  /** The value of a VMX capability MSR, IA32_VMX_BASIC to IA32_VMX_EXIT_CTLS2. */
  of(index: u32): u64 {
    return this.values[index - FIRST];
  }

  /** Whether this CPU's, `here`, are those of the CPU that booted; else names the first that is not. */
  isAlike(console: Console, here: VmxCapabilities): bool {
    for (let i = 0; i < COUNT; i++) {
      if (here.values[i] == this.values[i]) continue;
      const line = console.error().text(CAPABILITY_NAMES[i]).text(" is ").hex(here.values[i], 16).text(" here and ");
      line.hex(this.values[i], 16).text(" on CPU 0; Basalt needs CPUs that are alike").end();
      return false;
    }
    return true;
  }

  /** The TRUE MSRs exist: default1 controls may be cleared (SDM 3D A.2). */
  get hasTrueControls(): bool {
    return (this.of(IA32_VMX_BASIC) & VMX_BASIC_TRUE_CONTROLS) != 0;
  }
  get pinControls(): u64 {
    return this.of(this.hasTrueControls ? IA32_VMX_TRUE_PINBASED_CTLS : IA32_VMX_PINBASED_CTLS);
  }
  get primaryControls(): u64 {
    return this.of(this.hasTrueControls ? IA32_VMX_TRUE_PROCBASED_CTLS : IA32_VMX_PROCBASED_CTLS);
  }
  get secondaryControls(): u64 {
    return this.of(IA32_VMX_PROCBASED_CTLS2);
  }
  get exitControls(): u64 {
    return this.of(this.hasTrueControls ? IA32_VMX_TRUE_EXIT_CTLS : IA32_VMX_EXIT_CTLS);
  }
  get entryControls(): u64 {
    return this.of(this.hasTrueControls ? IA32_VMX_TRUE_ENTRY_CTLS : IA32_VMX_ENTRY_CTLS);
  }

  /** Prints every MSR that exists, a line each. */
  print(console: Console): void {
    for (let i = 0; i < COUNT; i++) {
      if (!this.exists[i]) continue;
      console
        .debug()
        .hex(FIRST + i, 3)
        .text(" ")
        .text(CAPABILITY_NAMES[i])
        .text(" ")
        .hex(this.values[i], 16)
        .end();
    }
  }

  /**
   * Holds IA32_VMX_PROCBASED_CTLS2 against IA32_VMX_EPT_VPID_CAP: a CPU, or a hypervisor below, that denies EPT or VPID
   * by the one must not describe it in the other. Prints each contradiction, as errors if `isStrict`; true if none.
   */
  check(console: Console, isStrict: bool): bool {
    const secondary = allowedOnes(this.secondaryControls);
    const described = this.of(IA32_VMX_EPT_VPID_CAP);
    let isGood = true;
    for (let i = 0; i < DENIABLE_CONTROLS.length; i++) {
      if (secondary & DENIABLE_CONTROLS[i] || !(described & DESCRIBING_BITS[i])) continue;
      isGood = false;
      console.line(isStrict ? LEVEL_ERROR : LEVEL_WARNING).text("IA32_VMX_PROCBASED_CTLS2 denies ");
      console.text(DENIABLE_NAMES[i]).text(" but IA32_VMX_EPT_VPID_CAP ").hex(described, 16).text(" describes it; ");
      console.text("the CPU or the hypervisor below is inconsistent, so Basalt ");
      console.text(isStrict ? "refuses to start (strict)" : "takes it as not there").end();
    }
    return isGood;
  }
}

const DENIABLE_CONTROLS: StaticArray<u32> = [SECONDARY_ENABLE_EPT, SECONDARY_ENABLE_VPID];
const DENIABLE_NAMES: StaticArray<string> = ["EPT", "VPID"];
/** Bits 31:0 of IA32_VMX_EPT_VPID_CAP describe EPT, bits 32 and 43:40 INVVPID (SDM 3D A.10). */
const DESCRIBING_BITS: StaticArray<u64> = [0xffffffff, 0xf0100000000];

/** The allowed-1 settings of a control capability MSR: bits that may be 1 (SDM 3D A.3). */
export function allowedOnes(capability: u64): u32 {
  return <u32>(capability >> 32);
}

/** The allowed-0 settings: bits that must be 1. */
export function allowedZeros(capability: u64): u32 {
  return <u32>capability;
}
