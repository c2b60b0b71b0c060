// What became of each VM, where the CPU that booted finds it: in shared words.

import { GuestExit } from "../guest-exit";
import { sharedExchange, sharedLoad } from "../hardware";
import { resultWord } from "../processors/shared-words";
import { RESULT_GUEST_EXIT, RESULT_OK } from "../results";

const VALUE_SHIFT: u64 = 32;

/** VM `number` starts anew. */
export function clearResult(number: i32): void {
  sharedExchange(resultWord(number), RESULT_OK);
}

/** It has ended with `result`, and with RESULT_GUEST_EXIT with a value of its own. */
export function noteResult(number: i32, result: u32, exitValue: u32): void {
  sharedExchange(resultWord(number), ((<u64>exitValue) << VALUE_SHIFT) | result);
}

/** The result of a VM that has ended. */
export function resultOf(number: i32): u32 {
  return <u32>sharedLoad(resultWord(number));
}

/** Of VMs `first` to `end` - 1, all of which have ended: the first result that is not ok. `exit` notes the guests' own values. */
export function groupResult(first: i32, end: i32, exit: GuestExit): u32 {
  let found = RESULT_OK;
  for (let number = first; number < end; number++) {
    const word = sharedLoad(resultWord(number));
    const result = <u32>word;
    if (result == RESULT_GUEST_EXIT) exit.note(<u32>(word >> VALUE_SHIFT));
    if (found == RESULT_OK) found = result;
  }
  return found;
}
