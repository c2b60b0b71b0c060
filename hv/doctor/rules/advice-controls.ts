// Advice on VM-execution controls, the EPT pointer among them.

import {
  APIC_ACCESS_ADDRESS,
  EPT_POINTER,
  GUEST_RFLAGS,
  IO_BITMAP_A_ADDRESS,
  IO_BITMAP_B_ADDRESS,
  MSR_BITMAPS_ADDRESS,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PML_ADDRESS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SECONDARY_VM_EXIT_CONTROLS,
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VIRTUAL_APIC_ADDRESS,
} from "../../x86/vmcs-fields";
import {
  EXIT_ACTIVATE_SECONDARY_CONTROLS,
  PIN_ACTIVATE_VMX_PREEMPTION_TIMER,
  PIN_EXTERNAL_INTERRUPT_EXITING,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_ACTIVATE_TERTIARY_CONTROLS,
  PRIMARY_HLT_EXITING,
  PRIMARY_USE_IO_BITMAPS,
  PRIMARY_USE_MSR_BITMAPS,
  PRIMARY_USE_TPR_SHADOW,
  SECONDARY_ENABLE_EPT,
  SECONDARY_ENABLE_PML,
  SECONDARY_VIRTUALIZE_APIC_ACCESSES,
} from "../../x86/vmx-controls";
import { RFLAGS_IF } from "../../x86/control-registers";
import { CAP_CPUID_80000008_EAX } from "../inputs";
import { Rules, STAGE_ADVICE } from "../rule";
import { REQUIRED_SHIFTED_LEFT, REQUIRED_SHIFTED_RIGHT } from "../evidence";
import { Subject } from "../subject";
import { both, either, implies, Tri, UNKNOWN, YES } from "../tri";

const EPTP: StaticArray<u32> = [EPT_POINTER];
const EPTP_WIDTH: StaticArray<u32> = [EPT_POINTER, CAP_CPUID_80000008_EAX];
const SECONDARY: StaticArray<u32> = [
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];
const TERTIARY: StaticArray<u32> = [
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];
const SECONDARY_EXIT: StaticArray<u32> = [SECONDARY_VM_EXIT_CONTROLS, PRIMARY_VM_EXIT_CONTROLS];
const HALTING: StaticArray<u32> = [
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  GUEST_RFLAGS,
];
const ADDRESSES: StaticArray<u32> = [
  IO_BITMAP_A_ADDRESS,
  IO_BITMAP_B_ADDRESS,
  MSR_BITMAPS_ADDRESS,
  VIRTUAL_APIC_ADDRESS,
  APIC_ACCESS_ADDRESS,
  PML_ADDRESS,
];

const ADDRESS: u64 = 0xffffffffff000;
const PAGE_OFFSET: u64 = 0xfff;
const PAGE_SHIFT: u64 = 12;
const MEMORY_TYPE: u64 = 7;
const RESERVED: u64 = 0xf00;
/** No processor with EPT that is in use has fewer physical-address bits. */
const USUAL_WIDTH: u64 = 36;
/** A page number that was stored as an address gives an address below this, of memory below 64 GiB. */
const PAGE_NUMBERS: u64 = 0x1000000;

/** Adds the rows. */
export function addControlAdvice(rules: Rules): void {
  rules.at(STAGE_ADVICE, "");
  rules.add(
    "advice.eptp.shifted-twice",
    EPTP_WIDTH,
    (s: Subject): Tri => implies(s.secondary(SECONDARY_ENABLE_EPT), isShiftedOnce(s)),
    "The EPTP's address should not be shifted by 12 a second time, as it looks.",
    "Bits 51:12 hold bits 51:12 of the table's address: (address & ~0xfff) | 0x1e, or in a bit-field address >> 12.",
  );
  rules.add(
    "advice.eptp.page-number",
    EPTP,
    (s: Subject): Tri => implies(s.secondary(SECONDARY_ENABLE_EPT), isNoPageNumber(s)),
    "The EPTP should hold the table's address; it looks as if it held the page's number.",
    "Bits 51:12 hold bits 51:12 of the table's address: do not shift it right before adding the flags.",
  );
  rules.add(
    "advice.eptp.zero",
    EPTP,
    (s: Subject): Tri =>
      implies(s.secondary(SECONDARY_ENABLE_EPT), s.must(EPT_POINTER, (s.get(EPT_POINTER) & ADDRESS) != 0)),
    "With EPT, the EPTP's address should be that of a table; it is 0.",
  );
  rules.add(
    "advice.eptp.memory-type-uc",
    EPTP,
    (s: Subject): Tri =>
      implies(s.secondary(SECONDARY_ENABLE_EPT), s.must(EPT_POINTER, (s.get(EPT_POINTER) & MEMORY_TYPE) != 0)),
    "With EPT, bits 2:0 of the EPTP should be 6 (write-back): 0 (uncacheable) makes each walk of the tables slow.",
  );
  rules.add(
    "advice.controls.secondary-inactive",
    SECONDARY,
    (s: Subject): Tri =>
      either(
        s.primary(PRIMARY_ACTIVATE_SECONDARY_CONTROLS),
        s.must(
          SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
          s.get(SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS) == 0,
        ),
      ),
    'Without "activate secondary controls" (bit 31 of the primary word), the secondary controls count as 0.',
    "Set that bit if EPT, VPID, unrestricted guest and so on are to work.",
  );
  rules.add(
    "advice.controls.tertiary-inactive",
    TERTIARY,
    (s: Subject): Tri =>
      either(
        s.primary(PRIMARY_ACTIVATE_TERTIARY_CONTROLS),
        s.must(
          TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
          s.get(TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS) == 0,
        ),
      ),
    'Without "activate tertiary controls" (bit 17 of the primary word), the tertiary controls count as 0.',
  );
  rules.add(
    "advice.controls.secondary-exit-inactive",
    SECONDARY_EXIT,
    (s: Subject): Tri =>
      either(
        s.exit(EXIT_ACTIVATE_SECONDARY_CONTROLS),
        s.must(SECONDARY_VM_EXIT_CONTROLS, s.get(SECONDARY_VM_EXIT_CONTROLS) == 0),
      ),
    'Without "activate secondary controls" (bit 31 of the primary VM-exit controls), the secondary ones count as 0.',
  );
  rules.add(
    "advice.controls.zero-addresses",
    ADDRESSES,
    addressesAreSet,
    "A structure that a control has the processor use should not lie at physical address 0.",
    "The field of each such control's structure holds a page's physical address.",
  );
  rules.add(
    "advice.controls.halts-for-good",
    HALTING,
    (s: Subject): Tri =>
      either(
        either(
          s.primary(PRIMARY_HLT_EXITING),
          either(s.pin(PIN_EXTERNAL_INTERRUPT_EXITING), s.pin(PIN_ACTIVATE_VMX_PREEMPTION_TIMER)),
        ),
        s.must(GUEST_RFLAGS, (s.get(GUEST_RFLAGS) & RFLAGS_IF) != 0),
      ),
    'A guest with IF = 0 that executes HLT keeps the processor: no "HLT exiting", "external-interrupt exiting" or preemption timer.',
    'Set "HLT exiting" (bit 7 of the primary controls).',
  );
}

/** The address is no page's address shifted left by 12. */
function isShiftedOnce(s: Subject): Tri {
  if (!s.needs(EPT_POINTER)) return UNKNOWN;
  const address = s.get(EPT_POINTER) & ADDRESS;
  const width = s.has(CAP_CPUID_80000008_EAX) ? s.maxphyaddr : USUAL_WIDTH;
  const shifted = address >> PAGE_SHIFT;
  const isPage = (shifted & PAGE_OFFSET) == 0 && shifted >> width == 0;
  if (address >> width == 0 || !isPage) return YES;
  return s.fails(EPT_POINTER, REQUIRED_SHIFTED_RIGHT, 0, address, width);
}

/** The value is no page's number with flags: such a number shows in bits 11:8, which are reserved. */
function isNoPageNumber(s: Subject): Tri {
  if (!s.needs(EPT_POINTER)) return UNKNOWN;
  const value = s.get(EPT_POINTER);
  if (value == 0 || value >= PAGE_NUMBERS || (value & RESERVED) == 0) return YES;
  return s.fails(EPT_POINTER, REQUIRED_SHIFTED_LEFT, 0, value);
}

/** NO names each address that is 0 and in use; what is not known counts as set. */
function addressesAreSet(s: Subject): Tri {
  const usesTprShadow = s.primary(PRIMARY_USE_TPR_SHADOW);
  const usesIoBitmaps = s.primary(PRIMARY_USE_IO_BITMAPS);
  const outcome = both(
    both(isSetWhere(s, usesIoBitmaps, IO_BITMAP_A_ADDRESS), isSetWhere(s, usesIoBitmaps, IO_BITMAP_B_ADDRESS)),
    both(
      isSetWhere(s, s.primary(PRIMARY_USE_MSR_BITMAPS), MSR_BITMAPS_ADDRESS),
      isSetWhere(s, usesTprShadow, VIRTUAL_APIC_ADDRESS),
    ),
  );
  return both(
    outcome,
    both(
      isSetWhere(s, s.secondary(SECONDARY_VIRTUALIZE_APIC_ACCESSES), APIC_ACCESS_ADDRESS),
      isSetWhere(s, s.secondary(SECONDARY_ENABLE_PML), PML_ADDRESS),
    ),
  );
}

function isSetWhere(s: Subject, isUsed: Tri, address: u32): Tri {
  if (isUsed != YES || !s.has(address)) return YES;
  return s.must(address, s.get(address) != 0);
}
