// What was typed for VMs and not given to them yet: a ring in shared words for each, which the CPU that listens fills and the
// one that has the VM empties.

import { sharedLoad, sharedStore } from "../hardware";
import { inputReadWord, inputTextWord, inputWrittenWord, INPUT_TEXT_WORDS } from "../processors/shared-words";

/** A power of two. */
export const INPUT_BYTES: u64 = INPUT_TEXT_WORDS * 8;

/** A byte for VM `vm`. False where that has so much to read already that it is lost. By the CPU that listens. */
export function queueInput(vm: u32, byte: u32): bool {
  const written = sharedLoad(inputWrittenWord(vm));
  if (written - sharedLoad(inputReadWord(vm)) >= INPUT_BYTES) return false;
  const word = wordOf(vm, written);
  const shift = (written & 7) << 3;
  sharedStore(word, (sharedLoad(word) & ~((<u64>0xff) << shift)) | ((<u64>(byte & 0xff)) << shift));
  sharedStore(inputWrittenWord(vm), written + 1);
  return true;
}

/** How many bytes wait for VM `vm`. */
export function queuedInput(vm: u32): u32 {
  return <u32>(sharedLoad(inputWrittenWord(vm)) - sharedLoad(inputReadWord(vm)));
}

/** Byte `index` of those that wait, from 0 on. By the CPU that has the VM, as what follows. */
export function inputByte(vm: u32, index: u32): u8 {
  const at = sharedLoad(inputReadWord(vm)) + index;
  return <u8>(sharedLoad(wordOf(vm, at)) >> ((at & 7) << 3));
}

/** How many bytes were ever typed for it: it tells whether there are new ones. */
export function typedInput(vm: u32): u64 {
  return sharedLoad(inputWrittenWord(vm));
}

/** The first `count` bytes have been given to it. */
export function dropInput(vm: u32, count: u32): void {
  sharedStore(inputReadWord(vm), sharedLoad(inputReadWord(vm)) + count);
}

function wordOf(vm: u32, at: u64): u32 {
  return inputTextWord(vm) + <u32>((at % INPUT_BYTES) >> 3);
}
