// Where the instruction that exited ends. Where the processor does not tell it, the vmm decodes the instruction, once.

import { INSTRUCTION_RECORD_OFFSET, RECORDED_PLACE_BYTES, RECORDED_PLACES } from "../../shared/instruction-record";
import { RecordedPlace } from "../../shared/instruction-record";
import { ANSWER_NEXT_INSTRUCTION, EXIT_INSTRUCTION } from "../../shared/vcpu-page";
import { VMCB_NRIP, VMCB_RIP } from "../../x86/vmcb";
import { LEVEL_ERROR } from "../console/console";
import { readGuest } from "../hardware";
import { RESULT_NOT_HANDLED } from "../results";
import { askVmm, LONGEST_INSTRUCTION } from "../vcpu/answers";
import { KnownInstruction } from "./known-instruction";
import { SvmVcpu } from "./svm-vcpu";

/** A power of two. */
const ENTRIES: u32 = 16;
/** Of what a guest that mirrors the host executes, RDTSC alone exits and goes on (boot/vm_entry.asm). */
const RDTSC_BYTES: u32 = 2;
const PLACE_BYTES: u64 = 8;

/** The instructions that one vCPU exited at last. */
export class InstructionCache {
  private readonly entries: StaticArray<KnownInstruction>;

  constructor() {
    const entries = new StaticArray<KnownInstruction>(ENTRIES);
    for (let i: u32 = 0; i < ENTRIES; i++) entries[i] = new KnownInstruction();
    this.entries = entries;
  }

  at(rip: u64): KnownInstruction {
    return unchecked(this.entries[(<u32>rip) & (ENTRIES - 1)]);
  }
}

/**
 * The length of the instruction at RIP, which exited; 0 where it cannot be found, and the VM is stopped. The state is as at
 * the exit, as far as fetching goes.
 */
export function instructionLength(vcpu: SvmVcpu): u32 {
  const vmcb = vcpu.vmcb;
  const rip = vmcb.read64(VMCB_RIP);
  if (vcpu.hasNextRip) return <u32>(vmcb.read64(VMCB_NRIP) - rip);
  const known = vcpu.instructions.at(rip);
  return known.rip == rip && known.holds(vcpu.vm, vmcb) ? known.length : decodedLength(vcpu, rip);
}

/** Has the vmm decode the instruction, and remembers it. Index.ts exports it, to keep it out of the exit path's code. */
export function decodedLength(vcpu: SvmVcpu, rip: u64): u32 {
  if (vcpu.mirrorsHost) return RDTSC_BYTES;
  vcpu.saveState();
  const answer = askVmm(vcpu, EXIT_INSTRUCTION, 0);
  // What the vmm writes there is read once.
  const length = vcpu.shared.instructionLength;
  if (answer != ANSWER_NEXT_INSTRUCTION || length == 0 || length > LONGEST_INSTRUCTION) {
    const line = vcpu.say(LEVEL_ERROR).text("the vmm does not tell the length of the instruction at ");
    vcpu.describeExit(line);
    line.text("; this VM ends").end();
    vcpu.stop(RESULT_NOT_HANDLED);
    return 0;
  }
  remember(vcpu, rip, length);
  return length;
}

function remember(vcpu: SvmVcpu, rip: u64, length: u32): void {
  const known = vcpu.instructions.at(rip);
  const memory = vcpu.memory;
  const places = vcpu.shared.recordedPlaces;
  known.begin(rip, vcpu.shared.decodedRegister, vcpu.vmcb);
  // A vmm that records nothing is asked each time.
  if (places == 0 || places > RECORDED_PLACES) return;
  for (let i: u32 = 0; i < places; i++) {
    const place = changetype<RecordedPlace>(vcpu.page + INSTRUCTION_RECORD_OFFSET + i * RECORDED_PLACE_BYTES);
    const address = place.address;
    const mask = place.mask;
    if (address > memory.ramBytes - PLACE_BYTES) return;
    // Both ends: it may lie across two blocks of RAM.
    if (!memory.populateForVmm(address) || !memory.populateForVmm(address + PLACE_BYTES - 1)) return;
    known.add(<u32>address, readGuest(vcpu.vm, <u32>address), mask);
    // The vmm has read something else: the guest's other processors, or a device, may write there.
    if (((readGuest(vcpu.vm, <u32>address) ^ place.value) & mask) != 0) return;
  }
  known.end(length, vcpu.vmcb);
}
