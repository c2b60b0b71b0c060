// The valid VMCBs that mutations start from.

// In all of them the guest exits at once: what the first fetch needs is mapped nowhere, by nested page tables or by its own,
// and all exceptions and interrupts are intercepted.

import {
  CR0_CD,
  CR0_ET,
  CR0_NE,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  RFLAGS_ALWAYS_ONE,
} from "../../../x86/control-registers";
import { FIRST_VMCB_FIELD, STATE_MEMORY_PDPTE0 } from "../../../doctor/inputs";
import {
  CR0,
  CR3,
  CR4,
  CS_ATTRIBUTES,
  DR6,
  DR7,
  EFER,
  G_PAT,
  GUEST_ASID,
  INTERCEPTS_1,
  INTERCEPTS_2,
  IOPM_BASE_PA,
  MSRPM_BASE_PA,
  N_CR3,
  NESTED_CONTROL,
  RFLAGS,
  RIP,
  VINTR,
} from "../../../doctor/svm/fields";
import { EFER_LMA, EFER_LME, EFER_NXE, EFER_SCE, EFER_SVME } from "../../../x86/msr";
import {
  INTERCEPT_CPUID,
  INTERCEPT_HLT,
  INTERCEPT_INIT,
  INTERCEPT_INTR,
  INTERCEPT_NMI,
  INTERCEPT_SHUTDOWN,
  INTERCEPT_SMI,
  INTERCEPT_VMMCALL,
  INTERCEPT_VMRUN,
  NESTED_PAGING_ENABLE,
  VINTR_MASKING,
  VMCB_CS,
  VMCB_INTERCEPT_EXCEPTIONS,
  VMCB_SEGMENT_ATTRIBUTES,
  VMCB_SEGMENT_LIMIT,
  VMCB_SS,
} from "../../../x86/vmcb";
import { BASE_32_BIT, BASE_64_BIT, BASE_COMPATIBILITY, BASE_OWN_PAGING, BASE_PAE, BASE_REAL } from "./base-names";
import { VmcbImage } from "./vmcb-image";

const EXCEPTION_INTERCEPTS: u32 = FIRST_VMCB_FIELD + VMCB_INTERCEPT_EXCEPTIONS;
const CS_LIMIT: u32 = FIRST_VMCB_FIELD + VMCB_CS + VMCB_SEGMENT_LIMIT;
const SS_ATTRIBUTES: u32 = FIRST_VMCB_FIELD + VMCB_SS + VMCB_SEGMENT_ATTRIBUTES;
const SS_LIMIT: u32 = FIRST_VMCB_FIELD + VMCB_SS + VMCB_SEGMENT_LIMIT;

const ALL_EXCEPTIONS: u64 = 0xffffffff;
const INTERCEPTED: u32 =
  INTERCEPT_INTR |
  INTERCEPT_NMI |
  INTERCEPT_SMI |
  INTERCEPT_INIT |
  INTERCEPT_CPUID |
  INTERCEPT_HLT |
  INTERCEPT_SHUTDOWN;
// Attributes: present, code or data, readable or writable, accessed (APM 2 15.5.1).
const CODE_64_BIT: u64 = 0x29b;
const CODE_32_BIT: u64 = 0xc9b;
const CODE_16_BIT: u64 = 0x09b;
const DATA_32_BIT: u64 = 0xc93;
const LIMIT: u64 = 0xffffffff;
const PAT_AFTER_RESET: u64 = 0x0007040600070406;
const DR6_AFTER_RESET: u64 = 0xffff0ff0;
const DR7_AFTER_RESET: u64 = 0x400;
const SOME_RIP: u64 = 0x400000;
const PRESENT: u64 = 1;
const POINTERS: u32 = 4;

/** The pages that a VMCB refers to, by their host-physical addresses. */
export class Surroundings {
  constructor(
    /** As a page table it maps nothing. */
    readonly zeroes: u64,
    /** Four page-directory pointers. */
    readonly pointers: u64,
    /** 12 KiB of permission maps: nothing that reads them is executed. */
    readonly maps: u64,
  ) {}
}

/** Fills `image` with a base. */
export function fillBase(base: u32, image: VmcbImage, around: Surroundings): void {
  image.clear();
  image.set(EXCEPTION_INTERCEPTS, ALL_EXCEPTIONS);
  image.set(INTERCEPTS_1, INTERCEPTED);
  image.set(INTERCEPTS_2, INTERCEPT_VMRUN | INTERCEPT_VMMCALL);
  image.set(IOPM_BASE_PA, around.maps);
  image.set(MSRPM_BASE_PA, around.maps);
  image.set(GUEST_ASID, 1);
  image.set(VINTR, VINTR_MASKING);
  image.set(NESTED_CONTROL, base < BASE_OWN_PAGING ? NESTED_PAGING_ENABLE : 0);
  image.set(N_CR3, around.zeroes);
  image.set(CR0, CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
  image.set(CR3, around.zeroes);
  image.set(CR4, CR4_PAE);
  image.set(EFER, EFER_SVME | EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);
  image.set(CS_ATTRIBUTES, CODE_64_BIT);
  image.set(CS_LIMIT, LIMIT);
  image.set(SS_ATTRIBUTES, DATA_32_BIT);
  image.set(SS_LIMIT, LIMIT);
  image.set(RFLAGS, RFLAGS_ALWAYS_ONE);
  image.set(RIP, SOME_RIP);
  image.set(DR6, DR6_AFTER_RESET);
  image.set(DR7, DR7_AFTER_RESET);
  image.set(G_PAT, PAT_AFTER_RESET);
  if (base != BASE_64_BIT && base != BASE_OWN_PAGING) narrow(base, image, around);
}

function narrow(base: u32, image: VmcbImage, around: Surroundings): void {
  image.set(CS_ATTRIBUTES, CODE_32_BIT);
  if (base == BASE_COMPATIBILITY) return;
  image.set(EFER, EFER_SVME);
  if (base == BASE_PAE) {
    image.set(CR3, around.pointers);
    for (let n: u32 = 0; n < POINTERS; n++) image.set(STATE_MEMORY_PDPTE0 + n, around.zeroes | PRESENT);
    return;
  }
  image.set(CR4, 0);
  image.set(CR3, 0);
  if (base == BASE_32_BIT) {
    image.set(CR0, CR0_PE | CR0_ET | CR0_NE);
    return;
  }
  assert(base == BASE_REAL);
  image.set(CR0, CR0_ET | CR0_CD | CR0_NW);
  image.set(CS_ATTRIBUTES, CODE_16_BIT);
}
