// A guest's state for its vmm (hv/shared/vcpu-page.ts).

import { CR0_PG, CR4_PAE } from "../../x86/control-registers";
import { EFER_LMA } from "../../x86/msr";
import {
  VMCB_CPL,
  VMCB_CR0,
  VMCB_CR3,
  VMCB_CR4,
  VMCB_CS,
  VMCB_EFER,
  VMCB_RFLAGS,
  VMCB_RIP,
  VMCB_RSP,
  VMCB_SEGMENT_ATTRIBUTES,
} from "../../x86/vmcb";
import {
  SEGMENT_CS,
  SEGMENTS,
  STATE_ACCESS_RIGHTS,
  STATE_BASE,
  STATE_GDTR_BASE,
  STATE_GDTR_LIMIT,
  STATE_IDTR_BASE,
  STATE_IDTR_LIMIT,
  STATE_LIMIT,
  STATE_PDPTE,
  STATE_SELECTOR,
} from "../vcpu/state";
import { accessRightsOf } from "./segments";
import { SvmVcpu } from "./svm-vcpu";

/** Fills in what EXIT_MEMORY_MOVE has of CpuState. */
export function saveFetchState(vcpu: SvmVcpu): void {
  const state = vcpu.state;
  const saved = vcpu.saved;
  state.rip = saved.read64(VMCB_RIP);
  state.cr3 = saved.read64(VMCB_CR3);
  state.cr4 = saved.read64(VMCB_CR4);
  state.efer = saved.read64(VMCB_EFER);
  const attributes = saved.read16(VMCB_CS + VMCB_SEGMENT_ATTRIBUTES);
  unchecked(vcpu.segments[SEGMENT_CS]).accessRights = accessRightsOf(attributes);
}

/** Fills in CpuState, the segments and RSP. */
export function saveState(vcpu: SvmVcpu): void {
  const state = vcpu.state;
  const vmcb = vcpu.vmcb;
  saveFetchState(vcpu);
  state.rflags = vmcb.read64(VMCB_RFLAGS);
  state.cr0 = vmcb.read64(VMCB_CR0);
  state.cpl = vmcb.read8(VMCB_CPL);
  vcpu.registers.rsp = vmcb.read64(VMCB_RSP);
  for (let i: u32 = 0; i < SEGMENTS; i++) {
    const segment = vcpu.segments[i];
    segment.base = vcpu.read(STATE_BASE + i);
    segment.limit = <u32>vcpu.read(STATE_LIMIT + i);
    segment.accessRights = <u32>vcpu.read(STATE_ACCESS_RIGHTS + i);
    segment.selector = <u32>vcpu.read(STATE_SELECTOR + i);
  }
  state.gdtrBase = vcpu.read(STATE_GDTR_BASE);
  state.gdtrLimit = <u32>vcpu.read(STATE_GDTR_LIMIT);
  state.idtrBase = vcpu.read(STATE_IDTR_BASE);
  state.idtrLimit = <u32>vcpu.read(STATE_IDTR_LIMIT);
  const hasPdptes = (state.cr0 & CR0_PG) != 0 && (state.cr4 & CR4_PAE) != 0 && (state.efer & EFER_LMA) == 0;
  if (!hasPdptes) return;
  state.pdpte0 = vcpu.read(STATE_PDPTE);
  state.pdpte1 = vcpu.read(STATE_PDPTE + 1);
  state.pdpte2 = vcpu.read(STATE_PDPTE + 2);
  state.pdpte3 = vcpu.read(STATE_PDPTE + 3);
}
