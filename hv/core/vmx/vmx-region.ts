// VMXON regions and VMCS regions: a page that starts with the VMCS revision identifier (SDM 3C 25.2, 25.11.5).

import { VMX_BASIC_REVISION_IDENTIFIER_MASK } from "../../x86/vmx-capabilities";
import { PagePool } from "../memory/page-pool";

@unmanaged
class VmxRegionHeader {
  revisionIdentifier: u32;
  abortIndicator: u32;
}

/** Takes a page of the pool and writes the revision identifier of `basic` (IA32_VMX_BASIC). Its HPA, or 0. */
export function allocateVmxRegion(pool: PagePool, basic: u64): u64 {
  const page = pool.allocate();
  if (page == 0) return 0;
  changetype<VmxRegionHeader>(page).revisionIdentifier = <u32>(basic & VMX_BASIC_REVISION_IDENTIFIER_MASK);
  return pool.physicalAddress(page);
}
