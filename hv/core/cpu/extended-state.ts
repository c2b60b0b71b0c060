// The state that XSAVE manages (SDM 1 chapter 13): x87, SSE, AVX, AVX-512, MPX and PKRU, of one vCPU at a time.

// No VM entry or exit switches it, and neither Basalt nor a vmm uses it (they are built without), so it stays where it is
// until another VM's vCPU is to run. XCR0 is the guest's own from its XSETBV on, in core too.

import {
  CR4_OSFXSR,
  CR4_OSXSAVE,
  XCR0_AVX,
  XCR0_BNDCSR,
  XCR0_BNDREGS,
  XCR0_HI16_ZMM,
  XCR0_OPMASK,
  XCR0_PKRU,
  XCR0_SSE,
  XCR0_X87,
  XCR0_ZMM_HI256,
} from "../../x86/control-registers";
import { CPUID_1_ECX_XSAVE, CPUID_D_1_EAX_XSAVEOPT, CPUID_LEAF_FEATURES, CPUID_LEAF_XSAVE } from "../../x86/cpuid";
import {
  fxrstor,
  fxsave,
  readRegister,
  REGISTER_CR4,
  writeRegister,
  xrstor,
  xsave,
  xsaveopt,
  xsetbv,
} from "../hardware";
import { PAGE_BYTES, PagePool } from "../memory/page-pool";
import { Cpuid } from "./cpuid";

/** What XCR0 holds after a reset. */
export const XCR0_AT_RESET: u64 = XCR0_X87;

// What goes together in XCR0, and what it needs (SDM 1 13.3).
const SSE_AND_X87: u64 = XCR0_X87 | XCR0_SSE;
const MPX: u64 = XCR0_BNDREGS | XCR0_BNDCSR;
const AVX_512: u64 = XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM;
/** The last component that Basalt knows, PKRU. AMX is left out: its state comes with IA32_XFD, which no guest gets. */
const LAST_COMPONENT: u32 = 9;

/** The legacy region and the header of XSAVE's area (SDM 1 13.4); FXSAVE has the former alone. */
const FXSAVE_BYTES: u32 = 512;
const XSAVE_HEADER_END: u32 = 576;
const FCW_INITIAL: u16 = 0x37f;
const MXCSR_INITIAL: u32 = 0x1f80;

/** The first fields of the legacy region (SDM 1 table 10-2). */
@unmanaged
class SaveAreaHead {
  fcw: u16;
  fsw: u16;
  tagsAndOpcode: u32;
  instructionPointer: u64;
  dataPointer: u64;
  mxcsr: u32;
}

/** This processor's: which components are kept apart, and how. */
export class ExtendedState {
  /** The bits that a guest's XCR0 may have; 0 where the processor has no XSAVE. */
  readonly components: u64;
  /** Of a save area. */
  readonly bytes: u32;
  private readonly hasXsaveopt: bool;
  private cr4: u64 = 0;

  constructor() {
    const cpuid = new Cpuid();
    cpuid.read(CPUID_LEAF_FEATURES, 0);
    let components: u64 = 0;
    let bytes = FXSAVE_BYTES;
    let hasXsaveopt = false;
    if (cpuid.ecx & CPUID_1_ECX_XSAVE) {
      components = supportedComponents(cpuid);
      bytes = XSAVE_HEADER_END;
      for (let i: u32 = 2; i <= LAST_COMPONENT; i++) {
        if (!((components >> i) & 1)) continue;
        cpuid.read(CPUID_LEAF_XSAVE, i);
        bytes = max(bytes, cpuid.ebx + cpuid.eax);
      }
      cpuid.read(CPUID_LEAF_XSAVE, 1);
      hasXsaveopt = (cpuid.eax & CPUID_D_1_EAX_XSAVEOPT) != 0;
    }
    this.components = components;
    this.bytes = bytes;
    this.hasXsaveopt = hasXsaveopt;
  }

  /** Lets core save and load it. Before any VMCS is written, as a VM exit loads CR4. */
  enable(): void {
    this.cr4 = readRegister(REGISTER_CR4);
    writeRegister(REGISTER_CR4, this.cr4 | CR4_OSFXSR | (this.components != 0 ? CR4_OSXSAVE : 0));
  }

  /** Puts XCR0 to its value after a reset, and CR4 to that before `enable`. */
  disable(): void {
    this.setXcr0(XCR0_AT_RESET);
    writeRegister(REGISTER_CR4, this.cr4);
  }

  /** Pages of a save area. */
  get pages(): u32 {
    return (this.bytes + PAGE_BYTES - 1) / PAGE_BYTES;
  }

  /** A save area that holds the initial state; 0 where the pool has too few pages. */
  newArea(pool: PagePool): usize {
    const area = this.pages == 1 ? pool.allocate() : pool.allocateAdjacent(this.pages);
    if (area == 0) return 0;
    // All else that is zero is the initial state: XRSTOR goes by the header, FXRSTOR takes its tags for "empty".
    const head = changetype<SaveAreaHead>(area);
    head.fcw = FCW_INITIAL;
    head.mxcsr = MXCSR_INITIAL;
    return area;
  }

  /** Saves the processor's state to `area`. All components, whatever XCR0 the guest has: what it disabled is kept too. */
  save(area: usize): void {
    this.setXcr0(this.components);
    if (this.components == 0) fxsave(area, 0);
    else if (this.hasXsaveopt) xsaveopt(area, this.components);
    else xsave(area, this.components);
  }

  /** Loads the state in `area`, then the guest's XCR0. */
  load(area: usize, xcr0: u64): void {
    this.setXcr0(this.components);
    if (this.components == 0) fxrstor(area, 0);
    else xrstor(area, this.components);
    this.setXcr0(xcr0);
  }

  private setXcr0(value: u64): void {
    if (this.components != 0) xsetbv(value);
  }
}

/** Those that the processor has and Basalt knows, without any whose companions are missing. */
function supportedComponents(cpuid: Cpuid): u64 {
  cpuid.read(CPUID_LEAF_XSAVE, 0);
  const offered = ((<u64>cpuid.edx) << 32) | cpuid.eax;
  let components = SSE_AND_X87 | (offered & (XCR0_AVX | XCR0_PKRU));
  if ((offered & MPX) == MPX) components |= MPX;
  if ((offered & AVX_512) == AVX_512 && components & XCR0_AVX) components |= AVX_512;
  return components;
}
