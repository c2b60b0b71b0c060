// Rules of VM entry on the host's segment registers and descriptor tables (SDM 3C 27.2.3).

import {
  HOST_CS_SELECTOR,
  HOST_DS_SELECTOR,
  HOST_ES_SELECTOR,
  HOST_FS_BASE,
  HOST_FS_SELECTOR,
  HOST_GDTR_BASE,
  HOST_GS_BASE,
  HOST_GS_SELECTOR,
  HOST_IDTR_BASE,
  HOST_SS_SELECTOR,
  HOST_TR_BASE,
  HOST_TR_SELECTOR,
  PRIMARY_VM_EXIT_CONTROLS,
} from "../../x86/vmcs-fields";
import { EXIT_HOST_ADDRESS_SPACE_SIZE } from "../../x86/vmx-controls";
import { CAP_CPUID_80000008_EAX } from "../inputs";
import { Rules, STAGE_HOST } from "../rule";
import { Subject } from "../subject";
import { implies, not, Tri } from "../tri";

const SELECTORS: StaticArray<u32> = [
  HOST_CS_SELECTOR,
  HOST_SS_SELECTOR,
  HOST_DS_SELECTOR,
  HOST_ES_SELECTOR,
  HOST_FS_SELECTOR,
  HOST_GS_SELECTOR,
  HOST_TR_SELECTOR,
];
const SELECTOR_NAMES: StaticArray<string> = ["CS", "SS", "DS", "ES", "FS", "GS", "TR"];
const SELECTOR_SLUGS: StaticArray<string> = ["cs", "ss", "ds", "es", "fs", "gs", "tr"];

const BASES: StaticArray<u32> = [HOST_FS_BASE, HOST_GS_BASE, HOST_GDTR_BASE, HOST_IDTR_BASE, HOST_TR_BASE];
const BASE_NAMES: StaticArray<string> = ["FS", "GS", "GDTR", "IDTR", "TR"];
const BASE_SLUGS: StaticArray<string> = ["fs", "gs", "gdtr", "idtr", "tr"];

const RPL_AND_TI: u64 = 7;
const CS: StaticArray<u32> = [HOST_CS_SELECTOR];
const TR: StaticArray<u32> = [HOST_TR_SELECTOR];
const SS: StaticArray<u32> = [HOST_SS_SELECTOR, PRIMARY_VM_EXIT_CONTROLS];

/** Adds the rows. */
export function addHostSegmentRules(rules: Rules): void {
  rules.at(STAGE_HOST, "27.2.3");
  for (let i = 0; i < SELECTORS.length; i++) {
    const inputs: StaticArray<u32> = [SELECTORS[i]];
    rules.add(
      "host." + SELECTOR_SLUGS[i] + ".selector.rpl-ti",
      inputs,
      (s: Subject): Tri => s.mustBeZero(s.row, RPL_AND_TI),
      "Bits 2:0 (TI and RPL) of the host's " + SELECTOR_NAMES[i] + " selector must be 0.",
      "A copy of a running system's selector has its RPL in it: clear bits 2:0.",
      SELECTORS[i],
    );
  }
  rules.add(
    "host.cs.selector.null",
    CS,
    (s: Subject): Tri => s.mustNotEqual(HOST_CS_SELECTOR, 0),
    "The host's CS selector must not be 0.",
  );
  rules.add(
    "host.tr.selector.null",
    TR,
    (s: Subject): Tri => s.mustNotEqual(HOST_TR_SELECTOR, 0),
    "The host's TR selector must not be 0.",
    "Firmware may leave TR at 0: have a TSS and LTR before VMX, or at least its selector in the GDT.",
  );
  rules.add(
    "host.ss.selector.null",
    SS,
    (s: Subject): Tri => implies(not(s.exit(EXIT_HOST_ADDRESS_SPACE_SIZE)), s.mustNotEqual(HOST_SS_SELECTOR, 0)),
    'The host\'s SS selector must not be 0 where "host address-space size" is 0.',
  );
  for (let i = 0; i < BASES.length; i++) {
    const inputs: StaticArray<u32> = [BASES[i], CAP_CPUID_80000008_EAX];
    rules.add(
      "host." + BASE_SLUGS[i] + ".base.canonical",
      inputs,
      (s: Subject): Tri => s.mustBeCanonical(s.row),
      "The host's " + BASE_NAMES[i] + " base must be canonical.",
      "",
      BASES[i],
    );
  }
}
