// The TLB of a processor with SVM: it caches all it may by ASID, nested translations and linear ones, and drops nothing
// before it must (APM 2 15.16). An emulator flushes at each VMRUN, so that a flush that core forgets shows here only.
import { vmcb } from "../tables.ts";
import type { NestedPage } from "./nested-walk.ts";

/** A linear page's translation through both levels. */
export interface LinearPage extends NestedPage {
  readonly physical: bigint;
  /** The guest's own tables have it global. */
  readonly isGlobal: boolean;
}

class AsidEntries {
  readonly nested = new Map<bigint, NestedPage>();
  readonly linear = new Map<bigint, LinearPage>();
}

export class NestedTlb {
  /** The flushes that VMRUNs asked for, in order: TLB_CONTROL and ASID. */
  readonly flushes: (readonly [control: number, asid: number])[] = [];
  readonly #hasFlushByAsid: boolean;
  readonly #entries = new Map<number, AsidEntries>();

  constructor(hasFlushByAsid: boolean) {
    this.#hasFlushByAsid = hasFlushByAsid;
  }

  of(asid: number): AsidEntries {
    const entries = this.#entries.get(asid) ?? new AsidEntries();
    this.#entries.set(asid, entries);
    return entries;
  }

  /** Does what TLB_CONTROL asks for at a VMRUN with `asid`. */
  control(control: number, asid: number): void {
    if (control === vmcb("TLB_CONTROL_NOTHING")) return;
    const needsFeature = control !== vmcb("TLB_CONTROL_FLUSH_ALL");
    if (needsFeature && !this.#hasFlushByAsid)
      throw new Error(`TLB_CONTROL ${control} without FlushByAsid is reserved`);
    this.flushes.push([control, asid]);
    if (control === vmcb("TLB_CONTROL_FLUSH_ALL")) this.#entries.clear();
    else if (control === vmcb("TLB_CONTROL_FLUSH_ASID")) this.#entries.delete(asid);
    else if (control === vmcb("TLB_CONTROL_FLUSH_ASID_NON_GLOBAL")) this.dropLinear(asid, false);
    else throw new Error(`TLB_CONTROL ${control} is reserved`);
  }

  /** What the guest's own MOV to a control register drops, or a flush of its own translations. */
  dropLinear(asid: number, withGlobal: boolean): void {
    const { linear } = this.of(asid);
    for (const [page, { isGlobal }] of [...linear]) if (withGlobal || !isGlobal) linear.delete(page);
  }
}
