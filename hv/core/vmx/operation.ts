// Entering and leaving VMX operation (SDM 3C 24.6 to 24.8, 32.5), each step with its own failure.

import { CR4_OSXSAVE, CR4_VMXE } from "../../x86/control-registers";
import {
  CPUID_1_ECX_VMX,
  CPUID_LEAF_FEATURES,
  CPUID_LEAF_VENDOR,
  VENDOR_INTEL_EBX,
  VENDOR_INTEL_ECX,
  VENDOR_INTEL_EDX,
} from "../../x86/cpuid";
import { MEMORY_TYPE_WB } from "../../x86/paging";
import {
  FEATURE_CONTROL_LOCKED,
  FEATURE_CONTROL_VMX_OUTSIDE_SMX,
  IA32_FEATURE_CONTROL,
  IA32_VMX_BASIC,
  IA32_VMX_CR0_FIXED0,
  IA32_VMX_CR0_FIXED1,
  IA32_VMX_CR4_FIXED0,
  IA32_VMX_CR4_FIXED1,
} from "../../x86/msr";
import {
  VMX_BASIC_MEMORY_TYPE_MASK,
  VMX_BASIC_MEMORY_TYPE_SHIFT,
  VMX_BASIC_REGION_SIZE_MASK,
  VMX_BASIC_REGION_SIZE_SHIFT,
} from "../../x86/vmx-capabilities";
import { Console } from "../console/console";
import { Cpuid } from "../cpu/cpuid";
import {
  rdmsr,
  readRegister,
  REGISTER_CR0,
  REGISTER_CR4,
  VM_SUCCEED,
  vmxoff,
  vmxon,
  writeRegister,
  wrmsr,
} from "../hardware";
import { PAGE_BYTES, PagePool } from "../memory/page-pool";
import {
  RESULT_CR_BITS_UNSUPPORTED,
  RESULT_NO_VMX,
  RESULT_NOT_INTEL,
  RESULT_OK,
  RESULT_TOO_LITTLE_MEMORY,
  RESULT_UNUSABLE_VMX_REGIONS,
  RESULT_VMX_DISABLED_BY_FIRMWARE,
  RESULT_VMXOFF_FAILED,
  RESULT_VMXON_FAILED,
} from "../results";
import { VmxCapabilities } from "./capabilities";
import { vmxFailure } from "./vmx-failure";
import { allocateVmxRegion } from "./vmx-region";

/** The CPU has VMX: RESULT_OK, or RESULT_NOT_INTEL or RESULT_NO_VMX with a line that says what was found. */
export function checkVmxExists(console: Console, cpuid: Cpuid): u32 {
  cpuid.read(CPUID_LEAF_VENDOR, 0);
  const isIntel = cpuid.ebx == VENDOR_INTEL_EBX && cpuid.edx == VENDOR_INTEL_EDX && cpuid.ecx == VENDOR_INTEL_ECX;
  if (!isIntel) {
    console.error().text('no VMX: CPUID.0 names the vendor "');
    printRegister(console, cpuid.ebx);
    printRegister(console, cpuid.edx);
    printRegister(console, cpuid.ecx);
    console.text("\"; Basalt needs an Intel CPU with VMX (AMD's SVM is not supported yet)").end();
    return RESULT_NOT_INTEL;
  }
  cpuid.read(CPUID_LEAF_FEATURES, 0);
  if (cpuid.ecx & CPUID_1_ECX_VMX) return RESULT_OK;
  console.error().text("no VMX: CPUID.1:ECX[5] is 0 (ECX is ").hex(cpuid.ecx, 8);
  console.text("); use a CPU with VT-x, or in a virtual machine switch nested virtualization on").end();
  return RESULT_NO_VMX;
}

function printRegister(console: Console, value: u32): void {
  for (let shift: u32 = 0; shift < 32; shift += 8) console.byte(<u8>(value >> shift));
}

/** IA32_FEATURE_CONTROL lets VMXON run outside SMX; where firmware left it unlocked, it is set and locked here. */
export function enableFeatureControl(console: Console): u32 {
  const value = rdmsr(IA32_FEATURE_CONTROL);
  if (!(value & FEATURE_CONTROL_LOCKED)) {
    const wanted = value | FEATURE_CONTROL_VMX_OUTSIDE_SMX | FEATURE_CONTROL_LOCKED;
    console.info().text("IA32_FEATURE_CONTROL was unlocked (").hex(value).text("): enabling VMX and locking it").end();
    wrmsr(IA32_FEATURE_CONTROL, wanted);
    return RESULT_OK;
  }
  if (value & FEATURE_CONTROL_VMX_OUTSIDE_SMX) return RESULT_OK;
  console.error().text("firmware disabled VMX: IA32_FEATURE_CONTROL is locked at ").hex(value);
  console.text(', bit 2 is 0; enable "Intel Virtualization Technology" in the firmware\'s set-up').end();
  return RESULT_VMX_DISABLED_BY_FIRMWARE;
}

/** VMX operation of this processor, from `enter` to `leave`. */
export class VmxOperation {
  private originalCr0: u64 = 0;
  private originalCr4: u64 = 0;
  /** The VMXON region's host-physical address. */
  private region: u64 = 0;

  constructor(
    private readonly console: Console,
    private readonly capabilities: VmxCapabilities,
    private readonly pool: PagePool,
  ) {}

  /** Brings CR0 and CR4 to what VMX operation demands and executes VMXON. */
  enter(): u32 {
    let result = this.checkRegions();
    if (result == RESULT_OK) result = this.setControlRegisters();
    if (result != RESULT_OK) return result;
    const region = allocateVmxRegion(this.pool, this.capabilities.of(IA32_VMX_BASIC));
    if (region == 0) return RESULT_TOO_LITTLE_MEMORY;
    this.region = region;
    const outcome = vmxon(region);
    if (outcome == VM_SUCCEED) return RESULT_OK;
    vmxFailure(this.console, "VMXON", region, outcome);
    this.restoreControlRegisters();
    return RESULT_VMXON_FAILED;
  }

  /** VMXOFF, then all that `enter` changed or took is as it was, CR4.VMXE too. Every VMCS must have been cleared. */
  leave(): u32 {
    const outcome = vmxoff();
    if (outcome != VM_SUCCEED) {
      vmxFailure(this.console, "VMXOFF", 0, outcome);
      return RESULT_VMXOFF_FAILED;
    }
    this.restoreControlRegisters();
    this.pool.free(this.pool.pointer(this.region));
    return RESULT_OK;
  }

  /** Regions must fit a page and be write-back memory, as the pool's are (SDM 3D A.1). */
  private checkRegions(): u32 {
    const basic = this.capabilities.of(IA32_VMX_BASIC);
    const size = (basic >> VMX_BASIC_REGION_SIZE_SHIFT) & VMX_BASIC_REGION_SIZE_MASK;
    const type = (basic >> VMX_BASIC_MEMORY_TYPE_SHIFT) & VMX_BASIC_MEMORY_TYPE_MASK;
    if (size <= PAGE_BYTES && size != 0 && type == MEMORY_TYPE_WB) return RESULT_OK;
    this.console.error().text("IA32_VMX_BASIC ").hex(basic, 16).text(" asks for VMX regions of ").decimal(size);
    this.console.text(" bytes with memory type ").decimal(type).text("; expected 1 to 4096 bytes of type 6").end();
    return RESULT_UNUSABLE_VMX_REGIONS;
  }

  /** SDM 3D A.7 and A.8: a bit that is 1 in FIXED0 must be 1, a bit that is 0 in FIXED1 must be 0. */
  private setControlRegisters(): u32 {
    this.originalCr0 = readRegister(REGISTER_CR0);
    this.originalCr4 = readRegister(REGISTER_CR4);
    const capabilities = this.capabilities;
    const cr0 = this.originalCr0 | capabilities.of(IA32_VMX_CR0_FIXED0);
    // Core executes XSETBV for its guests.
    const xsave = capabilities.of(IA32_VMX_CR4_FIXED1) & CR4_OSXSAVE;
    const cr4 = this.originalCr4 | capabilities.of(IA32_VMX_CR4_FIXED0) | CR4_VMXE | xsave;
    const isCr0Good = this.checkFixed("CR0", cr0, capabilities.of(IA32_VMX_CR0_FIXED1));
    const isCr4Good = this.checkFixed("CR4", cr4, capabilities.of(IA32_VMX_CR4_FIXED1));
    if (!isCr0Good || !isCr4Good) return RESULT_CR_BITS_UNSUPPORTED;
    writeRegister(REGISTER_CR0, cr0);
    writeRegister(REGISTER_CR4, cr4);
    return RESULT_OK;
  }

  private checkFixed(name: string, value: u64, allowed: u64): bool {
    if ((value & ~allowed) == 0) return true;
    this.console.error().text(name).text(" would be ").hex(value, 16).text(" in VMX operation, but bits ");
    this.console
      .hex(value & ~allowed)
      .text(" of it are fixed to 0 by IA32_VMX_")
      .text(name)
      .text("_FIXED1")
      .end();
    return false;
  }

  private restoreControlRegisters(): void {
    writeRegister(REGISTER_CR4, this.originalCr4);
    writeRegister(REGISTER_CR0, this.originalCr0);
  }
}
