// Rules of VMRUN on shadow stacks (APM 2 15.5.1, 18).

import { CR0_WP, CR4_CET, RFLAGS_VM } from "../../../x86/control-registers";
import { CPUID_7_ECX_CET_SS } from "../../../x86/cpuid";
import { CAP_CPUID_7_ECX, STATE_U_CET } from "../../inputs";
import { Rules, STAGE_GUEST } from "../../rule";
import { Subject } from "../../subject";
import { both, implies, NO, Tri } from "../../tri";
import { CR0, CR4, RFLAGS, S_CET } from "../fields";

const SUPERVISOR: StaticArray<u32> = [S_CET, CAP_CPUID_7_ECX];
const WRITE_PROTECTION: StaticArray<u32> = [CR0, CR4];
const VIRTUAL_8086: StaticArray<u32> = [STATE_U_CET, CR4, RFLAGS];

const SHADOW_STACKS: u64 = 1;
/** AMD has shadow stacks alone: bits 0, SH_STK_EN, and 1, WR_SHSTK_EN. */
const S_CET_RESERVED: u64 = ~(<u64>3);

/** Adds the rows. */
export function addShadowStackRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "15.5.1");
  rules.add(
    "vmcb.s-cet.reserved",
    SUPERVISOR,
    (s: Subject): Tri => implies(hasShadowStacks(s), s.mustBeZero(S_CET, S_CET_RESERVED)),
    "On a processor with shadow stacks (CPUID.7.0:ECX[7] = 1), bits 63:2 of S_CET must be 0.",
    "The bits of indirect-branch tracking are Intel's.",
  );
  rules.add(
    "vmcb.cr4.cet.wp",
    WRITE_PROTECTION,
    (s: Subject): Tri => implies(s.isSet(CR4, CR4_CET), s.mustBeOne(CR0, CR0_WP)),
    "With CR4.CET, CR0.WP must be 1.",
  );
  rules.add(
    "vmcb.cr4.cet.virtual-8086",
    VIRTUAL_8086,
    (s: Subject): Tri =>
      implies(both(s.isSet(CR4, CR4_CET), s.isSet(RFLAGS, RFLAGS_VM)), s.mustBeZero(STATE_U_CET, SHADOW_STACKS)),
    "With CR4.CET in virtual-8086 mode (RFLAGS.VM), bit 0 of the MSR U_CET, SH_STK_EN, must be 0.",
  );
}

/** Where S_CET is 0, nothing hangs on it. */
function hasShadowStacks(s: Subject): Tri {
  if (s.has(S_CET) && (s.get(S_CET) & S_CET_RESERVED) == 0) return NO;
  return s.where(CAP_CPUID_7_ECX, CPUID_7_ECX_CET_SS);
}
