// Writing the guest-state area of the current VMCS (SDM 3C 25.4).

import { CR0_CD, CR0_NE, CR0_NW, CR0_PE, CR0_PG, CR4_MCE, CR4_VMXE } from "../../x86/control-registers";
import { IA32_VMX_CR0_FIXED0, IA32_VMX_CR0_FIXED1, IA32_VMX_CR4_FIXED0, IA32_VMX_CR4_FIXED1 } from "../../x86/msr";
import {
  CR0_GUEST_HOST_MASK,
  CR0_READ_SHADOW,
  CR4_GUEST_HOST_MASK,
  CR4_READ_SHADOW,
  GUEST_ACTIVITY_STATE,
  GUEST_CR0,
  GUEST_CR3,
  GUEST_CR4,
  GUEST_DR7,
  GUEST_ES_ACCESS_RIGHTS,
  GUEST_ES_BASE,
  GUEST_ES_LIMIT,
  GUEST_ES_SELECTOR,
  GUEST_GDTR_BASE,
  GUEST_GDTR_LIMIT,
  GUEST_IA32_DEBUGCTL,
  GUEST_IA32_EFER,
  GUEST_IA32_PAT,
  GUEST_IA32_SYSENTER_CS,
  GUEST_IA32_SYSENTER_EIP,
  GUEST_IA32_SYSENTER_ESP,
  GUEST_IDTR_BASE,
  GUEST_IDTR_LIMIT,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_PENDING_DEBUG_EXCEPTIONS,
  GUEST_RFLAGS,
  GUEST_RIP,
  GUEST_RSP,
  VMCS_LINK_POINTER,
} from "../../x86/vmcs-fields";
import { ENTRY_LOAD_IA32_EFER, ENTRY_LOAD_IA32_PAT } from "../../x86/vmx-controls";
import { vmwrite } from "../hardware";
import { GuestState } from "../vcpu/guest-state";
import { SEGMENTS } from "../vcpu/state";
import { VmxCapabilities } from "./capabilities";
import { ExecutionControls } from "./execution-controls";

// The order of the segments is that of their fields' encodings, which lie two apart (SDM 3D B.1 to B.4).
const FIELD_STEP: u32 = 2;
const NO_LINKED_VMCS: u64 = 0xffffffffffffffff;

/** Basalt owns these bits of CR0: VMX operation fixes NE, and the guest's caching is the EPT's and the PAT's matter. */
export const CR0_OWNED: u64 = CR0_NE | CR0_NW | CR0_CD;
/** VMX operation fixes VMXE to 1; a machine check is the host's. The guest reads 0 in both. */
const CR4_OWNED: u64 = CR4_VMXE | CR4_MCE;
const ALL_BITS: u64 = 0xffffffffffffffff;

/** Writes the guest-state area of the current VMCS, with the guest/host masks and shadows of CR0 and CR4. */
export function writeGuestState(state: GuestState, controls: ExecutionControls, capabilities: VmxCapabilities): void {
  for (let i: u32 = 0; i < SEGMENTS; i++) {
    const step = i * FIELD_STEP;
    vmwrite(GUEST_ES_SELECTOR + step, state.selectors[i]);
    vmwrite(GUEST_ES_BASE + step, state.bases[i]);
    vmwrite(GUEST_ES_LIMIT + step, state.limits[i]);
    vmwrite(GUEST_ES_ACCESS_RIGHTS + step, state.accessRights[i]);
  }
  vmwrite(GUEST_GDTR_BASE, state.gdtrBase);
  vmwrite(GUEST_GDTR_LIMIT, state.gdtrLimit);
  vmwrite(GUEST_IDTR_BASE, state.idtrBase);
  vmwrite(GUEST_IDTR_LIMIT, state.idtrLimit);

  writeControlRegisters(state, capabilities);
  vmwrite(GUEST_CR3, state.cr3);
  vmwrite(GUEST_DR7, state.dr7);

  vmwrite(GUEST_RIP, state.rip);
  vmwrite(GUEST_RSP, state.rsp);
  vmwrite(GUEST_RFLAGS, state.rflags);

  // Every VM exit leaves the host's at 0, too (SDM 3C 28.5.1).
  vmwrite(GUEST_IA32_DEBUGCTL, 0);
  vmwrite(GUEST_IA32_SYSENTER_CS, state.sysenterCs);
  vmwrite(GUEST_IA32_SYSENTER_ESP, state.sysenterEsp);
  vmwrite(GUEST_IA32_SYSENTER_EIP, state.sysenterEip);
  if (controls.entry.has(ENTRY_LOAD_IA32_PAT)) vmwrite(GUEST_IA32_PAT, state.pat);
  if (controls.entry.has(ENTRY_LOAD_IA32_EFER)) vmwrite(GUEST_IA32_EFER, state.efer);

  vmwrite(GUEST_ACTIVITY_STATE, 0);
  vmwrite(GUEST_INTERRUPTIBILITY_STATE, 0);
  vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
  vmwrite(VMCS_LINK_POINTER, NO_LINKED_VMCS);
}

/**
 * What the guest reads is in the shadows, where it differs from what VMX operation demands (SDM 3A A.7, A.8). CR0.PE and CR0.PG
 * are the guest's in spite of FIXED0: without unrestricted guest no state is without them (SDM 3C 27.3.1.1).
 */
function writeControlRegisters(state: GuestState, capabilities: VmxCapabilities): void {
  const cr0 =
    (state.cr0 & capabilities.of(IA32_VMX_CR0_FIXED1)) | (capabilities.of(IA32_VMX_CR0_FIXED0) & ~(CR0_PE | CR0_PG));
  const others = state.ownsNoControlRegister ? 0 : CR4_MCE;
  const cr4 = (state.cr4 & capabilities.of(IA32_VMX_CR4_FIXED1)) | capabilities.of(IA32_VMX_CR4_FIXED0) | others;
  vmwrite(GUEST_CR0, cr0);
  vmwrite(GUEST_CR4, cr4);
  vmwrite(CR0_GUEST_HOST_MASK, state.ownsNoControlRegister ? ALL_BITS : CR0_OWNED);
  vmwrite(CR4_GUEST_HOST_MASK, state.ownsNoControlRegister ? ALL_BITS : CR4_OWNED);
  vmwrite(CR0_READ_SHADOW, state.ownsNoControlRegister ? cr0 : state.cr0);
  vmwrite(CR4_READ_SHADOW, state.ownsNoControlRegister ? cr4 : state.cr4);
}
