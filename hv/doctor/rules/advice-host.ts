// Advice on the host-state area, and on what entry and exit load.

import {
  GUEST_IA32_EFER,
  GUEST_IA32_SYSENTER_CS,
  GUEST_IA32_PAT,
  GUEST_RIP,
  HOST_IA32_EFER,
  HOST_IA32_PAT,
  HOST_IA32_SYSENTER_CS,
  HOST_RIP,
  HOST_RSP,
  HOST_TR_BASE,
  PRIMARY_VM_EXIT_CONTROLS,
  VM_ENTRY_CONTROLS,
  VM_EXIT_MSR_LOAD_COUNT,
} from "../../x86/vmcs-fields";
import {
  ENTRY_LOAD_CET_STATE,
  ENTRY_LOAD_IA32_BNDCFGS,
  ENTRY_LOAD_IA32_EFER,
  ENTRY_LOAD_IA32_PAT,
  ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL,
  ENTRY_LOAD_IA32_RTIT_CTL,
  ENTRY_LOAD_PKRS,
  EXIT_CLEAR_IA32_BNDCFGS,
  EXIT_CLEAR_IA32_RTIT_CTL,
  EXIT_LOAD_CET_STATE,
  EXIT_LOAD_IA32_EFER,
  EXIT_LOAD_IA32_PAT,
  EXIT_LOAD_IA32_PERF_GLOBAL_CTRL,
  EXIT_LOAD_PKRS,
} from "../../x86/vmx-controls";
import { Rules, STAGE_ADVICE } from "../rule";
import { Subject } from "../subject";
import { both, implies, Tri, UNKNOWN } from "../tri";

const RSP: StaticArray<u32> = [HOST_RSP];
const TR_BASE: StaticArray<u32> = [HOST_TR_BASE];
const BOTH_RIPS: StaticArray<u32> = [HOST_RIP, GUEST_RIP];
const PAIR: StaticArray<u32> = [VM_ENTRY_CONTROLS, PRIMARY_VM_EXIT_CONTROLS, VM_EXIT_MSR_LOAD_COUNT];
const GUEST_SYSENTER: StaticArray<u32> = [GUEST_IA32_SYSENTER_CS, GUEST_IA32_EFER];
const HOST_SYSENTER: StaticArray<u32> = [HOST_IA32_SYSENTER_CS, HOST_IA32_EFER];
const GUEST_PAT: StaticArray<u32> = [GUEST_IA32_PAT, VM_ENTRY_CONTROLS];
const HOST_PAT: StaticArray<u32> = [HOST_IA32_PAT, PRIMARY_VM_EXIT_CONTROLS];

const STACK_ALIGNMENT: u64 = 0xf;

// Controls that go together, in the same order.
const PAIR_NAMES: StaticArray<string> = ["perf-global-ctrl", "pat", "efer", "bndcfgs", "rtit-ctl", "cet", "pkrs"];
const ENTRY_SENTENCES: StaticArray<string> = [
  '"Load IA32_PERF_GLOBAL_CTRL" on entry should go with "load IA32_PERF_GLOBAL_CTRL" on exit: the guest\'s value stays in the host.',
  '"Load IA32_PAT" on entry should go with "load IA32_PAT" on exit: the guest\'s value stays in the host.',
  '"Load IA32_EFER" on entry should go with "load IA32_EFER" on exit: the guest\'s value stays in the host.',
  '"Load IA32_BNDCFGS" on entry should go with "clear IA32_BNDCFGS" on exit: the guest\'s value stays in the host.',
  '"Load IA32_RTIT_CTL" on entry should go with "clear IA32_RTIT_CTL" on exit: the guest\'s value stays in the host.',
  '"Load CET state" on entry should go with "load CET state" on exit: the guest\'s state stays in the host.',
  '"Load PKRS" on entry should go with "load PKRS" on exit: the guest\'s value stays in the host.',
];
const ENTRY_LOADS: StaticArray<u32> = [
  ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL,
  ENTRY_LOAD_IA32_PAT,
  ENTRY_LOAD_IA32_EFER,
  ENTRY_LOAD_IA32_BNDCFGS,
  ENTRY_LOAD_IA32_RTIT_CTL,
  ENTRY_LOAD_CET_STATE,
  ENTRY_LOAD_PKRS,
];
const EXIT_RESTORES: StaticArray<u32> = [
  EXIT_LOAD_IA32_PERF_GLOBAL_CTRL,
  EXIT_LOAD_IA32_PAT,
  EXIT_LOAD_IA32_EFER,
  EXIT_CLEAR_IA32_BNDCFGS,
  EXIT_CLEAR_IA32_RTIT_CTL,
  EXIT_LOAD_CET_STATE,
  EXIT_LOAD_PKRS,
];

/** Adds the rows. */
export function addHostAdvice(rules: Rules): void {
  rules.at(STAGE_ADVICE, "");
  rules.add(
    "advice.host.rsp-alignment",
    RSP,
    (s: Subject): Tri => s.mustBeZero(HOST_RSP, STACK_ALIGNMENT),
    "Host RSP should be a multiple of 16: code that a compiler made counts on an aligned stack.",
    "A stack of N bytes at S starts at S + N, not at S + N - 1.",
  );
  rules.add(
    "advice.host.tr-base-zero",
    TR_BASE,
    (s: Subject): Tri => s.must(HOST_TR_BASE, s.get(HOST_TR_BASE) != 0),
    "Host TR base should be the address of the host's TSS; after an exit, the next interrupt takes its stack from there.",
    "The base is in the 16-byte TSS descriptor, at the TR selector in the GDT, in three parts and bits 63:32.",
  );
  rules.add(
    "advice.host.rip-is-guest-rip",
    BOTH_RIPS,
    (s: Subject): Tri => differs(s, HOST_RIP, GUEST_RIP),
    "Host RIP and guest RIP should differ: one is where exits go, the other where the guest runs.",
  );
  rules.add(
    "advice.guest.sysenter-cs-is-efer",
    GUEST_SYSENTER,
    (s: Subject): Tri => differs(s, GUEST_IA32_SYSENTER_CS, GUEST_IA32_EFER),
    "Guest IA32_SYSENTER_CS should be a selector; it holds the value of guest IA32_EFER.",
    "A value read from one MSR was written to the field of another.",
  );
  rules.add(
    "advice.host.sysenter-cs-is-efer",
    HOST_SYSENTER,
    (s: Subject): Tri => differs(s, HOST_IA32_SYSENTER_CS, HOST_IA32_EFER),
    "Host IA32_SYSENTER_CS should be a selector; it holds the value of host IA32_EFER.",
    "A value read from one MSR was written to the field of another.",
  );
  rules.add(
    "advice.guest.pat-zero",
    GUEST_PAT,
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_IA32_PAT), s.must(GUEST_IA32_PAT, s.get(GUEST_IA32_PAT) != 0)),
    'With "load IA32_PAT" on entry, a guest IA32_PAT of 0 makes all of the guest\'s memory uncacheable.',
    "The value after reset is 0x0007040600070406.",
  );
  rules.add(
    "advice.host.pat-zero",
    HOST_PAT,
    (s: Subject): Tri => implies(s.exit(EXIT_LOAD_IA32_PAT), s.must(HOST_IA32_PAT, s.get(HOST_IA32_PAT) != 0)),
    'With "load IA32_PAT" on exit, a host IA32_PAT of 0 makes all of the host\'s memory uncacheable.',
    "Read IA32_PAT (MSR 0x277) and write it to the field.",
  );
  for (let i = 0; i < PAIR_NAMES.length; i++) {
    rules.add(
      "advice.pair." + PAIR_NAMES[i],
      PAIR,
      (s: Subject): Tri =>
        implies(
          both(s.entry(ENTRY_LOADS[s.row]), s.is(VM_EXIT_MSR_LOAD_COUNT, 0)),
          s.blame(VM_ENTRY_CONTROLS, ENTRY_LOADS[s.row], s.exit(EXIT_RESTORES[s.row])),
        ),
      ENTRY_SENTENCES[i],
      "Set both controls, or neither where the processor has only one of them.",
      i,
    );
  }
}

/** The value is not 0 and that of `other`; both are told. */
function differs(s: Subject, input: u32, other: u32): Tri {
  const isKnown = s.needs(input) && s.needs(other);
  if (!isKnown) return UNKNOWN;
  const isSame = s.get(input) != 0 && s.get(input) == s.get(other);
  return both(s.must(input, !isSame), s.must(other, !isSame));
}
