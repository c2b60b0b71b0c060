// Cases of the rules on the EPT pointer.
import { testRules } from "./rule-cases.ts";

const EPTP = 0x10_0000n;
const NO_ACCESSED_DIRTY = 0x0f01_06d3_41c1n;

await testRules([
  { slug: "control.eptp.memory-type", violated: { EPT_POINTER: EPTP | 0x1cn }, holds: { EPT_POINTER: EPTP | 0x18n } },
  { slug: "control.eptp.walk-length", violated: { EPT_POINTER: EPTP | 0x16n }, holds: { EPT_POINTER: EPTP | 0x26n } },
  {
    slug: "control.eptp.accessed-dirty",
    violated: { EPT_POINTER: EPTP | 0x5en, IA32_VMX_EPT_VPID_CAP: NO_ACCESSED_DIRTY },
    holds: { EPT_POINTER: EPTP | 0x5en },
  },
  {
    slug: "control.eptp.supervisor-shadow-stack",
    violated: { EPT_POINTER: EPTP | 0x9en, IA32_VMX_EPT_VPID_CAP: NO_ACCESSED_DIRTY & ~(1n << 23n) },
    holds: { EPT_POINTER: EPTP | 0x9en },
  },
  { slug: "control.eptp.reserved", violated: { EPT_POINTER: EPTP | 0x41en }, holds: { EPT_POINTER: EPTP | 0x1en } },
  {
    slug: "control.eptp.maxphyaddr",
    violated: { EPT_POINTER: (1n << 46n) | 0x1en },
    holds: { EPT_POINTER: (1n << 45n) | 0x1en },
  },
]);
