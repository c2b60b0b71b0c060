// The name of a bit of a VMCB's field, for reports.

import {
  CR0_BIT_NAMES,
  CR4_BIT_NAMES,
  DR7_BIT_NAMES,
  RFLAGS_BIT_NAMES,
  S_CET_BIT_NAMES,
} from "../../x86/register-bit-names";
import {
  ATTRIBUTE_BIT_NAMES,
  EVENT_BIT_NAMES,
  INTERCEPTS_1_BIT_NAMES,
  INTERCEPTS_2_BIT_NAMES,
  NESTED_CONTROL_BIT_NAMES,
  VINTR_BIT_NAMES,
  VMCB_EFER_BIT_NAMES,
} from "../../x86/vmcb-bit-names";
import {
  CR0,
  CR4,
  CS_ATTRIBUTES,
  DR7,
  EFER,
  EVENTINJ,
  INTERCEPTS_1,
  INTERCEPTS_2,
  NESTED_CONTROL,
  RFLAGS,
  S_CET,
  VINTR,
} from "./fields";

const INPUTS: StaticArray<u32> = [
  CR0,
  CR4,
  DR7,
  RFLAGS,
  S_CET,
  EFER,
  INTERCEPTS_1,
  INTERCEPTS_2,
  VINTR,
  NESTED_CONTROL,
  EVENTINJ,
  CS_ATTRIBUTES,
];
/** In the order of INPUTS. */
const NAMES: StaticArray<StaticArray<string>> = [
  CR0_BIT_NAMES,
  CR4_BIT_NAMES,
  DR7_BIT_NAMES,
  RFLAGS_BIT_NAMES,
  S_CET_BIT_NAMES,
  VMCB_EFER_BIT_NAMES,
  INTERCEPTS_1_BIT_NAMES,
  INTERCEPTS_2_BIT_NAMES,
  VINTR_BIT_NAMES,
  NESTED_CONTROL_BIT_NAMES,
  EVENT_BIT_NAMES,
  ATTRIBUTE_BIT_NAMES,
];

/** The name of bit `bit` (0 to 63) of `field`, an input; "" where it has none. */
export function vmcbBitName(field: u32, bit: i32): string {
  for (let i = 0; i < INPUTS.length; i++) {
    if (INPUTS[i] == field && bit < NAMES[i].length) return NAMES[i][bit];
  }
  return "";
}
