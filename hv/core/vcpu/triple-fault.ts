// The end of a guest that has shut down: an exception came up while a double fault was delivered (SDM 3A 6.15, 3C 26.2).

import {
  INTERRUPTION_TYPE_HARDWARE_EXCEPTION,
  INTERRUPTION_TYPE_MASK,
  INTERRUPTION_VECTOR_MASK,
} from "../../x86/exceptions";
import { LEVEL_ERROR } from "../console/console";
import { RESULT_TRIPLE_FAULT } from "../results";
import {
  SEGMENT_CS,
  SEGMENT_SS,
  SEGMENT_TR,
  STATE_ACCESS_RIGHTS,
  STATE_BASE,
  STATE_CR0,
  STATE_CR3,
  STATE_CR4,
  STATE_GDTR_BASE,
  STATE_GDTR_LIMIT,
  STATE_IDTR_BASE,
  STATE_IDTR_LIMIT,
  STATE_LIMIT,
  STATE_RFLAGS,
  STATE_RIP,
  STATE_RSP,
  STATE_SELECTOR,
} from "./state";
import { Vcpu } from "./vcpu";

/** Ends the VM with a report of the guest's state. */
export function endByTripleFault(vcpu: Vcpu): u32 {
  vcpu.say(LEVEL_ERROR).text("triple fault at RIP ").hex(vcpu.read(STATE_RIP), 16).text("; this VM ends").end();
  const r = vcpu.registers;
  reportFour(vcpu, "RAX ", r.rax, ", RBX ", r.rbx, ", RCX ", r.rcx, ", RDX ", r.rdx);
  reportFour(vcpu, "RSI ", r.rsi, ", RDI ", r.rdi, ", RBP ", r.rbp, ", RSP ", vcpu.read(STATE_RSP));
  reportFour(vcpu, "R8 ", r.r8, ", R9 ", r.r9, ", R10 ", r.r10, ", R11 ", r.r11);
  reportFour(vcpu, "R12 ", r.r12, ", R13 ", r.r13, ", R14 ", r.r14, ", R15 ", r.r15);
  const cr0 = vcpu.read(STATE_CR0);
  reportFour(vcpu, "CR0 ", cr0, ", CR2 ", vcpu.cr2, ", CR3 ", vcpu.read(STATE_CR3), ", CR4 ", vcpu.read(STATE_CR4));
  const line = vcpu.say(LEVEL_ERROR).text("  RFLAGS ").hex(vcpu.read(STATE_RFLAGS)).text(", GDTR ");
  line.hex(vcpu.read(STATE_GDTR_BASE)).text(" limit ").hex(vcpu.read(STATE_GDTR_LIMIT)).text(", IDTR ");
  line.hex(vcpu.read(STATE_IDTR_BASE)).text(" limit ").hex(vcpu.read(STATE_IDTR_LIMIT)).end();
  reportSegment(vcpu, "CS", SEGMENT_CS);
  reportSegment(vcpu, "SS", SEGMENT_SS);
  reportSegment(vcpu, "TR", SEGMENT_TR);
  reportLastEvent(vcpu);
  return vcpu.stop(RESULT_TRIPLE_FAULT);
}

function reportFour(v: Vcpu, a: string, x: u64, b: string, y: u64, c: string, z: u64, d: string, w: u64): void {
  const line = v.say(LEVEL_ERROR).text("  ").text(a).hex(x).text(b).hex(y).text(c).hex(z);
  line.text(d).hex(w).end();
}

function reportSegment(vcpu: Vcpu, name: string, segment: u32): void {
  const line = vcpu
    .say(LEVEL_ERROR)
    .text("  ")
    .text(name)
    .text(" ")
    .hex(vcpu.read(STATE_SELECTOR + segment));
  line
    .text(" base ")
    .hex(vcpu.read(STATE_BASE + segment))
    .text(" limit ")
    .hex(vcpu.read(STATE_LIMIT + segment));
  line
    .text(" access rights ")
    .hex(vcpu.read(STATE_ACCESS_RIGHTS + segment))
    .end();
}

/** The exceptions that led here are the guest's own and leave no trace; told is what Basalt knows of. */
function reportLastEvent(vcpu: Vcpu): void {
  const last = vcpu.events.lastDelivered;
  const line = vcpu.say(LEVEL_ERROR).text("  the last event that Basalt delivered to it: ");
  if (last == 0) {
    line.text("none").end();
    return;
  }
  const isException = (last & INTERRUPTION_TYPE_MASK) == INTERRUPTION_TYPE_HARDWARE_EXCEPTION;
  line
    .text(isException ? "exception " : "interrupt or NMI ")
    .decimal(last & INTERRUPTION_VECTOR_MASK)
    .end();
}
