// Exits by IN, OUT, INS and OUTS (APM 2 15.10.2).

import { IO_IS_IN, IO_IS_REPEATED, IO_IS_STRING, IO_PORT_SHIFT } from "../../shared/port-access";
import {
  IOIO_IS_IN,
  IOIO_IS_REPEATED,
  IOIO_IS_STRING,
  IOIO_PORT_SHIFT,
  IOIO_SIZE_MASK,
  IOIO_SIZE_SHIFT,
  VMCB_EXITINFO1,
} from "../../x86/vmcb";
import { SvmVcpu } from "./svm-vcpu";

const PORT_MASK: u64 = 0xffff;

/** The access, in the form of hv/shared/port-access.ts. The sizes 1, 2 and 4 are one bit each, and become 0, 1 and 3. */
export function portAccessOf(vcpu: SvmVcpu): u64 {
  const information = vcpu.vmcb.read64(VMCB_EXITINFO1);
  const size = ((information >> IOIO_SIZE_SHIFT) & IOIO_SIZE_MASK) - 1;
  const access = (((information >> IOIO_PORT_SHIFT) & PORT_MASK) << IO_PORT_SHIFT) | size;
  const rest = information & (IOIO_IS_IN | IOIO_IS_STRING | IOIO_IS_REPEATED);
  return rest == 0 ? access : access | kindOf(rest);
}

function kindOf(rest: u64): u64 {
  const isIn = rest & IOIO_IS_IN ? IO_IS_IN : 0;
  const isString = rest & IOIO_IS_STRING ? IO_IS_STRING : 0;
  return isIn | isString | (rest & IOIO_IS_REPEATED ? IO_IS_REPEATED : 0);
}
