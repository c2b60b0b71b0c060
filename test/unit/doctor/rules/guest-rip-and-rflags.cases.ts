// The rules on the guest's RIP, RFLAGS and SSP.
import { LEGACY, virtual8086 } from "./guests.ts";
import { testRules } from "./rule-cases.ts";

const LOAD_CET = 0xc204n | (1n << 20n);
/** Without "IA-32e mode guest". */
const LOAD_CET_LEGACY = 0xc004n | (1n << 20n);

await testRules([
  {
    slug: "guest.rip.upper",
    violated: { ...LEGACY, GUEST_RIP: 1n << 32n },
    holds: { ...LEGACY, GUEST_RIP: (1n << 32n) - 1n },
  },
  {
    slug: "guest.rip.upper",
    violated: { GUEST_CS_ACCESS_RIGHTS: 0xc09bn, GUEST_RIP: 1n << 32n },
    holds: { GUEST_CS_ACCESS_RIGHTS: 0xa09bn, GUEST_RIP: 1n << 32n },
  },
  { slug: "guest.rip.width", violated: { GUEST_RIP: 1n << 57n }, holds: { GUEST_RIP: 1n << 56n } },
  {
    slug: "guest.rip.width",
    violated: { GUEST_RIP: 1n << 48n, "CPUID.80000008.EAX": 0x302en },
    holds: { GUEST_RIP: 1n << 47n, "CPUID.80000008.EAX": 0x302en },
  },
  { slug: "guest.rflags.reserved", violated: { GUEST_RFLAGS: 0x0an }, holds: { GUEST_RFLAGS: 0x3d_7fd7n } },
  { slug: "guest.rflags.reserved", violated: { GUEST_RFLAGS: 0x8002n }, holds: { GUEST_RFLAGS: 0x4002n } },
  { slug: "guest.rflags.reserved", violated: { GUEST_RFLAGS: 0x40_0002n }, holds: { GUEST_RFLAGS: 0x20_0002n } },
  { slug: "guest.rflags.bit-1", violated: { GUEST_RFLAGS: 0n }, holds: { GUEST_RFLAGS: 2n } },
  { slug: "guest.rflags.vm", violated: { GUEST_RFLAGS: 0x2_0002n }, holds: virtual8086() },
  {
    slug: "guest.rflags.vm",
    violated: { ...virtual8086(), GUEST_CR0: 0x30n },
    holds: { GUEST_CR0: 0x30n, GUEST_RFLAGS: 2n },
  },
  {
    slug: "guest.rflags.if",
    violated: { VM_ENTRY_INTERRUPTION_INFORMATION: 0x8000_0020n },
    holds: { VM_ENTRY_INTERRUPTION_INFORMATION: 0x8000_0020n, GUEST_RFLAGS: 0x202n },
  },
  {
    slug: "guest.rflags.if",
    violated: { VM_ENTRY_INTERRUPTION_INFORMATION: 0x8000_00ffn },
    holds: { VM_ENTRY_INTERRUPTION_INFORMATION: 0x8000_0202n },
  },
  {
    slug: "guest.ssp.alignment",
    violated: { VM_ENTRY_CONTROLS: LOAD_CET, GUEST_SSP: 0x1002n },
    holds: { VM_ENTRY_CONTROLS: LOAD_CET, GUEST_SSP: 0x1004n },
  },
  {
    slug: "guest.ssp.width",
    violated: { VM_ENTRY_CONTROLS: LOAD_CET, GUEST_SSP: 1n << 57n },
    holds: { VM_ENTRY_CONTROLS: LOAD_CET, GUEST_SSP: 1n << 56n },
  },
  {
    slug: "guest.ssp.upper",
    violated: { ...LEGACY, VM_ENTRY_CONTROLS: LOAD_CET_LEGACY, GUEST_SSP: 1n << 32n },
    holds: { ...LEGACY, VM_ENTRY_CONTROLS: LOAD_CET_LEGACY, GUEST_SSP: (1n << 32n) - 4n },
  },
  {
    slug: "guest.ssp.upper",
    violated: { GUEST_CS_ACCESS_RIGHTS: 0xc09bn, VM_ENTRY_CONTROLS: LOAD_CET, GUEST_SSP: 1n << 32n },
    holds: { GUEST_CS_ACCESS_RIGHTS: 0xa09bn, VM_ENTRY_CONTROLS: LOAD_CET, GUEST_SSP: 1n << 32n },
  },
]);
