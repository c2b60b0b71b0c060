// Rules of VM entry on the EPT pointer (SDM 3C 27.2.1.1).

import {
  EPT_CAP_ACCESSED_AND_DIRTY_FLAGS,
  EPT_CAP_MEMORY_TYPE_UC,
  EPT_CAP_MEMORY_TYPE_WB,
  EPT_CAP_PAGE_WALK_LENGTH_4,
  EPT_CAP_PAGE_WALK_LENGTH_5,
  EPT_CAP_SUPERVISOR_SHADOW_STACK_CONTROL,
} from "../../x86/vmx-capabilities";
import { EPT_POINTER, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS } from "../../x86/vmcs-fields";
import { SECONDARY_ENABLE_EPT } from "../../x86/vmx-controls";
import { CAP_CPUID_80000008_EAX, CAP_EPT_VPID } from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { Subject } from "../subject";
import { both, implies, Tri, UNKNOWN } from "../tri";

const EPTP: StaticArray<u32> = [EPT_POINTER, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, CAP_EPT_VPID];
const EPTP_WIDTH: StaticArray<u32> = [
  EPT_POINTER,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  CAP_CPUID_80000008_EAX,
];

const MEMORY_TYPE_MASK: u64 = 7;
const MEMORY_TYPE_UC: u64 = 0;
const MEMORY_TYPE_WB: u64 = 6;
const WALK_LENGTH_MASK: u64 = 7 << 3;
const WALK_LENGTH_4: u64 = 3 << 3;
const WALK_LENGTH_5: u64 = 4 << 3;
const ACCESSED_AND_DIRTY: u64 = 1 << 6;
const SUPERVISOR_SHADOW_STACK: u64 = 1 << 7;
const RESERVED: u64 = 0xf00;
const ADDRESS: u64 = 0xfffffffffffff000;

/** Adds the rows. */
export function addEptPointerRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.1");
  rules.add(
    "control.eptp.memory-type",
    EPTP,
    (s: Subject): Tri => implies(s.secondary(SECONDARY_ENABLE_EPT), memoryTypeIsSupported(s)),
    "With EPT, bits 2:0 of the EPTP must be a memory type that IA32_VMX_EPT_VPID_CAP[8] (0, UC) or [14] (6, WB) reports.",
    "6 (write-back) is what nearly every hypervisor wants.",
  );
  rules.add(
    "control.eptp.walk-length",
    EPTP,
    (s: Subject): Tri => implies(s.secondary(SECONDARY_ENABLE_EPT), walkLengthIsSupported(s)),
    "With EPT, bits 5:3 of the EPTP must be one less than a page-walk length that IA32_VMX_EPT_VPID_CAP[6] (4) or [7] (5) reports.",
    "The field holds the length minus 1: a four-level EPT has 3 here.",
  );
  rules.add(
    "control.eptp.accessed-dirty",
    EPTP,
    (s: Subject): Tri =>
      implies(
        both(s.secondary(SECONDARY_ENABLE_EPT), s.isSet(EPT_POINTER, ACCESSED_AND_DIRTY)),
        s.blame(EPT_POINTER, ACCESSED_AND_DIRTY, s.supports(CAP_EPT_VPID, EPT_CAP_ACCESSED_AND_DIRTY_FLAGS)),
      ),
    "With EPT, bit 6 of the EPTP must be 0 on a processor without accessed and dirty flags for EPT (IA32_VMX_EPT_VPID_CAP[21] = 0).",
    "Clear bit 6 of the EPTP where the capability is missing.",
  );
  rules.add(
    "control.eptp.supervisor-shadow-stack",
    EPTP,
    (s: Subject): Tri =>
      implies(
        both(s.secondary(SECONDARY_ENABLE_EPT), s.isSet(EPT_POINTER, SUPERVISOR_SHADOW_STACK)),
        s.blame(
          EPT_POINTER,
          SUPERVISOR_SHADOW_STACK,
          s.supports(CAP_EPT_VPID, EPT_CAP_SUPERVISOR_SHADOW_STACK_CONTROL),
        ),
      ),
    "With EPT, bit 7 of the EPTP must be 0 on a processor without supervisor shadow-stack control (IA32_VMX_EPT_VPID_CAP[23] = 0).",
  );
  rules.add(
    "control.eptp.reserved",
    EPTP,
    (s: Subject): Tri => implies(s.secondary(SECONDARY_ENABLE_EPT), s.mustBeZero(EPT_POINTER, RESERVED)),
    "With EPT, bits 11:8 of the EPTP must be 0.",
    "The EPT PML4 table lies on a page of its own; only bits 7:0 hold flags.",
  );
  rules.add(
    "control.eptp.maxphyaddr",
    EPTP_WIDTH,
    (s: Subject): Tri => implies(s.secondary(SECONDARY_ENABLE_EPT), s.mustBeWithinMaxphyaddr(EPT_POINTER, ADDRESS)),
    "With EPT, bits 63:N of the EPTP must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]).",
    "Bits N-1:12 hold the table's address as it is: OR it in, do not shift it by 12 a second time; the same for every EPT entry.",
  );
}

function memoryTypeIsSupported(s: Subject): Tri {
  if (!s.needs(EPT_POINTER)) return UNKNOWN;
  const type = s.get(EPT_POINTER) & MEMORY_TYPE_MASK;
  if (type == MEMORY_TYPE_UC) return s.blame(EPT_POINTER, 0, s.supports(CAP_EPT_VPID, EPT_CAP_MEMORY_TYPE_UC));
  if (type == MEMORY_TYPE_WB) return s.blame(EPT_POINTER, 0, s.supports(CAP_EPT_VPID, EPT_CAP_MEMORY_TYPE_WB));
  return s.must(EPT_POINTER, false);
}

function walkLengthIsSupported(s: Subject): Tri {
  if (!s.needs(EPT_POINTER)) return UNKNOWN;
  const length = s.get(EPT_POINTER) & WALK_LENGTH_MASK;
  if (length == WALK_LENGTH_4) return s.blame(EPT_POINTER, 0, s.supports(CAP_EPT_VPID, EPT_CAP_PAGE_WALK_LENGTH_4));
  if (length == WALK_LENGTH_5) return s.blame(EPT_POINTER, 0, s.supports(CAP_EPT_VPID, EPT_CAP_PAGE_WALK_LENGTH_5));
  return s.must(EPT_POINTER, false);
}
