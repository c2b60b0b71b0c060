// XCR0: which parts of the extended state a guest may switch on, and XSETBV (SDM 1 13.3, SDM 2D "XSETBV").

import { VECTOR_GENERAL_PROTECTION } from "../../x86/exceptions";
import {
  XCR0_AVX,
  XCR0_HI16_ZMM,
  XCR0_OPMASK,
  XCR0_PKRU,
  XCR0_SSE,
  XCR0_X87,
  XCR0_ZMM_HI256,
} from "../../x86/control-registers";
import { NEXT_INSTRUCTION } from "../vcpu/action";
import { Vcpu } from "../vcpu/vcpu";

const AVX_512: u64 = XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM;
/** MPX is deprecated, and the tiles' state is large: guests have neither. */
export const GUEST_XCR0: u64 = XCR0_X87 | XCR0_SSE | XCR0_AVX | AVX_512 | XCR0_PKRU;

/** Whether XSETBV takes a value where `supported` are the bits that there are. */
export function isXcr0Valid(value: u64, supported: u64): bool {
  if (value & ~supported || !(value & XCR0_X87)) return false;
  if (value & XCR0_AVX && !(value & XCR0_SSE)) return false;
  if (!(value & AVX_512)) return true;
  return (value & AVX_512) == AVX_512 && (value & XCR0_AVX) != 0;
}

/** XSETBV. The processor itself has seen to CR4.OSXSAVE and the privilege level; the level is checked again. */
export function onXsetbv(vcpu: Vcpu): u32 {
  const registers = vcpu.registers;
  const value = (registers.rdx << 32) | (registers.rax & 0xffffffff);
  const isXcr0 = <u32>registers.rcx == 0;
  if (!isXcr0 || vcpu.privilegeLevel != 0 || !isXcr0Valid(value, vcpu.cpuid.supportedXcr0)) {
    return vcpu.raise(VECTOR_GENERAL_PROTECTION, 0);
  }
  vcpu.setXcr0(value);
  return NEXT_INSTRUCTION;
}
