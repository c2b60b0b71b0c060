// VMX as core's way to virtualize: the backend of an Intel processor.

import { IA32_VMX_BASIC, IA32_VMX_EPT_VPID_CAP } from "../../x86/msr";
import { PRIMARY_USE_MSR_BITMAPS } from "../../x86/vmx-controls";
import { Console } from "../console/console";
import { Cpuid } from "../cpu/cpuid";
import { GuestMemory } from "../guest-memory";
import { KINDS } from "../guest-kinds";
import { Machine } from "../machine";
import { NestedPaging } from "../memory/nested-paging";
import { PagePool } from "../memory/page-pool";
import { RESULT_INCONSISTENT_CAPABILITIES, RESULT_OK, RESULT_PROCESSORS_DIFFER } from "../results";
import { Vcpu } from "../vcpu/vcpu";
import { NOTHING_ASKED, Virtualization } from "../vcpu/virtualization";
import { VmxCapabilities } from "./capabilities";
import { EntryDoctor } from "./entry/entry-doctor";
import { Ept } from "./ept/ept";
import { ExecutionControls } from "./execution-controls";
import { GuestTranslations, invalidateAll, VpidInvalidation } from "./invalidate";
import { runMutations } from "./mutate/mutate";
import { checkVmxExists, enableFeatureControl, VmxOperation } from "./operation";
import { probe } from "./probe";
import { runScript } from "./script";
import { VmxVcpu } from "./vmx-vcpu";
import { allocateVmxRegion } from "./vmx-region";

/** RESULT_OK where this processor has VMX and firmware allows it; switches it on in IA32_FEATURE_CONTROL if it is open. */
export function checkVmx(console: Console, cpuid: Cpuid): u32 {
  const result = checkVmxExists(console, cpuid);
  return result == RESULT_OK ? enableFeatureControl(console) : result;
}

export class Vmx extends Virtualization {
  readonly capabilities: VmxCapabilities;
  private readonly operation: VmxOperation;
  /** The controls of each kind of VM, and whether they are in step. */
  private readonly controls: Array<ExecutionControls> = [];
  private readonly isSane: StaticArray<bool> = new StaticArray<bool>(KINDS);
  readonly entryDoctor: EntryDoctor;

  /** `checkVmx` has found that the processor has it. */
  constructor(
    private readonly console: Console,
    pool: PagePool,
  ) {
    super();
    const capabilities = new VmxCapabilities();
    capabilities.print(console);
    this.capabilities = capabilities;
    this.operation = new VmxOperation(console, capabilities, pool);
    // VMs come and go; what is made for all of them is made before the first one.
    this.entryDoctor = new EntryDoctor(capabilities, pool);
    for (let kind: u32 = 0; kind < <u32>KINDS; kind++) this.controls.push(new ExecutionControls(capabilities, kind));
  }

  checkHere(): u32 {
    const result = checkVmx(this.console, new Cpuid());
    if (result != RESULT_OK) return result;
    return this.capabilities.isAlike(this.console, new VmxCapabilities()) ? RESULT_OK : RESULT_PROCESSORS_DIFFER;
  }

  enable(): u32 {
    const result = this.operation.enter();
    if (result == RESULT_OK) this.console.info().text("VMX operation is on").end();
    return result;
  }

  /**
   * What no INVEPT of this kind drops is never used: a VM flushes what is its own before its first entry on a processor
   * (VmxVcpu.arrive, PageTables).
   */
  dropTranslations(): void {
    invalidateAll(this.capabilities.of(IA32_VMX_EPT_VPID_CAP));
  }

  disable(): u32 {
    const result = this.operation.leave();
    if (result == RESULT_OK) this.console.info().text("VMX operation is off").end();
    return result;
  }

  doOwn(machine: Machine): u32 {
    const isStrict = machine.options.isStrict;
    if (machine.options.isScript) return runScript(machine, this);
    if (!this.capabilities.check(this.console, isStrict) && isStrict) return RESULT_INCONSISTENT_CAPABILITIES;
    if (machine.options.isMutation) return runMutations(machine, this);
    return machine.options.isProbe ? probe(machine, this) : NOTHING_ASKED;
  }

  checkKind(kind: u32): u32 {
    return this.controlsOf(kind).check(this.console);
  }

  hasNestedPaging(kind: u32): bool {
    return this.controlsOf(kind).hasEpt;
  }

  get nestedPagingName(): string {
    return "EPT";
  }

  newNestedPaging(machine: Machine, pool: PagePool): NestedPaging {
    const capabilities = this.capabilities.of(IA32_VMX_EPT_VPID_CAP);
    return new Ept(pool, capabilities, machine.mtrrs, machine.maximumPhysicalAddress);
  }

  newVcpu(machine: Machine, number: u32, kind: u32, memory: GuestMemory): Vcpu | null {
    const pool = memory.pool;
    const page = pool.allocateAdjacent(2);
    const vmcs = allocateVmxRegion(pool, this.capabilities.of(IA32_VMX_BASIC));
    const controls = this.controlsOf(kind);
    const hasMsrBitmap = controls.primary.has(PRIMARY_USE_MSR_BITMAPS);
    const msrBitmap = hasMsrBitmap ? pool.allocate() : 0;
    if (page == 0 || vmcs == 0 || (hasMsrBitmap && msrBitmap == 0)) return null;
    const vpidNumber = controls.hasVpid ? <u16>(memory.slot + 1) : 0;
    const vpid = new VpidInvalidation(vpidNumber, this.capabilities.of(IA32_VMX_EPT_VPID_CAP));
    const translations = new GuestTranslations(memory.nestedPaging, vpid);
    return new VmxVcpu(machine, this, number, kind, page, vmcs, msrBitmap, memory, translations);
  }

  /** The controls of a kind of VM, in step and not yet checked. What they give up is said for the first VM of the kind. */
  controlsOf(kind: u32): ExecutionControls {
    const controls = this.controls[kind];
    if (!this.isSane[kind]) controls.sanitise(this.console);
    this.isSane[kind] = true;
    return controls;
  }
}
