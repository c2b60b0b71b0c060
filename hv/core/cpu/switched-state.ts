// What a vCPU has in registers that no VM entry or exit switches: loaded when another VM's vCPU is to run (SDM 3C 25.4).

// DR7, FS and GS bases, IA32_PAT, IA32_EFER and SYSENTER's MSRs are in the VMCS. IA32_XSS is 0 for all: no guest gets XSAVES.

import { DR6_RESET } from "../../x86/control-registers";
import { Console } from "../console/console";
import {
  IA32_CSTAR,
  IA32_FMASK,
  IA32_KERNEL_GS_BASE,
  IA32_LSTAR,
  IA32_SPEC_CTRL,
  IA32_STAR,
  IA32_TSC_AUX,
} from "../../x86/msr";
import {
  rdmsr,
  readRegister,
  REGISTER_CR2,
  REGISTER_DR0,
  REGISTER_DR1,
  REGISTER_DR2,
  REGISTER_DR3,
  REGISTER_DR6,
  tryRdmsr,
  writeRegister,
  wrmsr,
} from "../hardware";
import { PagePool } from "../memory/page-pool";
import { ExtendedState, XCR0_AT_RESET } from "./extended-state";

/**
 * The registers of one vCPU while another one's are in the processor. As after a reset, until they are saved. Fields by name, not
 * tables by number: with constants the compiler makes an instruction of each access to a register.
 */
export class SwitchedState {
  cr2: u64 = 0;
  dr0: u64 = 0;
  dr1: u64 = 0;
  dr2: u64 = 0;
  dr3: u64 = 0;
  dr6: u64 = DR6_RESET;
  // MSRs, which are 0 after a reset.
  star: u64 = 0;
  lstar: u64 = 0;
  cstar: u64 = 0;
  fmask: u64 = 0;
  kernelGsBase: u64 = 0;
  // MSRs that a processor need not have.
  tscAux: u64 = 0;
  specCtrl: u64 = 0;

  /** `area` is one of ExtendedState.newArea. */
  constructor(readonly area: usize) {}
}

/** This processor's registers of that kind. */
export class StateSwitch {
  readonly extended: ExtendedState;
  private readonly hasTscAux: bool;
  private readonly hasSpecCtrl: bool;
  /** What is in the processor while no VM's is. */
  private readonly clean: SwitchedState;

  /** `pool` has a page or two for the clean state. */
  constructor(pool: PagePool) {
    const extended = new ExtendedState();
    const area = extended.newArea(pool);
    assert(area != 0, "the page pool is exhausted before the first VM; make it larger");
    const value = new StaticArray<u64>(1);
    this.extended = extended;
    this.hasTscAux = tryRdmsr(IA32_TSC_AUX, changetype<usize>(value)) != 0;
    this.hasSpecCtrl = tryRdmsr(IA32_SPEC_CTRL, changetype<usize>(value)) != 0;
    this.clean = new SwitchedState(area);
  }

  /** Lets core switch, and leaves nothing in the registers of what firmware or a boot loader had there. */
  enable(console: Console): void {
    const extended = this.extended;
    extended.enable();
    this.scrub();
    const line = console.debug().text("extended state: ").decimal(extended.bytes).text(" bytes, components ");
    line
      .hex(extended.components)
      .text(extended.components == 0 ? " (no XSAVE)" : "")
      .end();
  }

  /** Undoes it. */
  disable(): void {
    this.extended.disable();
  }

  /** Leaves nothing in the registers of what a VM had there. */
  scrub(): void {
    this.load(this.clean, XCR0_AT_RESET);
  }

  /** The state of a vCPU that never ran, with pages of its VM's pool; null where that has too few. */
  newState(pool: PagePool): SwitchedState | null {
    const area = this.extended.newArea(pool);
    return area == 0 ? null : new SwitchedState(area);
  }

  /** Saves what is in the processor. */
  save(state: SwitchedState): void {
    state.cr2 = readRegister(REGISTER_CR2);
    state.dr0 = readRegister(REGISTER_DR0);
    state.dr1 = readRegister(REGISTER_DR1);
    state.dr2 = readRegister(REGISTER_DR2);
    state.dr3 = readRegister(REGISTER_DR3);
    state.dr6 = readRegister(REGISTER_DR6);
    state.star = rdmsr(IA32_STAR);
    state.lstar = rdmsr(IA32_LSTAR);
    state.cstar = rdmsr(IA32_CSTAR);
    state.fmask = rdmsr(IA32_FMASK);
    state.kernelGsBase = rdmsr(IA32_KERNEL_GS_BASE);
    if (this.hasTscAux) state.tscAux = rdmsr(IA32_TSC_AUX);
    if (this.hasSpecCtrl) state.specCtrl = rdmsr(IA32_SPEC_CTRL);
    this.extended.save(state.area);
  }

  /** Loads it, and the XCR0 that belongs to it. */
  load(state: SwitchedState, xcr0: u64): void {
    writeRegister(REGISTER_CR2, state.cr2);
    writeRegister(REGISTER_DR0, state.dr0);
    writeRegister(REGISTER_DR1, state.dr1);
    writeRegister(REGISTER_DR2, state.dr2);
    writeRegister(REGISTER_DR3, state.dr3);
    writeRegister(REGISTER_DR6, state.dr6);
    wrmsr(IA32_STAR, state.star);
    wrmsr(IA32_LSTAR, state.lstar);
    wrmsr(IA32_CSTAR, state.cstar);
    wrmsr(IA32_FMASK, state.fmask);
    wrmsr(IA32_KERNEL_GS_BASE, state.kernelGsBase);
    if (this.hasTscAux) wrmsr(IA32_TSC_AUX, state.tscAux);
    if (this.hasSpecCtrl) wrmsr(IA32_SPEC_CTRL, state.specCtrl);
    this.extended.load(state.area, xcr0);
  }
}
