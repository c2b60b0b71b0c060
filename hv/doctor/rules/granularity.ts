// What a segment's limit asks of the G bit of its access rights (SDM 3C 27.3.1.2).

import { ACCESS_RIGHTS_GRANULARITY } from "../../x86/segments";
import { accessRightsOf, limitOf } from "../segment-fields";
import { Subject } from "../subject";
import { implies, not, Tri } from "../tri";

const LIMIT_BITS_11_0: u64 = 0xfff;
const LIMIT_BITS_31_20: u64 = 0xfff00000;

/** G is 0 where any of bits 11:0 of the limit is 0: a limit in pages ends at the end of one. */
export function granularityMayBeSet(s: Subject, register: u32): Tri {
  return implies(
    not(s.isSet(limitOf(register), LIMIT_BITS_11_0)),
    s.mustBeZero(accessRightsOf(register), ACCESS_RIGHTS_GRANULARITY),
  );
}

/** G is 1 where any of bits 31:20 of the limit is 1: a limit in bytes has 20 bits. */
export function granularityReaches(s: Subject, register: u32): Tri {
  return implies(
    not(s.isClear(limitOf(register), LIMIT_BITS_31_20)),
    s.mustBeOne(accessRightsOf(register), ACCESS_RIGHTS_GRANULARITY),
  );
}
