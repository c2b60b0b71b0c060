// Calls into a VM's vmm, and the report of one that was stopped.

import { vmmCall, vmmTrap, symbolAt } from "./hardware";
import { LEVEL_ERROR } from "./console/console";
import { Vcpu } from "./vmx/vcpu";

// The entries of a vmm, numbered as boot/runtime/vmm.h numbers them.
export const VMM_ENTRY_START: u32 = 0;
export const VMM_ENTRY_CREATE: u32 = 1;
export const VMM_ENTRY_RESET: u32 = 2;
export const VMM_ENTRY_EXIT: u32 = 3;

/** What `callVmm` returns for a call that did not return; no answer of a vmm is this large. */
export const VMM_STOPPED: u32 = 0xffffffff;

/** Kinds of traps, numbered as in boot/runtime/runtime.h. */
const KINDS: StaticArray<string> = [
  "",
  "out-of-bounds access",
  "stack exhausted",
  "unreachable",
  "failed assertion",
  "time budget spent",
  "arithmetic trap",
  "indirect call of a wrong type",
  "processor exception",
];
const KIND_OUT_OF_BOUNDS: u32 = 1;
const KIND_ABORT: u32 = 4;
const FRAMES: u32 = 8;
const TEXT_BYTES: u32 = 160;
const NAME_BYTES: u32 = 120;

/** boot/runtime/runtime.h's vmm_trap_record. */
@unmanaged
class VmmTrapHead {
  kind: u32;
  vector: u32;
  address: u64;
  frameCount: u32;
  textLength: u32;
}
const HEAD_BYTES: u32 = 24;

/** Calls an entry; its answer, or VMM_STOPPED after a report on the console. */
export function callVmm(vcpu: Vcpu, entry: u32, argument: u32): u32 {
  const outcome = vmmCall(vcpu.vm, entry, argument);
  if (outcome >> 32 == 0) return min(<u32>outcome, VMM_STOPPED - 1);
  report(vcpu);
  return VMM_STOPPED;
}

/** Says what stopped the vmm, and where: the innermost functions by their AssemblyScript names. */
function report(vcpu: Vcpu): void {
  const record = new StaticArray<u8>(HEAD_BYTES + FRAMES * 8 + TEXT_BYTES);
  const name = new StaticArray<u8>(NAME_BYTES);
  vmmTrap(changetype<usize>(record));
  const head = changetype<VmmTrapHead>(record);
  const line = vcpu.say(LEVEL_ERROR).text("vmm stopped: ");
  line.text(head.kind < <u32>KINDS.length ? KINDS[head.kind] : "unknown trap");
  if (head.kind == KIND_OUT_OF_BOUNDS) line.text(" at ").hex(head.address, 8).text(" of its memory");
  if (head.kind == KIND_ABORT) {
    line.text(": ");
    for (let i: u32 = 0; i < min(head.textLength, TEXT_BYTES); i++) line.byte(record[HEAD_BYTES + FRAMES * 8 + i]);
  }
  line.text("; this VM ends, Basalt goes on").end();
  for (let i: u32 = 0; i < min(head.frameCount, FRAMES); i++) {
    const address = changetype<Frame>(changetype<usize>(record) + HEAD_BYTES + i * 8).address;
    const length = symbolAt(address, changetype<usize>(name), NAME_BYTES);
    vcpu.say(LEVEL_ERROR).text(i == 0 ? "  in   " : "  from ").hex(address, 16).text(" ");
    for (let n: u32 = 0; n < length; n++) line.byte(name[n]);
    line.end();
  }
}

@unmanaged
class Frame {
  address: u64;
}
