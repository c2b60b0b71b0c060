// What the runtime does after the result line, as steps at I/O ports: core finds them at start and hands them over, so
// that a panic ends the machine too. boot/runtime/report.c takes them one after the other.

import { setEndSteps } from "../hardware";

// Kinds of steps, numbered as in boot/runtime/runtime.h; 0 is none.
/** OUT of the byte `value`. */
const OUT_8: u16 = 1;
/** 16 bits: those of `mask` stay as they read, the others become `value`'s. */
const SET_16: u16 = 2;
/** Reads a byte until those of its bits that are in `mask` are `value`, for about a second at most. */
const WAIT_8: u16 = 3;
/** An exception without an IDT: the processor shuts down, and a PC resets. */
const TRIPLE_FAULT: u16 = 4;

/** Of u16 in a step: kind, port, mask, value. */
const STEP_WORDS: i32 = 4;
const CAPACITY: i32 = 16;

/** A list of steps, to be filled in order. */
export class EndSteps {
  private readonly words: StaticArray<u16> = new StaticArray<u16>(STEP_WORDS * CAPACITY);
  private count: i32 = 0;

  out8(port: u32, value: u32): void {
    this.add(OUT_8, port, 0, value);
  }
  set16(port: u32, mask: u32, value: u32): void {
    this.add(SET_16, port, mask, value);
  }
  wait8(port: u32, mask: u32, value: u32): void {
    this.add(WAIT_8, port, mask, value);
  }
  tripleFault(): void {
    this.add(TRIPLE_FAULT, 0, 0, 0);
  }

  /** Takes the place of whatever the runtime would have done. */
  hand(): void {
    setEndSteps(changetype<usize>(this.words));
  }

  private add(kind: u16, port: u32, mask: u32, value: u32): void {
    assert(this.count < CAPACITY, "the end of a run has more steps than the runtime keeps");
    const at = STEP_WORDS * this.count++;
    this.words[at] = kind;
    this.words[at + 1] = <u16>port;
    this.words[at + 2] = <u16>mask;
    this.words[at + 3] = <u16>value;
  }
}
