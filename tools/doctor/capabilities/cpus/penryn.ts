// Capabilities of Core 2 Extreme X9650 (Penryn generation, 2007).
import type { CpuFigures } from "./figures.ts";
import { instLatX64 } from "./sources.ts";

export const penryn: CpuFigures = {
  names: ["penryn", "core2", "yorkfield"],
  about: "Core 2 Extreme X9650 (Penryn generation, 2007)",
  source: instLatX64("GenuineIntel0010676_Yorkfield_CPUID.txt"),
  values: {
    IA32_VMX_BASIC: 0x005a08000000000dn,
    IA32_VMX_PINBASED_CTLS: 0x0000003f00000016n,
    IA32_VMX_PROCBASED_CTLS: 0xf7f9fffe0401e172n,
    IA32_VMX_EXIT_CTLS: 0x0003ffff00036dffn,
    IA32_VMX_ENTRY_CTLS: 0x00003fff000011ffn,
    IA32_VMX_MISC: 0x00000000000403c0n,
    IA32_VMX_CR0_FIXED0: 0x0000000080000021n,
    IA32_VMX_CR0_FIXED1: 0x00000000ffffffffn,
    IA32_VMX_CR4_FIXED0: 0x0000000000002000n,
    IA32_VMX_CR4_FIXED1: 0x00000000000027ffn,
    IA32_VMX_VMCS_ENUM: 0x000000000000002cn,
    IA32_VMX_PROCBASED_CTLS2: 0x0000004100000000n,
    "CPUID.1.ECX": 0x0008e3bdn,
    "CPUID.1.EDX": 0xbfebfbffn,
    "CPUID.7.0.EBX": 0x00000000n,
    "CPUID.7.0.ECX": 0x00000000n,
    "CPUID.7.0.EDX": 0x00000000n,
    "CPUID.7.1.EAX": 0x00000000n,
    "CPUID.7.1.EDX": 0x00000000n,
    "CPUID.A.EAX": 0x07280202n,
    "CPUID.A.ECX": 0x00000000n,
    "CPUID.A.EDX": 0x00000503n,
    "CPUID.D.1.EAX": 0x00000000n,
    "CPUID.14.0.EBX": 0x00000000n,
    "CPUID.1C.0.EAX": 0x00000000n,
    "CPUID.80000001.ECX": 0x00000001n,
    "CPUID.80000001.EDX": 0x20100000n,
    "CPUID.80000008.EAX": 0x00003024n,
  },
};
