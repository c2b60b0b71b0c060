// What each VM does, where the CPU with the console finds it: in shared words, written by the CPU that has the VM when a slice ends.

import { sharedLoad, sharedStore } from "../hardware";
import { vmStateWord } from "../processors/shared-words";
import { Vm } from "../vm";

export const VM_NOT_STARTED: u32 = 0;
/** It runs, or is ready to. */
export const VM_RUNS: u32 = 1;
/** Its guest waits for an event. */
export const VM_WAITS: u32 = 2;
export const VM_PAUSED: u32 = 3;
export const VM_ENDED: u32 = 4;

/** By VM_*: how a list of VMs calls it. */
export const VM_STATE_NAMES: StaticArray<string> = ["not started", "runs", "waits", "paused", "ended"];

// A word: the state in bits 7:0, TSC ticks that it has run in bits 63:8.
const TICKS_SHIFT: u64 = 8;

/** VM `number` is in `state`, one of VM_*, after `ticks` of its runs. */
export function noteState(number: u32, state: u32, ticks: u64): void {
  sharedStore(vmStateWord(number), (ticks << TICKS_SHIFT) | state);
}

/** Notes what a VM does that has not ended. */
export function noteVm(vm: Vm): void {
  noteState(vm.number, vm.isPaused ? VM_PAUSED : vm.waits ? VM_WAITS : VM_RUNS, vm.ticks);
}

/** One of VM_*. */
export function stateOf(number: u32): u32 {
  return (<u32>sharedLoad(vmStateWord(number))) & 0xff;
}

/** It has started, and not ended. */
export function isAlive(number: u32): bool {
  const state = stateOf(number);
  return state != VM_NOT_STARTED && state != VM_ENDED;
}

/** The ticks that it had run at the end of its last slice. */
export function ticksOf(number: u32): u64 {
  return sharedLoad(vmStateWord(number)) >> TICKS_SHIFT;
}
