// Capabilities of two Core i7 (Nehalem).
import type { CpuFigures } from "./figures.ts";
import { instLatX64 } from "./sources.ts";

export const nehalem: CpuFigures = {
  names: ["nehalem", "lynnfield"],
  about: "Two Core i7 of the Nehalem generation (2008 and 2009): the MSRs of one, CPUID of an 860",
  source:
    "MSRs: the figures of a Core i7 in a comment of DBVM, Cheat Engine's hypervisor, in older versions of its set-up " +
    "of VMX. It names no model; the VMCS revision identifier 0xe is the one before Westmere's 0xf. " +
    `CPUID: ${instLatX64("GenuineIntel00106E5_Lynnfield_CPUID.txt")}`,
  values: {
    IA32_VMX_BASIC: 0x00da04000000000en,
    IA32_VMX_PINBASED_CTLS: 0x0000007f00000016n,
    IA32_VMX_PROCBASED_CTLS: 0xfff9fffe0401e172n,
    IA32_VMX_EXIT_CTLS: 0x007fffff00036dffn,
    IA32_VMX_ENTRY_CTLS: 0x0000ffff000011ffn,
    IA32_VMX_MISC: 0x00000000000401c5n,
    IA32_VMX_PROCBASED_CTLS2: 0x0000007f00000000n,
    "CPUID.1.ECX": 0x0098e3fdn,
    "CPUID.1.EDX": 0xbfebfbffn,
    "CPUID.7.0.EBX": 0x00000000n,
    "CPUID.7.0.ECX": 0x00000000n,
    "CPUID.7.0.EDX": 0x00000000n,
    "CPUID.7.1.EAX": 0x00000000n,
    "CPUID.7.1.EDX": 0x00000000n,
    "CPUID.A.EAX": 0x07300403n,
    "CPUID.A.ECX": 0x00000000n,
    "CPUID.A.EDX": 0x00000603n,
    "CPUID.D.1.EAX": 0x00000000n,
    "CPUID.14.0.EBX": 0x00000000n,
    "CPUID.1C.0.EAX": 0x00000000n,
    "CPUID.80000001.ECX": 0x00000001n,
    "CPUID.80000001.EDX": 0x28100000n,
    "CPUID.80000008.EAX": 0x00003024n,
  },
};
