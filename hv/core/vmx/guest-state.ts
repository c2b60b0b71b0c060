// The guest-state area of a vCPU that starts in 64-bit mode with flat segments (SDM 3C 25.4 and 27.3.1).

import {
  CR0_CD,
  CR0_ET,
  CR0_NE,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CR4_MCE,
  CR4_PAE,
  CR4_VMXE,
  DR7_RESET,
  RFLAGS_ALWAYS_ONE,
  RFLAGS_IF,
} from "../../x86/control-registers";
import { EFER_LMA, EFER_LME, EFER_NXE, IA32_VMX_CR0_FIXED0, IA32_VMX_CR4_FIXED0 } from "../../x86/msr";
import { PAT_RESET } from "../../x86/paging";
import { BUSY_TSS, CODE_64_BIT, DATA_32_BIT, UNUSABLE } from "../../x86/segments";
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
import { VmxCapabilities } from "./capabilities";
import { ExecutionControls } from "./execution-controls";
import { Vcpu } from "./vcpu";

// ES, CS, SS, DS, FS, GS, LDTR, TR: the order of their fields' encodings, which lie two apart (SDM 3D B.1 to B.4).
const SEGMENTS: i32 = 8;
const FIELD_STEP: u32 = 2;
const SELECTORS: StaticArray<u32> = [0x10, 0x08, 0x10, 0x10, 0x10, 0x10, 0, 0x18];
const LIMITS: StaticArray<u32> = [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0, 0x67];
const ACCESS_RIGHTS: StaticArray<u32> = [
  DATA_32_BIT,
  CODE_64_BIT,
  DATA_32_BIT,
  DATA_32_BIT,
  DATA_32_BIT,
  DATA_32_BIT,
  UNUSABLE,
  BUSY_TSS,
];

const CR0_START: u64 = CR0_PE | CR0_ET | CR0_WP | CR0_NE | CR0_PG;
/** Basalt owns these bits of CR0: VMX operation fixes NE, and the guest's caching is the EPT's and the PAT's matter. */
const CR0_OWNED: u64 = CR0_NE | CR0_NW | CR0_CD;
/** VMX operation fixes VMXE to 1; a machine check is the host's. The guest reads 0 in both. */
const CR4_OWNED: u64 = CR4_VMXE | CR4_MCE;
const NO_LINKED_VMCS: u64 = 0xffffffffffffffff;

/** Writes the guest-state area of the current VMCS from the start state that the vmm gave in the vCPU page. */
export function writeGuestState(vcpu: Vcpu, controls: ExecutionControls, capabilities: VmxCapabilities): void {
  for (let i = 0; i < SEGMENTS; i++) {
    const step = <u32>i * FIELD_STEP;
    vmwrite(GUEST_ES_SELECTOR + step, SELECTORS[i]);
    vmwrite(GUEST_ES_BASE + step, 0);
    vmwrite(GUEST_ES_LIMIT + step, LIMITS[i]);
    vmwrite(GUEST_ES_ACCESS_RIGHTS + step, ACCESS_RIGHTS[i]);
  }
  vmwrite(GUEST_GDTR_BASE, 0);
  vmwrite(GUEST_GDTR_LIMIT, 0);
  vmwrite(GUEST_IDTR_BASE, 0);
  vmwrite(GUEST_IDTR_LIMIT, 0);

  // With unrestricted guest, CR0.PE and CR0.PG are the guest's in spite of FIXED0 (SDM 3C 27.3.1.1).
  const cr0 = CR0_START | (capabilities.of(IA32_VMX_CR0_FIXED0) & ~(CR0_PE | CR0_PG));
  const cr4 = CR4_PAE | CR4_MCE | capabilities.of(IA32_VMX_CR4_FIXED0);
  vmwrite(GUEST_CR0, cr0);
  vmwrite(CR0_GUEST_HOST_MASK, CR0_OWNED);
  vmwrite(CR0_READ_SHADOW, cr0);
  vmwrite(GUEST_CR3, vcpu.shared.startCr3);
  vmwrite(GUEST_CR4, cr4);
  vmwrite(CR4_GUEST_HOST_MASK, CR4_OWNED);
  vmwrite(CR4_READ_SHADOW, cr4 & ~CR4_OWNED);
  vmwrite(GUEST_DR7, DR7_RESET);

  vmwrite(GUEST_RIP, vcpu.shared.startRip);
  vmwrite(GUEST_RSP, vcpu.shared.startRsp);
  // Interrupts exit whatever IF is (SDM 3C 26.2), but in Bochs only while it is 1. None reaches the guest.
  vmwrite(GUEST_RFLAGS, RFLAGS_ALWAYS_ONE | RFLAGS_IF);

  vmwrite(GUEST_IA32_DEBUGCTL, 0);
  vmwrite(GUEST_IA32_SYSENTER_CS, 0);
  vmwrite(GUEST_IA32_SYSENTER_ESP, 0);
  vmwrite(GUEST_IA32_SYSENTER_EIP, 0);
  if (controls.entry.has(ENTRY_LOAD_IA32_PAT)) vmwrite(GUEST_IA32_PAT, PAT_RESET);
  if (controls.entry.has(ENTRY_LOAD_IA32_EFER)) vmwrite(GUEST_IA32_EFER, EFER_LME | EFER_LMA | EFER_NXE);

  vmwrite(GUEST_ACTIVITY_STATE, 0);
  vmwrite(GUEST_INTERRUPTIBILITY_STATE, 0);
  vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
  vmwrite(VMCS_LINK_POINTER, NO_LINKED_VMCS);
}
