// Calls into a VM's vmm, and the report of one that was stopped.

import { vmmCall, vmmTrap, symbolAt } from "./hardware";
import { Console, LEVEL_ERROR } from "./console/console";
import { Vcpu } from "./vcpu/vcpu";
import { WORK_TICK } from "./vcpu/work";

// The entries of a vmm, numbered as boot/runtime/vmm.c orders them.
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
  "no memory left for the guest's RAM",
];
const KIND_OUT_OF_BOUNDS: u32 = 1;
const KIND_ABORT: u32 = 4;
const KIND_EXCEPTION: u32 = 8;
const NAME_BYTES: u32 = 120;

// boot/runtime/runtime.h's vmm_trap_record: this head, then the frames and two texts.
@unmanaged
class VmmTrapHead {
  kind: u32;
  line: u32;
  address: u64;
  frameCount: u32;
  messageLength: u32;
  fileLength: u32;
  reserved: u32;
}
const FRAMES_OFFSET: u32 = 32;
const FRAMES: u32 = 8;
const MESSAGE_OFFSET: u32 = FRAMES_OFFSET + FRAMES * 8;
const MESSAGE_BYTES: u32 = 120;
const FILE_OFFSET: u32 = MESSAGE_OFFSET + MESSAGE_BYTES;
const FILE_BYTES: u32 = 80;
const RECORD_BYTES: i32 = <i32>(FILE_OFFSET + FILE_BYTES);

/** Calls an entry; its answer, or VMM_STOPPED after a report on the console. */
export function callVmm(vcpu: Vcpu, entry: u32, argument: u32): u32 {
  const outcome = vmmCall(vcpu.slot, entry, argument);
  return outcome >> 32 == 0 ? <u32>outcome : reportStoppedVmm(vcpu);
}

/** Says what stopped the vmm, and where: the innermost functions by their AssemblyScript names. */
export function reportStoppedVmm(vcpu: Vcpu): u32 {
  // Whoever asked may have no use for the answer: no entry comes behind this.
  vcpu.hasStoppedVmm = true;
  vcpu.work |= WORK_TICK;
  const record = new StaticArray<u8>(RECORD_BYTES);
  vmmTrap(changetype<usize>(record));
  const head = changetype<VmmTrapHead>(record);
  const line = vcpu.say(LEVEL_ERROR).text("vmm stopped: ");
  line.text(head.kind < <u32>KINDS.length ? KINDS[head.kind] : "unknown trap");
  if (head.kind == KIND_OUT_OF_BOUNDS) line.text(" at ").hex(head.address, 8).text(" of its memory");
  if (head.kind == KIND_EXCEPTION) line.text(", vector or linear address ").hex(head.address);
  if (head.kind == KIND_ABORT) {
    bytes(line.text(": "), record, MESSAGE_OFFSET, min(head.messageLength, MESSAGE_BYTES));
    bytes(line.text(" at "), record, FILE_OFFSET, min(head.fileLength, FILE_BYTES));
    line.text(":").decimal(head.line);
  }
  line.text("; this VM ends, Basalt goes on").end();
  const name = new StaticArray<u8>(NAME_BYTES);
  for (let i: u32 = 0; i < min(head.frameCount, FRAMES); i++) {
    const address = changetype<Frame>(changetype<usize>(record) + FRAMES_OFFSET + i * 8).address;
    const length = symbolAt(address, changetype<usize>(name), NAME_BYTES);
    vcpu
      .say(LEVEL_ERROR)
      .text(i == 0 ? "  in   " : "  from ")
      .hex(address, 16)
      .text(" ");
    bytes(line, name, 0, length);
    line.end();
  }
  return VMM_STOPPED;
}

function bytes(line: Console, from: StaticArray<u8>, offset: u32, length: u32): void {
  for (let i = offset; i < offset + length; i++) line.byte(from[i]);
}

@unmanaged
class Frame {
  address: u64;
}
