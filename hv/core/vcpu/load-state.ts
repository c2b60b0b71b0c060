// Loading the state of a new task, as a vmm answers a task switch with it (SDM 3A 8.3).

// A vmm is not trusted: what it fills in is read once, and judged by what VM entry takes (SDM 3C 27.3.1; VMRUN demands
// less), so that no answer of a vmm makes an entry fail. There are task switches in protected mode only, outside IA-32e mode.

import {
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR4_PAE,
  RFLAGS_AC,
  RFLAGS_AF,
  RFLAGS_ALWAYS_ONE,
  RFLAGS_CF,
  RFLAGS_DF,
  RFLAGS_ID,
  RFLAGS_IF,
  RFLAGS_IOPL_MASK,
  RFLAGS_IOPL_SHIFT,
  RFLAGS_NT,
  RFLAGS_OF,
  RFLAGS_PF,
  RFLAGS_RF,
  RFLAGS_SF,
  RFLAGS_TF,
  RFLAGS_VIF,
  RFLAGS_VIP,
  RFLAGS_VM,
  RFLAGS_ZF,
} from "../../x86/control-registers";
import {
  ACCESS_RIGHTS_64_BIT,
  ACCESS_RIGHTS_CODE_OR_DATA,
  ACCESS_RIGHTS_DPL_MASK,
  ACCESS_RIGHTS_DPL_SHIFT,
  ACCESS_RIGHTS_GRANULARITY,
  ACCESS_RIGHTS_PRESENT,
  ACCESS_RIGHTS_RESERVED_BITS,
  ACCESS_RIGHTS_TYPE_MASK,
  ACCESS_RIGHTS_UNUSABLE,
  CODE_32_BIT,
  SEGMENT_TYPE_ACCESSED,
  SEGMENT_TYPE_BUSY_16_BIT_TSS,
  SEGMENT_TYPE_BUSY_TSS,
  SEGMENT_TYPE_CODE,
  SEGMENT_TYPE_CONFORMING,
  SEGMENT_TYPE_LDT,
  SEGMENT_TYPE_READABLE,
  SEGMENT_TYPE_WRITABLE,
} from "../../x86/segments";
import { EFER_LMA } from "../../x86/msr";
import { SegmentState } from "../../shared/vcpu-page";
import {
  SEGMENT_CS,
  SEGMENT_LDTR,
  SEGMENT_SS,
  SEGMENT_TR,
  SEGMENTS,
  STATE_ACCESS_RIGHTS,
  STATE_BASE,
  STATE_CR0,
  STATE_CR3,
  STATE_CR4,
  STATE_DR7,
  STATE_LIMIT,
  STATE_PDPTE,
  STATE_RFLAGS,
  STATE_RIP,
  STATE_RSP,
  STATE_SELECTOR,
} from "./state";
import { Vcpu } from "./vcpu";

const RFLAGS_DEFINED: u64 =
  RFLAGS_ALWAYS_ONE |
  RFLAGS_CF |
  RFLAGS_PF |
  RFLAGS_AF |
  RFLAGS_ZF |
  RFLAGS_SF |
  RFLAGS_TF |
  RFLAGS_IF |
  RFLAGS_DF |
  RFLAGS_OF |
  (RFLAGS_IOPL_MASK << RFLAGS_IOPL_SHIFT) |
  RFLAGS_NT |
  RFLAGS_RF |
  RFLAGS_VM |
  RFLAGS_AC |
  RFLAGS_VIF |
  RFLAGS_VIP |
  RFLAGS_ID;
const LOW_32_BITS: u64 = 0xffffffff;
/** L0 to L3 and LE, which a task switch clears. */
const DR7_LOCAL: u64 = 0x155;
const PDPTE_PRESENT: u64 = 1;
/** Bits 2:1 and 8:5; those from MAXPHYADDR up come to them. */
const PDPTE_RESERVED: u64 = 0x1e6;
const SELECTOR_TI: u32 = 4;
const SELECTOR_RPL: u32 = 3;
const PAGE_OFFSET: u32 = 0xfff;
const LIMIT_OF_BYTES: u32 = 0xfffff;
const VIRTUAL_8086_LIMIT: u32 = 0xffff;
const VIRTUAL_8086_RIGHTS: u32 = 0xf3;

/** What a segment register is to hold, read once. */
class LoadedSegments {
  readonly bases: StaticArray<u64> = new StaticArray<u64>(SEGMENTS);
  readonly limits: StaticArray<u32> = new StaticArray<u32>(SEGMENTS);
  readonly rights: StaticArray<u32> = new StaticArray<u32>(SEGMENTS);
  readonly selectors: StaticArray<u32> = new StaticArray<u32>(SEGMENTS);

  take(segments: StaticArray<SegmentState>): void {
    for (let i: u32 = 0; i < SEGMENTS; i++) {
      const segment = segments[i];
      this.bases[i] = segment.base;
      this.limits[i] = segment.limit;
      this.rights[i] = segment.accessRights;
      this.selectors[i] = segment.selector;
    }
  }

  /**
   * VM entry demands a CS, and an SS that holds the CPL. Where the new task has none, a code segment stands in that the guest
   * does not get to execute in: of it the fault's handler finds the selector alone.
   */
  standIn(): void {
    const cpl = (this.selectors[SEGMENT_CS] & SELECTOR_RPL) << ACCESS_RIGHTS_DPL_SHIFT;
    if ((this.rights[SEGMENT_CS] & ACCESS_RIGHTS_UNUSABLE) != 0) {
      this.bases[SEGMENT_CS] = 0;
      this.limits[SEGMENT_CS] = <u32>LOW_32_BITS;
      this.rights[SEGMENT_CS] = CODE_32_BIT | cpl;
    }
    if ((this.rights[SEGMENT_SS] & ACCESS_RIGHTS_UNUSABLE) != 0) this.rights[SEGMENT_SS] = ACCESS_RIGHTS_UNUSABLE | cpl;
  }
}

/** What `loadState` reads; one a vCPU, as nothing is allocated while a guest runs. */
export class TaskState {
  readonly segments: LoadedSegments = new LoadedSegments();
  readonly pdptes: StaticArray<u64> = new StaticArray<u64>(4);
}

/**
 * Loads the registers, CpuState and segments from the page, after an exit with the kind EXIT_TASK_SWITCH. "" or what is
 * wrong with them, and then nothing is loaded. CR0 (but for TS), CR4, EFER, GDTR and IDTR stay as they are. With `hasFault`
 * the new task meets a fault before its first instruction, perhaps by a segment register that could not be loaded.
 */
export function loadState(vcpu: Vcpu, hasFault: bool): string {
  if (!(vcpu.read(STATE_CR0) & CR0_PE) || vcpu.readEfer() & EFER_LMA) return "a task, outside 32-bit protected mode,";
  const page = vcpu.state;
  const flags = page.rflags;
  const rip = page.rip;
  const cr3 = page.cr3;
  const segments = vcpu.taskState.segments;
  segments.take(vcpu.segments);
  if (hasFault && (flags & RFLAGS_VM) == 0) segments.standIn();
  const pdptes = vcpu.taskState.pdptes;
  pdptes[0] = page.pdpte0;
  pdptes[1] = page.pdpte1;
  pdptes[2] = page.pdpte2;
  pdptes[3] = page.pdpte3;
  const beyond = ~vcpu.physicalAddresses;
  const hasPaePaging = (vcpu.read(STATE_CR0) & CR0_PG) != 0 && (vcpu.read(STATE_CR4) & CR4_PAE) != 0;
  const pdptesToLoad = hasPaePaging ? pdptes.length : 0;

  if ((flags & ~RFLAGS_DEFINED) != 0 || (flags & RFLAGS_ALWAYS_ONE) == 0) return "RFLAGS";
  if (rip > LOW_32_BITS) return "RIP";
  if ((cr3 & (beyond | ~LOW_32_BITS)) != 0) return "CR3";
  for (let i = 0; i < pdptesToLoad; i++) {
    if ((pdptes[i] & PDPTE_PRESENT) != 0 && (pdptes[i] & (beyond | PDPTE_RESERVED)) != 0) return "a PDPTE";
  }
  const problem = (flags & RFLAGS_VM) != 0 ? checkVirtual8086(segments) : checkProtected(segments);
  if (problem != "") return problem;
  if (!isSystemGood(segments, SEGMENT_LDTR)) return "LDTR";
  if (!isSystemGood(segments, SEGMENT_TR)) return "TR";

  vcpu.endEvent();
  vcpu.write(STATE_CR0, vcpu.read(STATE_CR0) | CR0_TS);
  vcpu.write(STATE_DR7, vcpu.read(STATE_DR7) & ~DR7_LOCAL);
  vcpu.write(STATE_RIP, rip);
  vcpu.write(STATE_RSP, vcpu.registers.rsp);
  vcpu.write(STATE_RFLAGS, flags);
  vcpu.write(STATE_CR3, cr3);
  for (let i = 0; i < pdptesToLoad; i++) vcpu.write(STATE_PDPTE + i, pdptes[i]);
  for (let i: u32 = 0; i < SEGMENTS; i++) {
    vcpu.write(STATE_SELECTOR + i, segments.selectors[i] & 0xffff);
    vcpu.write(STATE_BASE + i, segments.bases[i]);
    vcpu.write(STATE_LIMIT + i, segments.limits[i]);
    vcpu.write(STATE_ACCESS_RIGHTS + i, segments.rights[i]);
  }
  vcpu.dropLinearTranslations();
  return "";
}

const NAMES: StaticArray<string> = ["ES", "CS", "SS", "DS", "FS", "GS"];

function checkVirtual8086(s: LoadedSegments): string {
  for (let i = 0; i < NAMES.length; i++) {
    const isGood =
      s.bases[i] == (<u64>(s.selectors[i] & 0xffff)) << 4 &&
      s.limits[i] == VIRTUAL_8086_LIMIT &&
      s.rights[i] == VIRTUAL_8086_RIGHTS;
    if (!isGood) return NAMES[i];
  }
  return "";
}

/** SDM 3C 27.3.1.2, without what "unrestricted guest" allows beyond it. */
function checkProtected(s: LoadedSegments): string {
  for (let i = 0; i < NAMES.length; i++) {
    const isUsable = (s.rights[i] & ACCESS_RIGHTS_UNUSABLE) == 0;
    if (i == SEGMENT_CS ? !isCodeGood(s) : isUsable && !isDataGood(s, i)) return NAMES[i];
    // Of a segment that is not usable too: CS, SS, DS and ES have bases of 32 bits; outside IA-32e mode FS and GS as well.
    if (s.bases[i] > LOW_32_BITS) return NAMES[i];
  }
  // CS.RPL, SS.RPL and SS.DPL are the CPL.
  const cpl = s.selectors[SEGMENT_CS] & SELECTOR_RPL;
  const isUsable = (s.rights[SEGMENT_SS] & ACCESS_RIGHTS_UNUSABLE) == 0;
  if (cpl != privilegeOf(s.rights[SEGMENT_SS])) return "SS";
  if (isUsable && cpl != (s.selectors[SEGMENT_SS] & SELECTOR_RPL)) return "SS";
  const codePrivilege = privilegeOf(s.rights[SEGMENT_CS]);
  const isConforming = (s.rights[SEGMENT_CS] & SEGMENT_TYPE_CONFORMING) != 0;
  return (isConforming ? codePrivilege <= cpl : codePrivilege == cpl) ? "" : "CS";
}

function privilegeOf(rights: u32): u32 {
  return (rights >> ACCESS_RIGHTS_DPL_SHIFT) & ACCESS_RIGHTS_DPL_MASK;
}

const PRESENT_SEGMENT: u32 = ACCESS_RIGHTS_PRESENT | ACCESS_RIGHTS_CODE_OR_DATA | SEGMENT_TYPE_ACCESSED;

function isCodeGood(s: LoadedSegments): bool {
  const rights = s.rights[SEGMENT_CS];
  const wanted = PRESENT_SEGMENT | SEGMENT_TYPE_CODE;
  const isKind = (rights & (wanted | ACCESS_RIGHTS_64_BIT | ACCESS_RIGHTS_UNUSABLE)) == wanted;
  return isKind && isFormGood(rights, s.limits[SEGMENT_CS]);
}

/** SS, DS, ES, FS and GS, usable. */
function isDataGood(s: LoadedSegments, i: i32): bool {
  const rights = s.rights[i];
  if ((rights & PRESENT_SEGMENT) != PRESENT_SEGMENT || !isFormGood(rights, s.limits[i])) return false;
  const isCode = (rights & SEGMENT_TYPE_CODE) != 0;
  if (i == SEGMENT_SS) return !isCode && (rights & SEGMENT_TYPE_WRITABLE) != 0;
  if (!isCode) return privilegeOf(rights) >= (s.selectors[i] & SELECTOR_RPL);
  if ((rights & SEGMENT_TYPE_READABLE) == 0) return false;
  return (rights & SEGMENT_TYPE_CONFORMING) != 0 || privilegeOf(rights) >= (s.selectors[i] & SELECTOR_RPL);
}

/** Reserved bits, and a limit that fits its granularity. */
function isFormGood(rights: u32, limit: u32): bool {
  if ((rights & ACCESS_RIGHTS_RESERVED_BITS) != 0) return false;
  if ((rights & ACCESS_RIGHTS_GRANULARITY) != 0) return (limit & PAGE_OFFSET) == PAGE_OFFSET;
  return limit <= LIMIT_OF_BYTES;
}

/** LDTR and TR. */
function isSystemGood(s: LoadedSegments, i: u32): bool {
  const rights = s.rights[i];
  const isUsable = (rights & ACCESS_RIGHTS_UNUSABLE) == 0;
  if (i == SEGMENT_LDTR && !isUsable) return true;
  const type = rights & ACCESS_RIGHTS_TYPE_MASK;
  const isType =
    i == SEGMENT_LDTR
      ? type == SEGMENT_TYPE_LDT
      : type == SEGMENT_TYPE_BUSY_TSS || type == SEGMENT_TYPE_BUSY_16_BIT_TSS;
  const isKind = (rights & (ACCESS_RIGHTS_PRESENT | ACCESS_RIGHTS_CODE_OR_DATA)) == ACCESS_RIGHTS_PRESENT;
  const isPlace = s.bases[i] <= LOW_32_BITS && (s.selectors[i] & SELECTOR_TI) == 0;
  return isUsable && isType && isKind && isPlace && isFormGood(rights, s.limits[i]);
}
