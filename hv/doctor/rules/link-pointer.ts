// Rules of VM entry on the VMCS link pointer (SDM 3C 27.3.1.5).

import { VMX_BASIC_REVISION_IDENTIFIER_MASK } from "../../x86/vmx-capabilities";
import {
  EXECUTIVE_VMCS_POINTER,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VM_ENTRY_CONTROLS,
  VMCS_LINK_POINTER,
} from "../../x86/vmcs-fields";
import { ENTRY_ENTRY_TO_SMM, SECONDARY_VMCS_SHADOWING } from "../../x86/vmx-controls";
import {
  CAP_BASIC,
  CAP_CPUID_80000008_EAX,
  STATE_CURRENT_VMCS_POINTER,
  STATE_IN_SMM,
  STATE_LINK_REVISION,
} from "../inputs";
import { Rules, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { both, either, implies, not, Tri, UNKNOWN } from "../tri";

const NO_LINK: u64 = 0xffffffffffffffff;
const PAGE_OFFSET: u64 = 0xfff;
const SHADOW_VMCS: u64 = 0x80000000;

const LINK: StaticArray<u32> = [VMCS_LINK_POINTER];
const LINK_WIDTH: StaticArray<u32> = [VMCS_LINK_POINTER, CAP_CPUID_80000008_EAX, CAP_BASIC];
const LINK_REVISION: StaticArray<u32> = [STATE_LINK_REVISION, VMCS_LINK_POINTER, CAP_BASIC];
const LINK_SHADOW: StaticArray<u32> = [
  STATE_LINK_REVISION,
  VMCS_LINK_POINTER,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];
const LINK_CURRENT: StaticArray<u32> = [VMCS_LINK_POINTER, STATE_CURRENT_VMCS_POINTER, STATE_IN_SMM, VM_ENTRY_CONTROLS];
const LINK_EXECUTIVE: StaticArray<u32> = [VMCS_LINK_POINTER, EXECUTIVE_VMCS_POINTER, STATE_IN_SMM, VM_ENTRY_CONTROLS];

const LINK_HINT: string =
  'Without "VMCS shadowing", write FFFFFFFF_FFFFFFFFH; a 32-bit VMWRITE leaves bits 63:32 to a second one at 0x2801.';

/** Adds the rows. */
export function addLinkPointerRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.5");
  rules.add(
    "guest.link-pointer.alignment",
    LINK,
    (s: Subject): Tri => implies(isLinked(s), s.mustBeZero(VMCS_LINK_POINTER, PAGE_OFFSET)),
    "Bits 11:0 of the VMCS link pointer must be 0, unless it is FFFFFFFF_FFFFFFFFH.",
    LINK_HINT,
  );
  rules.add(
    "guest.link-pointer.maxphyaddr",
    LINK_WIDTH,
    (s: Subject): Tri => implies(isLinked(s), s.mustBePhysicalAddress(VMCS_LINK_POINTER)),
    "Bits of the VMCS link pointer beyond MAXPHYADDR must be 0 (with IA32_VMX_BASIC[48] bits 63:32), unless it is FFFFFFFF_FFFFFFFFH.",
    LINK_HINT,
  );
  rules.add(
    "guest.link-pointer.revision",
    LINK_REVISION,
    (s: Subject): Tri => implies(isLinked(s), revisionIsRight(s)),
    "Bits 30:0 of the first 4 bytes of the region that the VMCS link pointer names must be the VMCS revision identifier.",
    "Write IA32_VMX_BASIC[30:0] there; with no shadow VMCS, make the pointer FFFFFFFF_FFFFFFFFH, for 0 names a region too.",
  );
  rules.add(
    "guest.link-pointer.shadow",
    LINK_SHADOW,
    (s: Subject): Tri => implies(isLinked(s), shadowBitIsRight(s)),
    'Bit 31 of the first 4 bytes of the region that the VMCS link pointer names must be the setting of "VMCS shadowing".',
    "The linked region is marked as a shadow VMCS by that bit; VMLAUNCH refuses such a VMCS, and only this pointer takes one.",
  );
  rules.add(
    "guest.link-pointer.current-vmcs",
    LINK_CURRENT,
    (s: Subject): Tri => {
      const isOutside = either(not(s.isRarely(STATE_IN_SMM)), s.entry(ENTRY_ENTRY_TO_SMM));
      return implies(both(isLinked(s), isOutside), differs(s, STATE_CURRENT_VMCS_POINTER));
    },
    'Outside SMM, or with "entry to SMM", the VMCS link pointer must not be the current-VMCS pointer.',
    "A shadow VMCS needs a region of its own.",
  );
  rules.add(
    "guest.link-pointer.executive-vmcs",
    LINK_EXECUTIVE,
    (s: Subject): Tri => {
      const isReturn = both(s.isRarely(STATE_IN_SMM), not(s.entry(ENTRY_ENTRY_TO_SMM)));
      return implies(both(isLinked(s), isReturn), differs(s, EXECUTIVE_VMCS_POINTER));
    },
    'In SMM and without "entry to SMM", the VMCS link pointer must not be the executive-VMCS pointer.',
  );
}

function isLinked(s: Subject): Tri {
  return not(s.is(VMCS_LINK_POINTER, NO_LINK));
}

function revisionIsRight(s: Subject): Tri {
  if (!s.needs(CAP_BASIC)) {
    s.needs(STATE_LINK_REVISION);
    return UNKNOWN;
  }
  return s.mustMatch(STATE_LINK_REVISION, VMX_BASIC_REVISION_IDENTIFIER_MASK, s.get(CAP_BASIC));
}

function shadowBitIsRight(s: Subject): Tri {
  const isShadowing = s.secondary(SECONDARY_VMCS_SHADOWING);
  return both(
    implies(isShadowing, s.mustBeOne(STATE_LINK_REVISION, SHADOW_VMCS)),
    implies(not(isShadowing), s.mustBeZero(STATE_LINK_REVISION, SHADOW_VMCS)),
  );
}

function differs(s: Subject, other: u32): Tri {
  return s.needs(other) ? s.mustNotEqual(VMCS_LINK_POINTER, s.get(other)) : UNKNOWN;
}
