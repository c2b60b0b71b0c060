// SVM as core's way to virtualize: the backend of an AMD processor.

import {
  CPUID_EXTENDED_EDX_1_GIB_PAGES,
  CPUID_EXTENDED_EDX_RDTSCP,
  CPUID_LEAF_EXTENDED_PROCESSOR_FEATURES,
} from "../../x86/cpuid";
import { Console } from "../console/console";
import { Cpuid } from "../cpu/cpuid";
import {
  FEATURE_INVPCID,
  FEATURE_OWN_EFER,
  FEATURE_OWN_PAT,
  FEATURE_RDTSCP,
  FEATURE_TSC_OFFSET,
} from "../cpu/features";
import { GuestMemory } from "../guest-memory";
import { Machine } from "../machine";
import { NestedPaging } from "../memory/nested-paging";
import { PagePool } from "../memory/page-pool";
import { RESULT_BAD_OPTION, RESULT_NO_ASID, RESULT_NO_NPT, RESULT_OK, RESULT_TOO_LITTLE_MEMORY } from "../results";
import { Vcpu } from "../vcpu/vcpu";
import { NOTHING_ASKED, Virtualization } from "../vcpu/virtualization";
import { SvmCapabilities } from "./capabilities";
import { EntryDoctor } from "./entry/entry-doctor";
import { runMutations } from "./mutate/mutate";
import { Npt } from "./npt/npt";
import { checkSvm, SvmOperation } from "./operation";
import { PermissionMaps } from "./permission-maps";
import { SvmVcpu } from "./svm-vcpu";

export class Svm extends Virtualization {
  readonly capabilities: SvmCapabilities;
  readonly maps: PermissionMaps;
  /** FEATURE_* of every guest. */
  readonly features: u32;
  private readonly operation: SvmOperation;
  private readonly has1GibPages: bool;
  readonly entryDoctor: EntryDoctor;

  /** `checkSvm` has found that the processor has it. */
  constructor(
    private readonly console: Console,
    pool: PagePool,
  ) {
    super();
    const capabilities = new SvmCapabilities();
    capabilities.print(console);
    const cpuid = new Cpuid();
    cpuid.read(CPUID_LEAF_EXTENDED_PROCESSOR_FEATURES, 0);
    this.capabilities = capabilities;
    this.has1GibPages = (cpuid.edx & CPUID_EXTENDED_EDX_1_GIB_PAGES) != 0;
    const hasRdtscp = (cpuid.edx & CPUID_EXTENDED_EDX_RDTSCP) != 0;
    const own = FEATURE_INVPCID | FEATURE_TSC_OFFSET | FEATURE_OWN_EFER | FEATURE_OWN_PAT;
    this.features = hasRdtscp ? own | FEATURE_RDTSCP : own;
    this.maps = new PermissionMaps(pool);
    this.operation = new SvmOperation(pool);
    // VMs come and go; what is made for all of them is made before the first one.
    this.entryDoctor = new EntryDoctor(pool);
  }

  checkHere(): u32 {
    return checkSvm(this.console, new Cpuid());
  }

  enable(): u32 {
    const capabilities = this.capabilities;
    if (capabilities.asids < 2) {
      this.console.error().text("CPUID.8000000AH:EBX tells ").decimal(capabilities.asids);
      this.console.text(" ASIDs; a guest needs one beside the host's").end();
      return RESULT_NO_ASID;
    }
    if (this.maps.io == 0 || this.maps.msrs == 0) return RESULT_TOO_LITTLE_MEMORY;
    const result = this.operation.enter();
    if (result == RESULT_OK) this.console.info().text("SVM is on").end();
    return result;
  }

  /**
   * Nothing to do: an ASID belongs to one slot, and whoever is made current on a processor flushes it there first (makeCurrent of
   * svm-vcpu.ts).
   */
  dropTranslations(): void {}

  disable(): u32 {
    this.operation.leave();
    this.console.info().text("SVM is off").end();
    return RESULT_OK;
  }

  doOwn(machine: Machine): u32 {
    if (machine.options.isScript) {
      machine.console
        .error()
        .text(
          "boot option vmx-script: it executes VMX's instructions, and this CPU virtualizes by SVM; use an Intel CPU",
        )
        .end();
      return RESULT_BAD_OPTION;
    }
    if (machine.options.isMutation) return runMutations(machine, this.hostState);
    if (!machine.options.isProbe) return NOTHING_ASKED;
    const capabilities = this.capabilities;
    const line = machine.console.info().text("probe svm ok nested-paging=");
    line
      .decimal(capabilities.hasNestedPaging ? 1 : 0)
      .text(" next-rip=")
      .decimal(capabilities.hasNextRip ? 1 : 0);
    line.text(" decode-assists=");
    line
      .decimal(capabilities.hasDecodeAssists ? 1 : 0)
      .text(" asids=")
      .decimal(capabilities.asids)
      .end();
    return RESULT_OK;
  }

  checkKind(_kind: u32): u32 {
    if (this.capabilities.hasNestedPaging) return RESULT_OK;
    this.console.error().text("no nested paging: CPUID.8000000AH:EDX[0] is 0; Basalt needs a CPU with it").end();
    return RESULT_NO_NPT;
  }

  hasNestedPaging(_kind: u32): bool {
    return true;
  }

  get nestedPagingName(): string {
    return "nested paging";
  }

  newNestedPaging(machine: Machine, pool: PagePool): NestedPaging {
    return new Npt(pool, machine.maximumPhysicalAddress, this.has1GibPages);
  }

  newVcpu(machine: Machine, number: u32, kind: u32, memory: GuestMemory): Vcpu | null {
    const page = memory.pool.allocateAdjacent(2);
    const vmcb = memory.pool.allocate();
    if (page == 0 || vmcb == 0) return null;
    // VMs that share one are told apart by a flush when they are switched (makeCurrent).
    const asid = 1 + (memory.slot % (this.capabilities.asids - 1));
    return new SvmVcpu(machine, this, number, kind, page, vmcb, memory, asid);
  }

  /** For svmEnter. */
  get hostState(): u64 {
    return this.operation.hostStatePhysical;
  }
}
