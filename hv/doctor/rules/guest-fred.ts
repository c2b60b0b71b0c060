// Rules of VM entry on guests that use FRED transitions (FRED 346446: flexible return and event delivery).

import { CR4_FRED } from "../../x86/control-registers";
import { ACCESS_RIGHTS_64_BIT, ACCESS_RIGHTS_DPL_MASK, ACCESS_RIGHTS_DPL_SHIFT } from "../../x86/segments";
import {
  FIELD_INDEX_SHIFT,
  GUEST_CR4,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_IA32_FRED_CONFIG,
  GUEST_IA32_FRED_RSP1,
  GUEST_IA32_FRED_SSP1,
  GUEST_RFLAGS,
  GUEST_SS_ACCESS_RIGHTS,
  VM_ENTRY_CONTROLS,
} from "../../x86/vmcs-fields";
import { ENTRY_LOAD_FRED } from "../../x86/vmx-controls";
import { CAP_CPUID_80000008_EAX } from "../inputs";
import { Rules, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { both, implies, Tri, UNKNOWN } from "../tri";

const DPL: u64 = <u64>(ACCESS_RIGHTS_DPL_MASK << ACCESS_RIGHTS_DPL_SHIFT);
const IOPL: u64 = 0x3000;
/** Bits 11, 5, 4 and 2. */
const CONFIG_RESERVED: u64 = 0x834;
const RSP_ALIGNMENT: u64 = 63;
const SSP_ALIGNMENT: u64 = 7;

const STACK_LEVELS: StaticArray<string> = ["1", "2", "3"];
const DPL_INPUTS: StaticArray<u32> = [GUEST_SS_ACCESS_RIGHTS, GUEST_CR4];
const CS_INPUTS: StaticArray<u32> = [GUEST_CS_ACCESS_RIGHTS, GUEST_SS_ACCESS_RIGHTS, GUEST_CR4];
const IOPL_INPUTS: StaticArray<u32> = [GUEST_RFLAGS, GUEST_SS_ACCESS_RIGHTS, GUEST_CR4];
const CONFIG: StaticArray<u32> = [GUEST_IA32_FRED_CONFIG, VM_ENTRY_CONTROLS];
const CONFIG_WIDTH: StaticArray<u32> = [GUEST_IA32_FRED_CONFIG, VM_ENTRY_CONTROLS, CAP_CPUID_80000008_EAX];

/** Adds the rows. */
export function addGuestFredRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "FRED 346446");
  addConfig(rules);
  for (let i: u32 = 0; i < 3; i++) {
    const offset = i << FIELD_INDEX_SHIFT;
    addRsp(rules, STACK_LEVELS[i], GUEST_IA32_FRED_RSP1 + offset);
    addSsp(rules, STACK_LEVELS[i], GUEST_IA32_FRED_SSP1 + offset);
  }
  addPrivilegeLevels(rules);
}

/** CR4.FRED = 1: outside IA-32e mode that is against a rule of its own. */
function willUseFred(s: Subject): Tri {
  return s.isSet(GUEST_CR4, CR4_FRED);
}

function addConfig(rules: Rules): void {
  rules.add(
    "guest.fred-config.reserved",
    CONFIG,
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_FRED), s.mustBeZero(GUEST_IA32_FRED_CONFIG, CONFIG_RESERVED)),
    'With "load FRED", bits 11, 5, 4 and 2 of IA32_FRED_CONFIG must be 0.',
  );
  rules.add(
    "guest.fred-config.canonical",
    CONFIG_WIDTH,
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_FRED), s.mustBeCanonical(GUEST_IA32_FRED_CONFIG)),
    'With "load FRED", IA32_FRED_CONFIG must be a canonical address.',
  );
}

function addRsp(rules: Rules, level: string, field: u32): void {
  rules.add(
    "guest.fred-rsp" + level + ".alignment",
    [field, VM_ENTRY_CONTROLS],
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_FRED), s.mustBeZero(s.row, RSP_ALIGNMENT)),
    'With "load FRED", bits 5:0 of IA32_FRED_RSP' + level + " must be 0.",
    "",
    field,
  );
  rules.add(
    "guest.fred-rsp" + level + ".canonical",
    [field, VM_ENTRY_CONTROLS, CAP_CPUID_80000008_EAX],
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_FRED), s.mustBeCanonical(s.row)),
    'With "load FRED", IA32_FRED_RSP' + level + " must be a canonical address.",
    "",
    field,
  );
}

function addSsp(rules: Rules, level: string, field: u32): void {
  rules.add(
    "guest.fred-ssp" + level + ".alignment",
    [field, VM_ENTRY_CONTROLS],
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_FRED), s.mustBeZero(s.row, SSP_ALIGNMENT)),
    'With "load FRED", bits 2:0 of IA32_FRED_SSP' + level + " must be 0.",
    "",
    field,
  );
  rules.add(
    "guest.fred-ssp" + level + ".canonical",
    [field, VM_ENTRY_CONTROLS, CAP_CPUID_80000008_EAX],
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_FRED), s.mustBeCanonical(s.row)),
    'With "load FRED", IA32_FRED_SSP' + level + " must be a canonical address.",
    "",
    field,
  );
}

function addPrivilegeLevels(rules: Rules): void {
  rules.add(
    "guest.ss.dpl.fred",
    DPL_INPUTS,
    (s: Subject): Tri => implies(willUseFred(s), dplIs0Or3(s)),
    "If the guest will use FRED transitions (CR4.FRED = 1), the DPL (bits 6:5) of SS must be 0 or 3.",
  );
  rules.add(
    "guest.cs.l.fred",
    CS_INPUTS,
    (s: Subject): Tri =>
      implies(
        both(willUseFred(s), s.isClear(GUEST_SS_ACCESS_RIGHTS, DPL)),
        s.mustBeOne(GUEST_CS_ACCESS_RIGHTS, ACCESS_RIGHTS_64_BIT),
      ),
    "If the guest will use FRED transitions and the DPL of SS is 0, the L bit (bit 13) of the access rights of CS must be 1.",
  );
  rules.add(
    "guest.rflags.iopl.fred",
    IOPL_INPUTS,
    (s: Subject): Tri =>
      implies(both(willUseFred(s), s.isSet(GUEST_SS_ACCESS_RIGHTS, DPL)), s.mustBeZero(GUEST_RFLAGS, IOPL)),
    "If the guest will use FRED transitions and the DPL of SS is 3, the IOPL (bits 13:12) of RFLAGS must be 0.",
  );
}

function dplIs0Or3(s: Subject): Tri {
  if (!s.needs(GUEST_SS_ACCESS_RIGHTS)) return UNKNOWN;
  const dpl = s.get(GUEST_SS_ACCESS_RIGHTS) & DPL;
  return s.must(GUEST_SS_ACCESS_RIGHTS, dpl == 0 || dpl == DPL);
}
