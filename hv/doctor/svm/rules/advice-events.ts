// Advice on the event that VMRUN injects (APM 2 15.20).

import { CPUID_SVM_EDX_NEXT_RIP } from "../../../x86/cpuid";
import { CAP_CPUID_8000000A_EDX } from "../../inputs";
import { Rules, STAGE_ADVICE } from "../../rule";
import { Subject } from "../../subject";
import { implies, Tri, YES } from "../../tri";
import { injects, injectsAnEvent, TYPE_SOFTWARE_INTERRUPT } from "../event";
import { EVENTINJ } from "../fields";

const EVENT: StaticArray<u32> = [EVENTINJ];
const SOFTWARE: StaticArray<u32> = [EVENTINJ, CAP_CPUID_8000000A_EDX];

const RESERVED: u64 = 0x7ffff000;

/** Adds the rows. */
export function addSvmEventAdvice(rules: Rules): void {
  rules.at(STAGE_ADVICE, "");
  rules.add(
    "advice.vmcb.eventinj.reserved",
    EVENT,
    (s: Subject): Tri => implies(injectsAnEvent(s), s.mustBeZero(EVENTINJ, RESERVED)),
    "Bits 30:12 of EVENTINJ should be 0, as they are reserved.",
  );
  rules.add(
    "advice.vmcb.eventinj.software-interrupt",
    SOFTWARE,
    (s: Subject): Tri => implies(injects(s, TYPE_SOFTWARE_INTERRUPT), hasNextRip(s)),
    "A software interrupt (type 4) should be injected only on a processor with NRIP save (CPUID.8000000AH:EDX[3] = 1): else the guest comes back to the INT n itself.",
  );
}

function hasNextRip(s: Subject): Tri {
  if (!s.has(CAP_CPUID_8000000A_EDX)) return YES;
  return s.blame(EVENTINJ, 0, s.supports(CAP_CPUID_8000000A_EDX, CPUID_SVM_EDX_NEXT_RIP));
}
