// A guest's state for its vmm (hv/shared/vcpu-page.ts), read by one function: each exit to memory beyond RAM pays for it.

import { CR0_PG, CR4_PAE } from "../../x86/control-registers";
import { EFER_LMA } from "../../x86/msr";
import { ACCESS_RIGHTS_64_BIT, ACCESS_RIGHTS_DPL_MASK, ACCESS_RIGHTS_DPL_SHIFT } from "../../x86/segments";
import {
  GUEST_CR0,
  GUEST_CR3,
  GUEST_CR4,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_FS_BASE,
  GUEST_GDTR_BASE,
  GUEST_GDTR_LIMIT,
  GUEST_GS_BASE,
  GUEST_IA32_EFER,
  GUEST_IDTR_BASE,
  GUEST_IDTR_LIMIT,
  GUEST_PDPTE0,
  GUEST_PDPTE1,
  GUEST_PDPTE2,
  GUEST_PDPTE3,
  GUEST_RFLAGS,
  GUEST_RIP,
  GUEST_RSP,
  GUEST_SS_ACCESS_RIGHTS,
} from "../../x86/vmcs-fields";
import { vmread } from "../hardware";
import {
  SEGMENT_CS,
  SEGMENT_FS,
  SEGMENT_GS,
  SEGMENT_SS,
  SEGMENTS,
  STATE_ACCESS_RIGHTS,
  STATE_BASE,
  STATE_LIMIT,
  STATE_SELECTOR,
} from "../vcpu/state";
import { VmxVcpu } from "./vmx-vcpu";

/** Fills in what EXIT_MEMORY_MOVE has of CpuState. */
export function saveFetchState(vcpu: VmxVcpu): void {
  const state = vcpu.state;
  state.rip = vmread(GUEST_RIP);
  state.cr3 = vmread(GUEST_CR3);
  state.cr4 = vmread(GUEST_CR4);
  state.efer = vmread(GUEST_IA32_EFER);
  state.cpl = ((<u32>vmread(GUEST_SS_ACCESS_RIGHTS)) >> ACCESS_RIGHTS_DPL_SHIFT) & ACCESS_RIGHTS_DPL_MASK;
  unchecked(vcpu.segments[SEGMENT_CS]).accessRights = <u32>vmread(GUEST_CS_ACCESS_RIGHTS);
}

/** Fills in CpuState, the segments and RSP. In 64-bit mode nothing but those rights, FS and GS is asked of a segment. */
export function saveState(vcpu: VmxVcpu): void {
  const state = vcpu.state;
  const efer = vmread(GUEST_IA32_EFER);
  const codeRights = <u32>vmread(GUEST_CS_ACCESS_RIGHTS);
  const stackRights = <u32>vmread(GUEST_SS_ACCESS_RIGHTS);
  state.rip = vmread(GUEST_RIP);
  state.rflags = vmread(GUEST_RFLAGS);
  state.cr0 = vmread(GUEST_CR0);
  state.cr3 = vmread(GUEST_CR3);
  state.cr4 = vmread(GUEST_CR4);
  state.efer = efer;
  state.cpl = (stackRights >> ACCESS_RIGHTS_DPL_SHIFT) & ACCESS_RIGHTS_DPL_MASK;
  vcpu.registers.rsp = vmread(GUEST_RSP);
  const segments = vcpu.segments;
  unchecked(segments[SEGMENT_CS]).accessRights = codeRights;
  unchecked(segments[SEGMENT_SS]).accessRights = stackRights;
  if (efer & EFER_LMA && codeRights & ACCESS_RIGHTS_64_BIT) {
    unchecked(segments[SEGMENT_FS]).base = vmread(GUEST_FS_BASE);
    unchecked(segments[SEGMENT_GS]).base = vmread(GUEST_GS_BASE);
  } else {
    saveRest(vcpu);
  }
}

/** Outside 64-bit mode. */
function saveRest(vcpu: VmxVcpu): void {
  const state = vcpu.state;
  for (let i: u32 = 0; i < SEGMENTS; i++) {
    const segment = vcpu.segments[i];
    segment.base = vcpu.read(STATE_BASE + i);
    segment.limit = <u32>vcpu.read(STATE_LIMIT + i);
    segment.accessRights = <u32>vcpu.read(STATE_ACCESS_RIGHTS + i);
    segment.selector = <u32>vcpu.read(STATE_SELECTOR + i);
  }
  state.gdtrBase = vmread(GUEST_GDTR_BASE);
  state.gdtrLimit = <u32>vmread(GUEST_GDTR_LIMIT);
  state.idtrBase = vmread(GUEST_IDTR_BASE);
  state.idtrLimit = <u32>vmread(GUEST_IDTR_LIMIT);
  const hasPdptes = (state.cr0 & CR0_PG) != 0 && (state.cr4 & CR4_PAE) != 0 && (state.efer & EFER_LMA) == 0;
  if (!hasPdptes) return;
  state.pdpte0 = vmread(GUEST_PDPTE0);
  state.pdpte1 = vmread(GUEST_PDPTE1);
  state.pdpte2 = vmread(GUEST_PDPTE2);
  state.pdpte3 = vmread(GUEST_PDPTE3);
}
