// Rules of VM entry on the host's MSRs of FRED (FRED 346446).

import {
  HOST_IA32_FRED_CONFIG,
  HOST_IA32_FRED_RSP1,
  HOST_IA32_FRED_RSP2,
  HOST_IA32_FRED_RSP3,
  HOST_IA32_FRED_SSP1,
  HOST_IA32_FRED_SSP2,
  HOST_IA32_FRED_SSP3,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_VM_EXIT_CONTROLS,
} from "../../x86/vmcs-fields";
import { SECONDARY_EXIT_LOAD_FRED } from "../../x86/vmx-controls";
import { CAP_CPUID_80000008_EAX } from "../inputs";
import { Rules, STAGE_HOST } from "../rule";
import { Subject } from "../subject";
import { implies, Tri } from "../tri";

const CONFIG: StaticArray<u32> = [HOST_IA32_FRED_CONFIG, SECONDARY_VM_EXIT_CONTROLS, PRIMARY_VM_EXIT_CONTROLS];
const CONFIG_RESERVED: u64 = 0x834;
const STACKS: StaticArray<u32> = [HOST_IA32_FRED_RSP1, HOST_IA32_FRED_RSP2, HOST_IA32_FRED_RSP3];
const STACK_ALIGNMENT: u64 = 0x3f;
const SHADOW_STACKS: StaticArray<u32> = [HOST_IA32_FRED_SSP1, HOST_IA32_FRED_SSP2, HOST_IA32_FRED_SSP3];
const SHADOW_STACK_ALIGNMENT: u64 = 7;
const LEVELS: StaticArray<string> = ["1", "2", "3"];

const WITH_FRED: string = 'With "load FRED" for VM exits, ';

/** Adds the rows. */
export function addHostFredRules(rules: Rules): void {
  rules.at(STAGE_HOST, "FRED 346446");
  rules.add(
    "host.fred-config.reserved",
    CONFIG,
    (s: Subject): Tri => whereLoaded(s, s.mustBeZero(HOST_IA32_FRED_CONFIG, CONFIG_RESERVED)),
    WITH_FRED + "bits 11, 5, 4 and 2 of the host's IA32_FRED_CONFIG must be 0.",
  );
  addCanonical(rules, "host.fred-config.canonical", "IA32_FRED_CONFIG", HOST_IA32_FRED_CONFIG);
  for (let i = 0; i < STACKS.length; i++) {
    addAligned(
      rules,
      "host.fred-rsp" + LEVELS[i] + ".alignment",
      "5:0 of the host's IA32_FRED_RSP" + LEVELS[i],
      STACKS[i],
    );
    addCanonical(rules, "host.fred-rsp" + LEVELS[i] + ".canonical", "IA32_FRED_RSP" + LEVELS[i], STACKS[i]);
  }
  for (let i = 0; i < SHADOW_STACKS.length; i++) {
    const name = "IA32_FRED_SSP" + LEVELS[i];
    addAligned(rules, "host.fred-ssp" + LEVELS[i] + ".alignment", "2:0 of the host's " + name, SHADOW_STACKS[i]);
    addCanonical(rules, "host.fred-ssp" + LEVELS[i] + ".canonical", name, SHADOW_STACKS[i]);
  }
}

function addAligned(rules: Rules, slug: string, bits: string, field: u32): void {
  const inputs: StaticArray<u32> = [field, SECONDARY_VM_EXIT_CONTROLS, PRIMARY_VM_EXIT_CONTROLS];
  const predicate = (s: Subject): Tri => whereLoaded(s, s.mustBeZero(s.row, alignmentOf(s.row)));
  rules.add(slug, inputs, predicate, WITH_FRED + "bits " + bits + " must be 0.", "", field);
}

function addCanonical(rules: Rules, slug: string, name: string, field: u32): void {
  const inputs: StaticArray<u32> = [
    field,
    SECONDARY_VM_EXIT_CONTROLS,
    PRIMARY_VM_EXIT_CONTROLS,
    CAP_CPUID_80000008_EAX,
  ];
  const predicate = (s: Subject): Tri => whereLoaded(s, s.mustBeCanonical(s.row));
  rules.add(slug, inputs, predicate, WITH_FRED + "the host's " + name + " must be canonical.", "", field);
}

function whereLoaded(s: Subject, requirement: Tri): Tri {
  return implies(s.secondaryExit(SECONDARY_EXIT_LOAD_FRED), requirement);
}

function alignmentOf(field: u32): u64 {
  return SHADOW_STACKS.includes(field) ? SHADOW_STACK_ALIGNMENT : STACK_ALIGNMENT;
}
