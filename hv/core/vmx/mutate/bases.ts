// The valid VMCSs that mutations start from. Each reaches rules that another one cannot.

// In all of them the guest exits at once, whatever state it is in: the VMX-preemption timer is 0 where there is one, and
// what the first fetch needs is mapped nowhere, by the EPT or, without one, by the guest's page tables.

import {
  CR0_PE,
  CR0_PG,
  CR4_PAE,
  RFLAGS_ALWAYS_ONE,
  RFLAGS_IF,
  RFLAGS_TF,
  RFLAGS_VM,
} from "../../../x86/control-registers";
import { STATE_LINK_REVISION, STATE_MEMORY_PDPTE0, STATE_VTPR } from "../../../doctor/inputs";
import {
  EFER_NXE,
  EFER_SCE,
  IA32_FMASK,
  IA32_KERNEL_GS_BASE,
  IA32_STAR,
  IA32_VMX_BASIC,
  IA32_VMX_CR0_FIXED0,
  IA32_VMX_CR4_FIXED0,
} from "../../../x86/msr";
import {
  ACCESS_RIGHTS_DPL_SHIFT,
  BUSY_16_BIT_TSS,
  BUSY_TSS,
  CODE_32_BIT,
  CODE_64_BIT,
  DATA_32_BIT,
  LDT,
  SEGMENT_TYPE_CONFORMING,
} from "../../../x86/segments";
import {
  APIC_ACCESS_ADDRESS,
  EPTP_LIST_ADDRESS,
  EXCEPTION_BITMAP,
  GUEST_ACTIVITY_STATE,
  GUEST_CR0,
  GUEST_CR3,
  GUEST_CR4,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_DS_ACCESS_RIGHTS,
  GUEST_ES_ACCESS_RIGHTS,
  GUEST_ES_BASE,
  GUEST_ES_LIMIT,
  GUEST_ES_SELECTOR,
  GUEST_FS_ACCESS_RIGHTS,
  GUEST_IA32_EFER,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_LDTR_ACCESS_RIGHTS,
  GUEST_LDTR_LIMIT,
  GUEST_LDTR_SELECTOR,
  GUEST_PDPTE0,
  GUEST_PENDING_DEBUG_EXCEPTIONS,
  GUEST_RFLAGS,
  GUEST_TR_ACCESS_RIGHTS,
  IO_BITMAP_A_ADDRESS,
  IO_BITMAP_B_ADDRESS,
  MSR_BITMAPS_ADDRESS,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PML_ADDRESS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SUB_PAGE_PERMISSION_TABLE_POINTER,
  TPR_THRESHOLD,
  TSC_MULTIPLIER,
  VIRTUAL_APIC_ADDRESS,
  VIRTUAL_PROCESSOR_IDENTIFIER,
  VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_EXCEPTION_ERROR_CODE,
  VM_ENTRY_INSTRUCTION_LENGTH,
  VM_ENTRY_INTERRUPTION_INFORMATION,
  VM_ENTRY_MSR_LOAD_ADDRESS,
  VM_ENTRY_MSR_LOAD_COUNT,
  VM_EXIT_MSR_LOAD_ADDRESS,
  VM_EXIT_MSR_LOAD_COUNT,
  VM_EXIT_MSR_STORE_ADDRESS,
  VM_EXIT_MSR_STORE_COUNT,
  VM_FUNCTION_CONTROLS,
  VMCS_LINK_POINTER,
  VMREAD_BITMAP_ADDRESS,
  VMWRITE_BITMAP_ADDRESS,
  VMX_PREEMPTION_TIMER_VALUE,
} from "../../../x86/vmcs-fields";
import { VMX_BASIC_REVISION_IDENTIFIER_MASK } from "../../../x86/vmx-capabilities";
import {
  ENTRY_IA32E_MODE_GUEST,
  EXIT_ACKNOWLEDGE_INTERRUPT_ON_EXIT,
  EXIT_SAVE_VMX_PREEMPTION_TIMER_VALUE,
  PIN_ACTIVATE_VMX_PREEMPTION_TIMER,
  PIN_VIRTUAL_NMIS,
  PRIMARY_MONITOR_TRAP_FLAG,
  PRIMARY_NMI_WINDOW_EXITING,
  PRIMARY_USE_IO_BITMAPS,
  PRIMARY_USE_MSR_BITMAPS,
  PRIMARY_USE_TPR_SHADOW,
  SECONDARY_APIC_REGISTER_VIRTUALIZATION,
  SECONDARY_ENABLE_EPT,
  SECONDARY_ENABLE_PML,
  SECONDARY_ENABLE_VM_FUNCTIONS,
  SECONDARY_ENABLE_VPID,
  SECONDARY_EPT_VIOLATION_VE,
  SECONDARY_SUB_PAGE_WRITE_PERMISSIONS_FOR_EPT,
  SECONDARY_UNRESTRICTED_GUEST,
  SECONDARY_USE_TSC_SCALING,
  SECONDARY_VIRTUAL_INTERRUPT_DELIVERY,
  SECONDARY_VIRTUALIZE_APIC_ACCESSES,
  SECONDARY_VIRTUALIZE_X2APIC_MODE,
  SECONDARY_VMCS_SHADOWING,
} from "../../../x86/vmx-controls";
import { allowedOnes, VmxCapabilities } from "../capabilities";
import { GuestState } from "../../vcpu/guest-state";
import { SEGMENTS } from "../../vcpu/state";
import {
  BASE_32_BIT,
  BASE_64_BIT,
  BASE_BLOCKED,
  BASE_HALTED,
  BASE_INTERRUPT,
  BASE_LINKED,
  BASE_MSR_AREAS,
  BASE_PAE,
  BASE_PAE_IN_MEMORY,
  BASE_REAL,
  BASE_REAL_EVENT,
  BASE_RESTRICTED,
  BASE_SHADOW,
  BASE_SHUTDOWN,
  BASE_SOFTWARE,
  BASE_STEPPING,
  BASE_TPR,
  BASE_TRAP_FLAG,
  BASE_VIRTUAL_8086,
  BASE_X2APIC,
} from "./base-names";
import { EVENTS } from "./base-events";
import { ENTRY_MSR_WORDS } from "./slots";
import { AREA_ENTRIES, Surroundings } from "./surroundings";
import { VmcsImage } from "./vmcs-image";

const USER: u32 = 3;
const USER_RIGHTS: u32 = USER << ACCESS_RIGHTS_DPL_SHIFT;
const FIELD_STEP: u32 = 2;
const DATA_SEGMENTS: u32 = 6;
const ALL_EXCEPTIONS: u64 = 0xffffffff;
/** TSC multiplier of 1 (SDM 3C 25.6.5). */
const TSC_UNSCALED: u64 = 0x1000000000000;
const SHADOW_VMCS: u64 = 0x80000000;
const PDPTE_PRESENT: u64 = 1;
const V8086_RIGHTS: u64 = 0xf3;
const V8086_LIMIT: u64 = 0xffff;

const ACTIVITY_HLT: u64 = 1;
const ACTIVITY_SHUTDOWN: u64 = 2;
const BLOCKING_BY_MOV_SS: u64 = 2;
const PENDING_SINGLE_STEP: u64 = 1 << 14;

/** Makes bases for one processor. */
export class Bases {
  constructor(
    private readonly capabilities: VmxCapabilities,
    private readonly around: Surroundings,
    /** A 64-bit guest as core makes them, with the host's state, and a guest in real mode. */
    private readonly start: VmcsImage,
    private readonly realMode: GuestState,
  ) {}

  /** Fills `image` with a base; false where this processor lacks what it is about. */
  fill(base: u32, image: VmcsImage): bool {
    image.copy(this.start);
    this.makeExiting(image);
    if (base == BASE_64_BIT) return true;
    if (base == BASE_RESTRICTED) return this.restrict(image);
    if (base == BASE_32_BIT) return this.leaveLongMode(image, 0);
    if (base == BASE_PAE) return this.leaveLongMode(image, CR4_PAE) && image.isSet(SECONDARY, SECONDARY_ENABLE_EPT);
    if (base == BASE_PAE_IN_MEMORY) return this.pagesInMemory(image);
    if (base == BASE_VIRTUAL_8086) return this.virtual8086(image);
    if (base == BASE_REAL) return this.real(image);
    if (base <= BASE_TPR) return this.features(image, base);
    if (base == BASE_MSR_AREAS) return this.msrAreas(image);
    if (base == BASE_LINKED) return this.linked(image, false);
    if (base == BASE_SHADOW) return this.linked(image, true);
    if (base <= BASE_REAL_EVENT) return this.event(image, base);
    return this.waiting(image, base);
  }

  /** Turns `bits` of a word of controls on; false where this processor does not allow one. */
  private on(image: VmcsImage, word: u32, bits: u32): bool {
    if ((allowedOnes(this.capabilityOf(word)) & bits) != bits || !image.has(word)) return false;
    image.set(word, image.get(word) | bits);
    return true;
  }

  private off(image: VmcsImage, word: u32, bits: u32): void {
    image.set(word, image.get(word) & ~(<u64>bits));
  }

  private capabilityOf(word: u32): u64 {
    if (word == PIN) return this.capabilities.pinControls;
    if (word == PRIMARY) return this.capabilities.primaryControls;
    if (word == SECONDARY) return this.capabilities.secondaryControls;
    return word == ENTRY ? this.capabilities.entryControls : this.capabilities.exitControls;
  }

  private makeExiting(image: VmcsImage): void {
    image.set(EXCEPTION_BITMAP, ALL_EXCEPTIONS);
    image.set(VMX_PREEMPTION_TIMER_VALUE, 0);
    this.on(image, PIN, PIN_ACTIVATE_VMX_PREEMPTION_TIMER);
    image.set(GUEST_IA32_EFER, image.get(GUEST_IA32_EFER) | EFER_SCE);
    // A page for each area, though no entry counts.
    image.set(VM_EXIT_MSR_STORE_ADDRESS, this.around.msrStore);
    image.set(VM_EXIT_MSR_LOAD_ADDRESS, this.around.msrLoad);
    image.set(VM_ENTRY_MSR_LOAD_ADDRESS, this.around.entryLoad);
    image.set(STATE_LINK_REVISION, this.revision);
    this.fillAreas(image);
  }

  private get revision(): u64 {
    return this.capabilities.of(IA32_VMX_BASIC) & VMX_BASIC_REVISION_IDENTIFIER_MASK;
  }

  /** Entries that are harmless in any order: MSRs of SYSCALL, which nothing here executes. */
  private fillAreas(image: VmcsImage): void {
    for (let n: u32 = 0; n < AREA_ENTRIES; n++) {
      const index = n % 3 == 0 ? IA32_KERNEL_GS_BASE : n % 3 == 1 ? IA32_STAR : IA32_FMASK;
      image.set(ENTRY_MSR_WORDS + 2 * n, index);
      image.set(ENTRY_MSR_WORDS + 2 * n + 1, 0);
      this.around.setMsrIndex(this.around.msrStore, n, index);
      this.around.setMsrIndex(this.around.msrLoad, n, index);
    }
  }

  /** A guest with CPL 3 whose segments are all usable, without "unrestricted guest". */
  private restrict(image: VmcsImage): bool {
    this.off(image, SECONDARY, SECONDARY_UNRESTRICTED_GUEST);
    for (let i: u32 = 0; i < DATA_SEGMENTS; i++) {
      image.set(GUEST_ES_SELECTOR + i * FIELD_STEP, ((i + 1) << 3) | USER);
      image.set(GUEST_ES_ACCESS_RIGHTS + i * FIELD_STEP, DATA_32_BIT | USER_RIGHTS);
    }
    image.set(GUEST_CS_ACCESS_RIGHTS, CODE_64_BIT | USER_RIGHTS);
    image.set(GUEST_DS_ACCESS_RIGHTS, CODE_32_BIT | USER_RIGHTS);
    image.set(GUEST_FS_ACCESS_RIGHTS, CODE_32_BIT | SEGMENT_TYPE_CONFORMING);
    image.set(GUEST_LDTR_SELECTOR, 0x40);
    image.set(GUEST_LDTR_ACCESS_RIGHTS, LDT);
    image.set(GUEST_LDTR_LIMIT, 0xfff);
    return true;
  }

  /** A protected-mode guest with paging, of 32 bits. */
  private leaveLongMode(image: VmcsImage, pae: u64): bool {
    this.off(image, ENTRY, ENTRY_IA32E_MODE_GUEST);
    this.off(image, SECONDARY, SECONDARY_UNRESTRICTED_GUEST);
    image.set(GUEST_IA32_EFER, EFER_NXE | EFER_SCE);
    image.set(GUEST_CS_ACCESS_RIGHTS, pae ? CODE_32_BIT | SEGMENT_TYPE_CONFORMING : CODE_32_BIT);
    image.set(GUEST_TR_ACCESS_RIGHTS, pae ? BUSY_TSS : BUSY_16_BIT_TSS);
    image.set(GUEST_CR4, (image.get(GUEST_CR4) & ~CR4_PAE) | pae);
    image.set(GUEST_CR3, this.around.zeroes);
    for (let n: u32 = 0; n < 4; n++) image.set(GUEST_PDPTE0 + n * FIELD_STEP, this.around.zeroes | PDPTE_PRESENT);
    return true;
  }

  private pagesInMemory(image: VmcsImage): bool {
    this.leaveLongMode(image, CR4_PAE);
    this.off(image, SECONDARY, SECONDARY_ENABLE_EPT);
    image.set(GUEST_CR3, this.around.pdptes);
    for (let n: u32 = 0; n < 4; n++) image.set(STATE_MEMORY_PDPTE0 + n, this.around.zeroes | PDPTE_PRESENT);
    return true;
  }

  private virtual8086(image: VmcsImage): bool {
    this.leaveLongMode(image, 0);
    image.set(GUEST_RFLAGS, RFLAGS_ALWAYS_ONE | RFLAGS_VM);
    for (let i: u32 = 0; i < DATA_SEGMENTS; i++) {
      const selector: u64 = 0x123 * (i + 1);
      image.set(GUEST_ES_SELECTOR + i * FIELD_STEP, selector);
      image.set(GUEST_ES_BASE + i * FIELD_STEP, selector << 4);
      image.set(GUEST_ES_LIMIT + i * FIELD_STEP, V8086_LIMIT);
      image.set(GUEST_ES_ACCESS_RIGHTS + i * FIELD_STEP, V8086_RIGHTS);
    }
    return true;
  }

  private real(image: VmcsImage): bool {
    if (!this.on(image, SECONDARY, SECONDARY_UNRESTRICTED_GUEST)) return false;
    this.off(image, ENTRY, ENTRY_IA32E_MODE_GUEST);
    const state = this.realMode;
    for (let i: u32 = 0; i < SEGMENTS; i++) {
      const step = i * FIELD_STEP;
      image.set(GUEST_ES_SELECTOR + step, state.selectors[i]);
      image.set(GUEST_ES_BASE + step, state.bases[i]);
      image.set(GUEST_ES_LIMIT + step, state.limits[i]);
      image.set(GUEST_ES_ACCESS_RIGHTS + step, state.accessRights[i]);
    }
    const capabilities = this.capabilities;
    image.set(GUEST_CR0, state.cr0 | (capabilities.of(IA32_VMX_CR0_FIXED0) & ~(CR0_PE | CR0_PG)));
    image.set(GUEST_CR4, state.cr4 | capabilities.of(IA32_VMX_CR4_FIXED0));
    image.set(GUEST_IA32_EFER, EFER_NXE | EFER_SCE);
    return true;
  }

  /** All that this processor can virtualize at once, each with its page. */
  private features(image: VmcsImage, base: u32): bool {
    if (!this.on(image, PRIMARY, PRIMARY_USE_TPR_SHADOW)) return false;
    image.set(VIRTUAL_APIC_ADDRESS, this.around.virtualApic);
    if (base == BASE_TPR) {
      image.set(STATE_VTPR, 0x50);
      image.set(TPR_THRESHOLD, 4);
      return true;
    }
    this.on(image, PRIMARY, PRIMARY_USE_IO_BITMAPS);
    this.on(image, PRIMARY, PRIMARY_USE_MSR_BITMAPS);
    this.on(image, PRIMARY, PRIMARY_MONITOR_TRAP_FLAG);
    if (this.on(image, PIN, PIN_VIRTUAL_NMIS)) this.on(image, PRIMARY, PRIMARY_NMI_WINDOW_EXITING);
    image.set(IO_BITMAP_A_ADDRESS, this.around.zeroes);
    image.set(IO_BITMAP_B_ADDRESS, this.around.zeroes);
    image.set(MSR_BITMAPS_ADDRESS, this.around.zeroes);
    if (image.isSet(PIN, PIN_ACTIVATE_VMX_PREEMPTION_TIMER)) this.on(image, EXIT, EXIT_SAVE_VMX_PREEMPTION_TIMER_VALUE);
    this.on(image, EXIT, EXIT_ACKNOWLEDGE_INTERRUPT_ON_EXIT);
    image.set(APIC_ACCESS_ADDRESS, this.around.spare);
    if (base == BASE_X2APIC) {
      if (!this.on(image, SECONDARY, SECONDARY_VIRTUALIZE_X2APIC_MODE)) return false;
    } else {
      this.on(image, SECONDARY, SECONDARY_VIRTUALIZE_APIC_ACCESSES);
      this.on(image, SECONDARY, SECONDARY_VIRTUAL_INTERRUPT_DELIVERY);
    }
    this.on(image, SECONDARY, SECONDARY_APIC_REGISTER_VIRTUALIZATION);
    if (this.on(image, SECONDARY, SECONDARY_ENABLE_VPID)) image.set(VIRTUAL_PROCESSOR_IDENTIFIER, 1);
    if (!image.isSet(SECONDARY, SECONDARY_ENABLE_EPT)) return true;
    if (this.on(image, SECONDARY, SECONDARY_ENABLE_VM_FUNCTIONS)) {
      // Bit 0 is EPTP switching (SDM 3C 25.6.14).
      image.set(VM_FUNCTION_CONTROLS, 1);
      image.set(EPTP_LIST_ADDRESS, this.around.zeroes);
    }
    if (this.on(image, SECONDARY, SECONDARY_VMCS_SHADOWING)) {
      image.set(VMREAD_BITMAP_ADDRESS, this.around.zeroes);
      image.set(VMWRITE_BITMAP_ADDRESS, this.around.zeroes);
    }
    if (this.on(image, SECONDARY, SECONDARY_ENABLE_PML)) image.set(PML_ADDRESS, this.around.spare);
    if (this.on(image, SECONDARY, SECONDARY_EPT_VIOLATION_VE))
      image.set(VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS, this.around.spare);
    if (this.on(image, SECONDARY, SECONDARY_USE_TSC_SCALING)) image.set(TSC_MULTIPLIER, TSC_UNSCALED);
    if (this.on(image, SECONDARY, SECONDARY_SUB_PAGE_WRITE_PERMISSIONS_FOR_EPT))
      image.set(SUB_PAGE_PERMISSION_TABLE_POINTER, this.around.zeroes);
    return true;
  }

  private msrAreas(image: VmcsImage): bool {
    image.set(VM_EXIT_MSR_STORE_COUNT, 2);
    image.set(VM_EXIT_MSR_LOAD_COUNT, 2);
    image.set(VM_ENTRY_MSR_LOAD_COUNT, AREA_ENTRIES);
    return true;
  }

  private linked(image: VmcsImage, isShadow: bool): bool {
    image.set(VMCS_LINK_POINTER, this.around.link);
    if (!isShadow) return true;
    if (!this.on(image, SECONDARY, SECONDARY_VMCS_SHADOWING)) return false;
    image.set(VMREAD_BITMAP_ADDRESS, this.around.zeroes);
    image.set(VMWRITE_BITMAP_ADDRESS, this.around.zeroes);
    image.set(STATE_LINK_REVISION, this.revision | SHADOW_VMCS);
    return true;
  }

  /** An event to inject. Its delivery needs the guest's IDT, which is nowhere. */
  private event(image: VmcsImage, base: u32): bool {
    if (base == BASE_REAL_EVENT && !this.real(image)) return false;
    if (base == BASE_TRAP_FLAG && !this.on(image, PRIMARY, PRIMARY_MONITOR_TRAP_FLAG)) return false;
    image.set(VM_ENTRY_INTERRUPTION_INFORMATION, EVENTS[base - BASE_INTERRUPT]);
    image.set(VM_ENTRY_EXCEPTION_ERROR_CODE, 0);
    image.set(VM_ENTRY_INSTRUCTION_LENGTH, base == BASE_SOFTWARE ? 2 : 0);
    image.set(GUEST_RFLAGS, RFLAGS_ALWAYS_ONE | RFLAGS_IF);
    return true;
  }

  private waiting(image: VmcsImage, base: u32): bool {
    if (base == BASE_HALTED) image.set(GUEST_ACTIVITY_STATE, ACTIVITY_HLT);
    if (base == BASE_SHUTDOWN) image.set(GUEST_ACTIVITY_STATE, ACTIVITY_SHUTDOWN);
    if (base == BASE_BLOCKED) image.set(GUEST_INTERRUPTIBILITY_STATE, BLOCKING_BY_MOV_SS);
    if (base == BASE_STEPPING) {
      image.set(GUEST_INTERRUPTIBILITY_STATE, BLOCKING_BY_MOV_SS);
      image.set(GUEST_RFLAGS, RFLAGS_ALWAYS_ONE | RFLAGS_IF | RFLAGS_TF);
      image.set(GUEST_PENDING_DEBUG_EXCEPTIONS, PENDING_SINGLE_STEP);
    }
    return true;
  }
}

const PIN: u32 = PIN_BASED_VM_EXECUTION_CONTROLS;
const PRIMARY: u32 = PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;
const SECONDARY: u32 = SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;
const EXIT: u32 = PRIMARY_VM_EXIT_CONTROLS;
const ENTRY: u32 = VM_ENTRY_CONTROLS;
