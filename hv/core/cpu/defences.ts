// Defences against speculative execution across VMs: what is done when the processor goes from one VM to another.

// Intel, "Speculative Execution Side Channel Mitigations" and the articles on L1TF, MDS and RFDS; SDM 4 table 2-2.

import { Console } from "../console/console";
import {
  CPUID_7_EDX_ARCH_CAPABILITIES,
  CPUID_7_EDX_IBRS_AND_IBPB,
  CPUID_7_EDX_L1D_FLUSH,
  CPUID_7_EDX_MD_CLEAR,
  CPUID_LEAF_EXTENDED_FEATURES,
  CPUID_LEAF_VENDOR,
} from "../../x86/cpuid";
import {
  ARCH_CAPABILITIES_FB_CLEAR,
  ARCH_CAPABILITIES_FBSDP_NO,
  ARCH_CAPABILITIES_MDS_NO,
  ARCH_CAPABILITIES_RDCL_NO,
  ARCH_CAPABILITIES_RFDS_CLEAR,
  ARCH_CAPABILITIES_RFDS_NO,
  ARCH_CAPABILITIES_SKIP_L1DFL_VMENTRY,
  ARCH_CAPABILITIES_TAA_NO,
  FLUSH_CMD_L1D_FLUSH,
  IA32_ARCH_CAPABILITIES,
  IA32_FLUSH_CMD,
  IA32_PRED_CMD,
  PRED_CMD_IBPB,
} from "../../x86/msr";
import { clearBuffers, fillReturnStack, rdmsr, wrmsr } from "../hardware";
import { Cpuid } from "./cpuid";

/** What a boot option may ask for: one bit a row of the table below, or this. */
export const DEFENCES_AUTOMATIC: u32 = 0xffffffff;
export const DEFENCE_IBPB: u32 = 1;
export const DEFENCE_RSB: u32 = 2;
export const DEFENCE_L1D: u32 = 4;
export const DEFENCE_VERW: u32 = 8;
/** Bit n is named by row n. */
export const DEFENCE_NAMES: StaticArray<string> = ["ibpb", "rsb", "l1d", "verw"];

const TITLES: StaticArray<string> = ["IBPB", "RSB fill", "L1D flush", "VERW"];
/** Why one is off on a processor that cannot do it, and on one that does not need it. */
const WHY_MISSING: StaticArray<string> = [
  "CPUID.7:EDX[26] is 0",
  "",
  "CPUID.7:EDX[28] is 0: no IA32_FLUSH_CMD",
  "no MD_CLEAR, FB_CLEAR or RFDS_CLEAR",
];
const WHY_NEEDLESS: StaticArray<string> = [
  "",
  "",
  "IA32_ARCH_CAPABILITIES has RDCL_NO or SKIP_L1DFL_VMENTRY",
  "IA32_ARCH_CAPABILITIES has MDS_NO, TAA_NO and the like",
];

/** The defences of this processor. */
export class Defences {
  private possible: u32 = DEFENCE_RSB;
  private needed: u32 = DEFENCE_IBPB | DEFENCE_RSB;
  private readonly enabled: u32;

  /** `asked` is DEFENCES_AUTOMATIC for what the processor needs, or bits of DEFENCE_*. */
  constructor(private readonly asked: u32) {
    const cpuid = new Cpuid();
    cpuid.read(CPUID_LEAF_VENDOR, 0);
    let features: u32 = 0;
    if (cpuid.eax >= CPUID_LEAF_EXTENDED_FEATURES) {
      cpuid.read(CPUID_LEAF_EXTENDED_FEATURES, 0);
      features = cpuid.edx;
    }
    // A processor without the MSR is older than what it would deny: it is taken to have each weakness.
    const capabilities = features & CPUID_7_EDX_ARCH_CAPABILITIES ? rdmsr(IA32_ARCH_CAPABILITIES) : 0;
    if (features & CPUID_7_EDX_IBRS_AND_IBPB) this.possible |= DEFENCE_IBPB;
    if (features & CPUID_7_EDX_L1D_FLUSH) this.possible |= DEFENCE_L1D;
    const clearsBuffers = (capabilities & (ARCH_CAPABILITIES_FB_CLEAR | ARCH_CAPABILITIES_RFDS_CLEAR)) != 0;
    if (features & CPUID_7_EDX_MD_CLEAR || clearsBuffers) this.possible |= DEFENCE_VERW;
    if (!(capabilities & (ARCH_CAPABILITIES_RDCL_NO | ARCH_CAPABILITIES_SKIP_L1DFL_VMENTRY)))
      this.needed |= DEFENCE_L1D;
    if (leaksFromBuffers(capabilities)) this.needed |= DEFENCE_VERW;
    this.enabled = this.possible & (asked == DEFENCES_AUTOMATIC ? this.needed : asked);
  }

  /** Before the first entry of a VM behind another one. What flushes data comes last: only the new VM's is touched then. */
  apply(): void {
    const enabled = this.enabled;
    if (enabled & DEFENCE_IBPB) wrmsr(IA32_PRED_CMD, PRED_CMD_IBPB);
    if (enabled & DEFENCE_RSB) fillReturnStack();
    if (enabled & DEFENCE_L1D) wrmsr(IA32_FLUSH_CMD, FLUSH_CMD_L1D_FLUSH);
    if (enabled & DEFENCE_VERW) clearBuffers();
  }

  /** One line: which are on, and why the others are off. */
  print(console: Console): void {
    const line = console.info().text("on a switch between VMs: ");
    for (let i = 0; i < TITLES.length; i++) {
      const bit = (<u32>1) << i;
      if (i != 0) line.text("; ");
      if (!(this.enabled & bit)) line.text("no ");
      line.text(TITLES[i]);
      if (!(this.enabled & bit)) line.text(" (").text(this.whyOff(i)).text(")");
    }
    line.end();
  }

  private whyOff(i: i32): string {
    const bit = (<u32>1) << i;
    if (this.asked != DEFENCES_AUTOMATIC && !(this.asked & bit)) return "the boot option defences leaves it out";
    return this.needed & bit || this.asked != DEFENCES_AUTOMATIC ? WHY_MISSING[i] : WHY_NEEDLESS[i];
  }
}

/** MDS, TSX asynchronous abort, fill buffers' stale data, or stale registers of Atom cores: VERW clears what they read. */
function leaksFromBuffers(capabilities: u64): bool {
  if (!(capabilities & ARCH_CAPABILITIES_MDS_NO) || !(capabilities & ARCH_CAPABILITIES_TAA_NO)) return true;
  if (capabilities & ARCH_CAPABILITIES_FB_CLEAR && !(capabilities & ARCH_CAPABILITIES_FBSDP_NO)) return true;
  return (capabilities & ARCH_CAPABILITIES_RFDS_CLEAR) != 0 && !(capabilities & ARCH_CAPABILITIES_RFDS_NO);
}
