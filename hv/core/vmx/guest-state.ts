// The guest-state area as a value, and writing it to the current VMCS (SDM 3C 25.4).

import { DR7_RESET, RFLAGS_ALWAYS_ONE } from "../../x86/control-registers";
import { PAT_RESET } from "../../x86/paging";
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
import { ExecutionControls } from "./execution-controls";

// ES, CS, SS, DS, FS, GS, LDTR, TR: the order of their fields' encodings, which lie two apart (SDM 3D B.1 to B.4).
export const SEGMENTS: i32 = 8;
const FIELD_STEP: u32 = 2;
const NO_LINKED_VMCS: u64 = 0xffffffffffffffff;

/** A guest's state; what is not set is 0, or as after a reset. start-states.ts and mirrored-state.ts fill it in. */
export class GuestState {
  readonly selectors: StaticArray<u32> = new StaticArray<u32>(SEGMENTS);
  readonly bases: StaticArray<u64> = new StaticArray<u64>(SEGMENTS);
  readonly limits: StaticArray<u32> = new StaticArray<u32>(SEGMENTS);
  /** In the VMCS's form (hv/x86/segments.ts). */
  readonly accessRights: StaticArray<u32> = new StaticArray<u32>(SEGMENTS);
  gdtrBase: u64 = 0;
  gdtrLimit: u32 = 0;
  idtrBase: u64 = 0;
  idtrLimit: u32 = 0;
  cr0: u64 = 0;
  /** The guest/host mask: bits that are Basalt's. The guest reads them in the shadow. */
  cr0Owned: u64 = 0;
  cr0Shadow: u64 = 0;
  cr3: u64 = 0;
  cr4: u64 = 0;
  cr4Owned: u64 = 0;
  cr4Shadow: u64 = 0;
  dr7: u64 = DR7_RESET;
  rip: u64 = 0;
  rsp: u64 = 0;
  rflags: u64 = RFLAGS_ALWAYS_ONE;
  sysenterCs: u64 = 0;
  sysenterEsp: u64 = 0;
  sysenterEip: u64 = 0;
  /** In force where the VM-entry controls load it, as IA32_EFER. */
  pat: u64 = PAT_RESET;
  efer: u64 = 0;

  /** Writes the guest-state area of the current VMCS, with the guest/host masks and shadows of CR0 and CR4. */
  write(controls: ExecutionControls): void {
    for (let i = 0; i < SEGMENTS; i++) {
      const step = <u32>i * FIELD_STEP;
      vmwrite(GUEST_ES_SELECTOR + step, this.selectors[i]);
      vmwrite(GUEST_ES_BASE + step, this.bases[i]);
      vmwrite(GUEST_ES_LIMIT + step, this.limits[i]);
      vmwrite(GUEST_ES_ACCESS_RIGHTS + step, this.accessRights[i]);
    }
    vmwrite(GUEST_GDTR_BASE, this.gdtrBase);
    vmwrite(GUEST_GDTR_LIMIT, this.gdtrLimit);
    vmwrite(GUEST_IDTR_BASE, this.idtrBase);
    vmwrite(GUEST_IDTR_LIMIT, this.idtrLimit);

    vmwrite(GUEST_CR0, this.cr0);
    vmwrite(CR0_GUEST_HOST_MASK, this.cr0Owned);
    vmwrite(CR0_READ_SHADOW, this.cr0Shadow);
    vmwrite(GUEST_CR3, this.cr3);
    vmwrite(GUEST_CR4, this.cr4);
    vmwrite(CR4_GUEST_HOST_MASK, this.cr4Owned);
    vmwrite(CR4_READ_SHADOW, this.cr4Shadow);
    vmwrite(GUEST_DR7, this.dr7);

    vmwrite(GUEST_RIP, this.rip);
    vmwrite(GUEST_RSP, this.rsp);
    vmwrite(GUEST_RFLAGS, this.rflags);

    // Every VM exit leaves the host's at 0, too (SDM 3C 28.5.1).
    vmwrite(GUEST_IA32_DEBUGCTL, 0);
    vmwrite(GUEST_IA32_SYSENTER_CS, this.sysenterCs);
    vmwrite(GUEST_IA32_SYSENTER_ESP, this.sysenterEsp);
    vmwrite(GUEST_IA32_SYSENTER_EIP, this.sysenterEip);
    if (controls.entry.has(ENTRY_LOAD_IA32_PAT)) vmwrite(GUEST_IA32_PAT, this.pat);
    if (controls.entry.has(ENTRY_LOAD_IA32_EFER)) vmwrite(GUEST_IA32_EFER, this.efer);

    vmwrite(GUEST_ACTIVITY_STATE, 0);
    vmwrite(GUEST_INTERRUPTIBILITY_STATE, 0);
    vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
    vmwrite(VMCS_LINK_POINTER, NO_LINKED_VMCS);
  }
}
