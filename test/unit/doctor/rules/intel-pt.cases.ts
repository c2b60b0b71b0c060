// The rules on the controls of Intel Processor Trace.
import { bit, controls } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

const GUEST_ADDRESSES = controls({ secondary: bit(24) });
const ENTRY = 0xc204n;
const EXIT = 0x38_0200n;

await testRules([
  {
    slug: "control.intel-pt.enabled",
    violated: { IA32_RTIT_CTL: 1n, VM_ENTRY_CONTROLS: ENTRY | bit(18) },
    holds: { IA32_RTIT_CTL: 1n, VM_ENTRY_CONTROLS: ENTRY },
  },
  {
    slug: "control.intel-pt.enabled",
    violated: { IA32_RTIT_CTL: 0x2001n, VM_ENTRY_CONTROLS: ENTRY | bit(18) },
    holds: { IA32_RTIT_CTL: 0x2000n, VM_ENTRY_CONTROLS: ENTRY | bit(18) },
  },
  {
    slug: "control.intel-pt-guest-physical-addresses.needs-load-rtit-ctl",
    violated: GUEST_ADDRESSES,
    holds: { ...GUEST_ADDRESSES, VM_ENTRY_CONTROLS: ENTRY | bit(18) },
  },
  {
    slug: "control.intel-pt-guest-physical-addresses.needs-clear-rtit-ctl",
    violated: GUEST_ADDRESSES,
    holds: { ...GUEST_ADDRESSES, PRIMARY_VM_EXIT_CONTROLS: EXIT | bit(25) },
  },
]);
