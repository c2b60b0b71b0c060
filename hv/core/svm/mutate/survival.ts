// Whether this machine lives on if VMRUN enters the guest of a mutated VMCB.

import { CPUID_SVM_EDX_AVIC } from "../../../x86/cpuid";
import { CR0_PE, CR0_PG, CR4_PAE, RFLAGS_TF, RFLAGS_VM } from "../../../x86/control-registers";
import { EFER_LME } from "../../../x86/msr";
import { NESTED_PAGING_ENABLE, VINTR_AVIC_ENABLE, VINTR_X2AVIC_ENABLE } from "../../../x86/vmcb";
import { STATE_MEMORY_PDPTE0 } from "../../../doctor/inputs";
import { CR0, CR3, CR4, EFER, N_CR3, NESTED_CONTROL, RFLAGS, VINTR } from "../../../doctor/svm/fields";
import { VmcbImage } from "./vmcb-image";

/** Bits of a root table's address, as far as a processor's physical addresses can go. */
const ADDRESS: u64 = 0x000ffffffffff000;
const PAGE_OFFSET: u64 = 0xfff;
const POINTERS: u32 = 4;

/**
 * Whether `image`, a mutation of the valid `base`, can be executed whatever its checks come to, on a processor with
 * `physicalBits` bits of physical addresses and the features of CPUID.8000000A.EDX.
 */
export function survives(image: VmcbImage, base: VmcbImage, physicalBits: u32, features: u32): bool {
  if (!emulatorsLive(image)) return false;
  // Encryption has rules of its own.
  if (image.get(NESTED_CONTROL) & ~NESTED_PAGING_ENABLE) return false;
  const avic = VINTR_AVIC_ENABLE | VINTR_X2AVIC_ENABLE;
  if ((features & CPUID_SVM_EDX_AVIC) != 0 && (image.get(VINTR) & avic) != 0) return false;
  // There the guest's memory is none, unless the table is another one.
  const within: u64 = ((<u64>1) << (<u64>physicalBits)) - 1;
  if (image.isSet(NESTED_CONTROL, NESTED_PAGING_ENABLE)) return isSame(image, base, N_CR3, ADDRESS & within);
  if (!image.isSet(CR0, CR0_PE | CR0_PG) || !isSame(image, base, CR3, ~PAGE_OFFSET)) return false;
  for (let n: u32 = 0; n < POINTERS; n++) {
    if (!isSame(image, base, STATE_MEMORY_PDPTE0 + n, ADDRESS & within)) return false;
  }
  return true;
}

/**
 * Bochs 2.7 panics in long mode without CR0.PE, and at an exit from virtual-8086 mode, and has the host take the guest's
 * single step; QEMU 7.2 loses the host's CR0.PG at an exit with EFER.LME and without paging and CR4.PAE.
 */
function emulatorsLive(image: VmcbImage): bool {
  if (image.get(RFLAGS) & (RFLAGS_TF | RFLAGS_VM)) return false;
  if (!image.isSet(EFER, EFER_LME)) return true;
  return image.isSet(CR0, CR0_PG) ? image.isSet(CR0, CR0_PE) : image.isSet(CR4, CR4_PAE);
}

function isSame(image: VmcbImage, base: VmcbImage, name: u32, mask: u64): bool {
  return ((image.get(name) ^ base.get(name)) & mask) == 0;
}
