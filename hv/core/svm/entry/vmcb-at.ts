// A page of the pool, to be read and written by a VMCB's offsets.

import { PagePool } from "../../memory/page-pool";
import { Vmcb } from "../vmcb";

/** The view of the page at `page`. */
export function vmcbAt(pool: PagePool, page: usize): Vmcb {
  return new Vmcb(page, pool.physicalAddress(page));
}
