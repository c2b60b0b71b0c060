// What a vCPU has in registers that no VM entry or exit switches: loaded when another VM's vCPU is to run (SDM 3C 25.4).

// DR7, FS and GS bases, IA32_PAT, IA32_EFER and SYSENTER's MSRs are in the VMCS. IA32_XSS is 0 for all: no guest gets XSAVES.

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

/** Registers by hardware.readRegister's numbers, and below, at the same places, their values after a reset. */
// prettier-ignore
const REGISTERS: StaticArray<u32> = [
  REGISTER_CR2, REGISTER_DR0, REGISTER_DR1, REGISTER_DR2, REGISTER_DR3, REGISTER_DR6,
];
const AT_RESET: StaticArray<u64> = [0, 0, 0, 0, 0, 0xffff0ff0];

/** MSRs, which are 0 after a reset. A processor need not have the last two. */
// prettier-ignore
const MSRS: StaticArray<u32> = [
  IA32_STAR, IA32_LSTAR, IA32_CSTAR, IA32_FMASK, IA32_KERNEL_GS_BASE, IA32_TSC_AUX, IA32_SPEC_CTRL,
];

/** The registers of one vCPU while another one's are in the processor. As after a reset, until they are saved. */
export class SwitchedState {
  readonly registers: StaticArray<u64> = new StaticArray<u64>(AT_RESET.length);
  readonly msrs: StaticArray<u64> = new StaticArray<u64>(MSRS.length);

  /** `area` is one of ExtendedState.newArea. */
  constructor(readonly area: usize) {
    for (let i = 0; i < AT_RESET.length; i++) this.registers[i] = AT_RESET[i];
  }
}

/** This processor's registers of that kind. */
export class StateSwitch {
  readonly extended: ExtendedState;
  private readonly hasMsr: StaticArray<bool>;
  /** What is in the processor while no VM's is. */
  private readonly clean: SwitchedState;

  /** `pool` has a page or two for the clean state. */
  constructor(pool: PagePool) {
    const extended = new ExtendedState();
    const area = extended.newArea(pool);
    assert(area != 0, "the page pool is exhausted before the first VM; make it larger");
    const hasMsr = new StaticArray<bool>(MSRS.length);
    const value = new StaticArray<u64>(1);
    for (let i = 0; i < MSRS.length; i++) hasMsr[i] = tryRdmsr(MSRS[i], changetype<usize>(value)) != 0;
    this.extended = extended;
    this.hasMsr = hasMsr;
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
    for (let i = 0; i < REGISTERS.length; i++) state.registers[i] = readRegister(REGISTERS[i]);
    for (let i = 0; i < MSRS.length; i++) {
      if (this.hasMsr[i]) state.msrs[i] = rdmsr(MSRS[i]);
    }
    this.extended.save(state.area);
  }

  /** Loads it, and the XCR0 that belongs to it. */
  load(state: SwitchedState, xcr0: u64): void {
    for (let i = 0; i < REGISTERS.length; i++) writeRegister(REGISTERS[i], state.registers[i]);
    for (let i = 0; i < MSRS.length; i++) {
      if (this.hasMsr[i]) wrmsr(MSRS[i], state.msrs[i]);
    }
    this.extended.load(state.area, xcr0);
  }
}
