// The states in which the vCPU of a VM with RAM of its own starts.

import {
  CR0_ET,
  CR0_NE,
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  RFLAGS_ALWAYS_ONE,
  RFLAGS_IF,
} from "../../x86/control-registers";
import { EFER_LMA, EFER_LME, EFER_NXE, EFER_SCE } from "../../x86/msr";
import {
  BUSY_TSS,
  CODE_16_BIT,
  CODE_32_BIT,
  CODE_64_BIT,
  DATA_16_BIT,
  DATA_32_BIT,
  LDT,
  UNUSABLE,
} from "../../x86/segments";
import { START_64_BIT, START_AS_KIND, START_MODES, START_PROTECTED_MODE, VcpuPage } from "../../shared/vcpu-page";
import { GuestState } from "./guest-state";
import { SEGMENTS } from "./state";
import { KIND_PROTECTED_MODE, KIND_REAL_MODE, KIND_REPORTED } from "../guest-kinds";

/** Whether a VM of `kind` can start in `mode`, one of START_*, which is its vmm's word and may be anything. */
export function canStartIn(kind: u32, mode: u32): bool {
  return mode == START_AS_KIND || (kind == KIND_PROTECTED_MODE && mode < START_MODES);
}

/**
 * The start state of a VM of `kind`, one with RAM of its own: with the RIP, RSP and CR3 that its vmm asks for in the vCPU
 * page, and in the mode, which `canStartIn` has seen; what that would refuse counts as START_AS_KIND. It is written to
 * `state`, as a guest may start again and again.
 */
export function startState(kind: u32, page: VcpuPage, state: GuestState = new GuestState()): GuestState {
  state.clear();
  state.rip = page.startRip;
  state.rsp = page.startRsp;
  state.cr3 = page.startCr3;
  const asked = page.startMode;
  const mode = canStartIn(kind, asked) ? asked : START_AS_KIND;
  if (mode == START_64_BIT) startAsLinux(state, page);
  else if (mode == START_PROTECTED_MODE) startInProtectedMode(state);
  else if (kind == KIND_REAL_MODE) startInRealMode(state);
  else if (kind == KIND_PROTECTED_MODE) startInProtectedMode(state);
  else if (kind == KIND_REPORTED) startAsReported(state);
  else startIn64BitMode(state);
  return state;
}

// The tables' columns are ES, CS, SS, DS, FS, GS, LDTR, TR.
const FLAT_SELECTORS: StaticArray<u32> = [0x10, 0x08, 0x10, 0x10, 0x10, 0x10, 0, 0x18];
const FLAT_LIMITS: StaticArray<u32> = [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0, 0x67];
const FLAT_ACCESS_RIGHTS: StaticArray<u32> = [
  DATA_32_BIT,
  CODE_64_BIT,
  DATA_32_BIT,
  DATA_32_BIT,
  DATA_32_BIT,
  DATA_32_BIT,
  UNUSABLE,
  BUSY_TSS,
];
const CR0_64_BIT: u64 = CR0_PE | CR0_ET | CR0_WP | CR0_NE | CR0_PG;

function startIn64BitMode(state: GuestState): void {
  setSegments(state, FLAT_SELECTORS, FLAT_LIMITS, FLAT_ACCESS_RIGHTS);
  state.cr0 = CR0_64_BIT;
  state.cr4 = CR4_PAE;
  // Interrupts exit whatever IF is (SDM 3C 26.2), but in Bochs only while it is 1. None reaches the guest.
  state.rflags = RFLAGS_ALWAYS_ONE | RFLAGS_IF;
  state.efer = EFER_LME | EFER_LMA | EFER_NXE;
}

// Linux, Documentation/arch/x86/boot.rst, "64-bit boot protocol": __BOOT_CS is 0x10, __BOOT_DS 0x18, and IF is 0.
const LINUX_SELECTORS: StaticArray<u32> = [0x18, 0x10, 0x18, 0x18, 0x18, 0x18, 0, 0];
const GDTR_LIMIT_MASK: u32 = 0xffff;

function startAsLinux(state: GuestState, page: VcpuPage): void {
  setSegments(state, LINUX_SELECTORS, FLAT_LIMITS, FLAT_ACCESS_RIGHTS);
  state.gdtrBase = page.startGdtrBase;
  state.gdtrLimit = page.startGdtrLimit & GDTR_LIMIT_MASK;
  state.cr0 = CR0_64_BIT;
  state.cr4 = CR4_PAE;
  state.efer = EFER_LME | EFER_LMA | EFER_NXE;
}

// SDM 3C 27.3.1.2 for an unrestricted guest with CR0.PE = 0, with the limits of a reset (SDM 3A 10.1.1).
const REAL_SELECTORS: StaticArray<u32> = [0, 0, 0, 0, 0, 0, 0, 0];
const REAL_LIMITS: StaticArray<u32> = [0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff];
const REAL_ACCESS_RIGHTS: StaticArray<u32> = [
  DATA_16_BIT,
  CODE_16_BIT,
  DATA_16_BIT,
  DATA_16_BIT,
  DATA_16_BIT,
  DATA_16_BIT,
  UNUSABLE,
  BUSY_TSS,
];
const INTERRUPT_VECTOR_TABLE_LIMIT: u32 = 0x3ff;

function startInRealMode(state: GuestState): void {
  setSegments(state, REAL_SELECTORS, REAL_LIMITS, REAL_ACCESS_RIGHTS);
  state.gdtrLimit = 0xffff;
  state.idtrLimit = INTERRUPT_VECTOR_TABLE_LIMIT;
  state.cr0 = CR0_ET;
  // As in 64-bit mode.
  state.rflags = RFLAGS_ALWAYS_ONE | RFLAGS_IF;
}

const PROTECTED_ACCESS_RIGHTS: StaticArray<u32> = [
  DATA_32_BIT,
  CODE_32_BIT,
  DATA_32_BIT,
  DATA_32_BIT,
  DATA_32_BIT,
  DATA_32_BIT,
  UNUSABLE,
  BUSY_TSS,
];

/** 32-bit protected mode with paging off and IF = 0: what Multiboot 0.6.96 3.2 and Multiboot2 2.0 3.3 ask for. */
function startInProtectedMode(state: GuestState): void {
  setSegments(state, FLAT_SELECTORS, FLAT_LIMITS, PROTECTED_ACCESS_RIGHTS);
  state.cr0 = CR0_PE | CR0_ET;
}

// The state of a public report: a dump of a VMCS that KVM gave up on, whose EPTP held an address shifted to a wrong place.
// Its figures are kept where a guest can have them; FS, GS and RSP held addresses of that host. As VM entry takes it, it
// shows that nothing else was wrong: null selectors are fine for segments that are usable.
const REPORTED_SELECTORS: StaticArray<u32> = [0, 0, 0, 0, 0, 0, 0, 0];
const REPORTED_LIMITS: StaticArray<u32> = [
  0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0, 0xff,
];
const REPORTED_DATA: u32 = 0xa093;
const REPORTED_ACCESS_RIGHTS: StaticArray<u32> = [
  REPORTED_DATA,
  CODE_64_BIT,
  REPORTED_DATA,
  REPORTED_DATA,
  REPORTED_DATA,
  REPORTED_DATA,
  LDT,
  BUSY_TSS,
];
const REPORTED_CR0: u64 = 0x80050033;
const REPORTED_CR4: u64 = 0x626e0;

function startAsReported(state: GuestState): void {
  setSegments(state, REPORTED_SELECTORS, REPORTED_LIMITS, REPORTED_ACCESS_RIGHTS);
  state.cr0 = REPORTED_CR0;
  state.cr4 = REPORTED_CR4;
  state.ownsNoControlRegister = true;
  state.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
}

function setSegments(
  state: GuestState,
  selectors: StaticArray<u32>,
  limits: StaticArray<u32>,
  accessRights: StaticArray<u32>,
): void {
  for (let i: u32 = 0; i < SEGMENTS; i++) {
    state.selectors[i] = selectors[i];
    state.limits[i] = limits[i];
    state.accessRights[i] = accessRights[i];
  }
}
