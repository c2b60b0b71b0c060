// The accesses of a guest by SVM: through its TLB, else through the nested tables that lie in core's memory.
import { has } from "../bits.ts";
import type { Exit } from "../exits.ts";
import { NestedFault, type LinearWalk, type NestedTranslator } from "../guest.ts";
import type { PhysicalMemory } from "../physical-memory.ts";
import { reason, svmExit, vmcb } from "../tables.ts";
import type { NestedTlb } from "./nested-tlb.ts";
import { FETCH, READ, walkNested, WRITE, type NestedPage, type WalkLimits } from "./nested-walk.ts";
import type { VmcbImage } from "./vmcb-image.ts";

const PAGE = 4096n;
const OF_TRANSLATION = BigInt(vmcb("NPF_OF_TRANSLATION"));
const OF_GUEST_TABLE = BigInt(vmcb("NPF_OF_GUEST_TABLE"));

function allows(page: NestedPage, access: bigint): boolean {
  return (page.isWritable || !has(access, WRITE)) && (page.isExecutable || !has(access, FETCH));
}

export class SvmTranslator implements NestedTranslator {
  /** Walks of the guest's own tables count as writes (APM 2 15.25.5). */
  readonly tableAccess = READ | WRITE;
  readonly #image: VmcbImage;
  readonly #tlb: NestedTlb;
  readonly #memory: PhysicalMemory;
  readonly #limits: WalkLimits;

  constructor(image: VmcbImage, tlb: NestedTlb, memory: PhysicalMemory, limits: WalkLimits) {
    this.#image = image;
    this.#tlb = tlb;
    this.#memory = memory;
    this.#limits = limits;
  }

  translate(physical: bigint, linear: bigint, access: bigint, isFinal: boolean): bigint {
    return this.#page(physical, linear, access, isFinal).host + (physical % PAGE);
  }

  access(linear: bigint, access: bigint, walk: LinearWalk): bigint {
    const { linear: cached } = this.#tlb.of(this.#asid);
    const known = cached.get(linear / PAGE);
    if (known && allows(known, access)) return known.host + (linear % PAGE);
    const { physical, isGlobal } = walk(linear);
    const page = this.#page(physical, linear, access, true);
    cached.set(linear / PAGE, { ...page, physical: physical - (physical % PAGE), isGlobal });
    return page.host + (physical % PAGE);
  }

  get #asid(): number {
    return Number(this.#image.get("VMCB_GUEST_ASID"));
  }

  #page(physical: bigint, linear: bigint, access: bigint, isFinal: boolean): NestedPage {
    const { nested } = this.#tlb.of(this.#asid);
    const known = nested.get(physical / PAGE);
    // A cached translation that does not allow the access is no reason for a fault: the tables are walked first.
    if (known && allows(known, access)) return known;
    if (!this.#image.isSet("VMCB_NESTED_CONTROL", "NESTED_PAGING_ENABLE"))
      throw new Error("a guest without nested paging");
    const found = walkNested(this.#memory, this.#image.get("VMCB_N_CR3"), physical, access, this.#limits);
    if ("error" in found) throw new NestedFault(nestedPageFault(found.error, physical, linear, isFinal));
    nested.set(physical / PAGE, found.page);
    return found.page;
  }
}

/** VMEXIT_NPF, and what the VMX exit for it would tell, for tests that look at that. */
function nestedPageFault(error: bigint, physical: bigint, linear: bigint, isFinal: boolean): Exit {
  const info1 = error | (isFinal ? OF_TRANSLATION : OF_GUEST_TABLE);
  return {
    reason: reason("EXIT_REASON_EPT_VIOLATION"),
    svm: { code: svmExit("SVM_EXIT_NPF"), info1, info2: physical },
    fields: { GUEST_PHYSICAL_ADDRESS: physical, GUEST_LINEAR_ADDRESS: linear },
  };
}
