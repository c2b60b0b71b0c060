// The rules on execution controls that are newer than the edition that the other rules cite.
import { bit, controls } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

const TIMER = controls({ primary: bit(21), secondary: bit(9), tertiary: bit(8) });

await testRules([
  {
    slug: "control.seam.needs-ept",
    violated: { IN_SEAM: 1n, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x20n },
    holds: { IN_SEAM: 1n, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x22n },
  },
  {
    slug: "control.seam-shared-eptp.reserved",
    violated: { IN_SEAM: 1n, SEAM_SHARED_EPT_POINTER: 0x101en },
    holds: { IN_SEAM: 1n, SEAM_SHARED_EPT_POINTER: 0x1000n },
  },
  {
    slug: "control.seam-shared-eptp.maxphyaddr",
    violated: { IN_SEAM: 1n, SEAM_SHARED_EPT_POINTER: bit(46) },
    holds: { IN_SEAM: 1n, SEAM_SHARED_EPT_POINTER: bit(45) },
  },
  {
    slug: "control.apic-timer-virtualization.needs-virtual-interrupt-delivery",
    violated: controls({ primary: bit(21), tertiary: bit(8) }),
    holds: TIMER,
  },
  {
    slug: "control.apic-timer-virtualization.without-rdtsc-exiting",
    violated: controls({ primary: bit(21) | bit(12), secondary: bit(9), tertiary: bit(8) }),
    holds: TIMER,
  },
  {
    slug: "control.apic-timer-virtualization.vector",
    violated: { ...TIMER, VIRTUAL_TIMER_VECTOR: 0x100n },
    holds: { ...TIMER, VIRTUAL_TIMER_VECTOR: 0xffn },
  },
]);
