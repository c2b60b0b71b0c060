// Rules of VM entry on the addresses of 4-KByte pages in the VM-execution control fields (SDM 3C 27.2.1.1).

import {
  APIC_ACCESS_ADDRESS,
  EPTP_LIST_ADDRESS,
  HIGH_PASID_DIRECTORY_ADDRESS,
  IO_BITMAP_A_ADDRESS,
  IO_BITMAP_B_ADDRESS,
  LOW_PASID_DIRECTORY_ADDRESS,
  MSR_BITMAPS_ADDRESS,
  PML_ADDRESS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SUB_PAGE_PERMISSION_TABLE_POINTER,
  VIRTUAL_APIC_ADDRESS,
  VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS,
  VM_FUNCTION_CONTROLS,
  VMREAD_BITMAP_ADDRESS,
  VMWRITE_BITMAP_ADDRESS,
} from "../../x86/vmcs-fields";
import {
  PRIMARY_USE_IO_BITMAPS,
  PRIMARY_USE_MSR_BITMAPS,
  PRIMARY_USE_TPR_SHADOW,
  SECONDARY_ENABLE_PML,
  SECONDARY_ENABLE_VM_FUNCTIONS,
  SECONDARY_EPT_VIOLATION_VE,
  SECONDARY_PASID_TRANSLATION,
  SECONDARY_SUB_PAGE_WRITE_PERMISSIONS_FOR_EPT,
  SECONDARY_VIRTUALIZE_APIC_ACCESSES,
  SECONDARY_VMCS_SHADOWING,
} from "../../x86/vmx-controls";
import { CAP_BASIC, CAP_CPUID_80000008_EAX } from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { Subject } from "../subject";
import { both, implies, Tri } from "../tri";

const PRIMARY: u32 = PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;
const SECONDARY: u32 = SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;
const EPTP_SWITCHING: u64 = 1 << 0;
const WITHIN_PAGE: u64 = 0xfff;

// One row of the table is one place in each of these.
const FIELDS: StaticArray<u32> = [
  IO_BITMAP_A_ADDRESS,
  IO_BITMAP_B_ADDRESS,
  MSR_BITMAPS_ADDRESS,
  VIRTUAL_APIC_ADDRESS,
  APIC_ACCESS_ADDRESS,
  PML_ADDRESS,
  SUB_PAGE_PERMISSION_TABLE_POINTER,
  EPTP_LIST_ADDRESS,
  VMREAD_BITMAP_ADDRESS,
  VMWRITE_BITMAP_ADDRESS,
  VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS,
  LOW_PASID_DIRECTORY_ADDRESS,
  HIGH_PASID_DIRECTORY_ADDRESS,
];
const SLUGS: StaticArray<string> = [
  "io-bitmap-a",
  "io-bitmap-b",
  "msr-bitmaps",
  "virtual-apic",
  "apic-access",
  "pml",
  "spptp",
  "eptp-list",
  "vmread-bitmap",
  "vmwrite-bitmap",
  "virtualization-exception-information",
  "low-pasid-directory",
  "high-pasid-directory",
];
/** What the sentences begin with; @ stands for "bits … of". */
const BEGINNINGS: StaticArray<string> = [
  'With "use I/O bitmaps", @ the address of I/O bitmap A',
  'With "use I/O bitmaps", @ the address of I/O bitmap B',
  'With "use MSR bitmaps", @ the MSR-bitmap address',
  'With "use TPR shadow", @ the virtual-APIC address',
  'With "virtualize APIC accesses", @ the APIC-access address',
  'With "enable PML", @ the PML address',
  'With "sub-page write permissions for EPT", @ the SPPTP',
  'With "EPTP switching", @ the EPTP-list address',
  'With "VMCS shadowing", @ the VMREAD-bitmap address',
  'With "VMCS shadowing", @ the VMWRITE-bitmap address',
  'With "EPT-violation #VE", @ the virtualization-exception information address',
  'With "PASID translation", @ the low PASID directory address',
  'With "PASID translation", @ the high PASID directory address',
];
/** The word that holds the control which makes the processor use the field, and that control. */
const WORDS: StaticArray<u32> = [
  PRIMARY,
  PRIMARY,
  PRIMARY,
  PRIMARY,
  SECONDARY,
  SECONDARY,
  SECONDARY,
  SECONDARY,
  SECONDARY,
  SECONDARY,
  SECONDARY,
  SECONDARY,
  SECONDARY,
];
const CONTROLS: StaticArray<u32> = [
  PRIMARY_USE_IO_BITMAPS,
  PRIMARY_USE_IO_BITMAPS,
  PRIMARY_USE_MSR_BITMAPS,
  PRIMARY_USE_TPR_SHADOW,
  SECONDARY_VIRTUALIZE_APIC_ACCESSES,
  SECONDARY_ENABLE_PML,
  SECONDARY_SUB_PAGE_WRITE_PERMISSIONS_FOR_EPT,
  SECONDARY_ENABLE_VM_FUNCTIONS,
  SECONDARY_VMCS_SHADOWING,
  SECONDARY_VMCS_SHADOWING,
  SECONDARY_EPT_VIOLATION_VE,
  SECONDARY_PASID_TRANSLATION,
  SECONDARY_PASID_TRANSLATION,
];

/** Adds the rows: the alignment and the width of each address. */
export function addPageAddressRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.1");
  for (let i = 0; i < FIELDS.length; i++) {
    const aligned: StaticArray<u32> = [FIELDS[i], WORDS[i]];
    const bounded: StaticArray<u32> = [FIELDS[i], WORDS[i], CAP_CPUID_80000008_EAX, CAP_BASIC];
    rules.add(
      "control." + SLUGS[i] + ".alignment",
      aligned,
      (s: Subject): Tri => implies(isUsed(s), s.mustBeZero(FIELDS[s.row], WITHIN_PAGE)),
      BEGINNINGS[i].replace("@", "bits 11:0 of") + " must be 0.",
      "The field holds a physical address, not a page frame number, of memory that begins on a page boundary.",
      i,
    );
    rules.add(
      "control." + SLUGS[i] + ".maxphyaddr",
      bounded,
      (s: Subject): Tri => implies(isUsed(s), s.mustBePhysicalAddress(FIELDS[s.row])),
      BEGINNINGS[i].replace("@", "bits 63:N of") +
        " must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]), or 32 where IA32_VMX_BASIC[48] = 1.",
      "The usual mistake is a virtual address: translate it to the physical one.",
      i,
    );
  }
}

function isUsed(s: Subject): Tri {
  const control = CONTROLS[s.row];
  if (WORDS[s.row] == PRIMARY) return s.primary(control);
  if (FIELDS[s.row] != EPTP_LIST_ADDRESS) return s.secondary(control);
  return both(s.secondary(control), s.isSet(VM_FUNCTION_CONTROLS, EPTP_SWITCHING));
}
