// Where the instruction that exited ends. Where the processor does not tell it, the vmm decodes the instruction, once.

import {
  INSTRUCTION_RECORD_OFFSET,
  PAGING_PLACES,
  RECORDED_PLACE_BYTES,
  RECORDED_PLACES,
} from "../../shared/instruction-record";
import { RecordedPlace } from "../../shared/instruction-record";
import { ANSWER_NEXT_INSTRUCTION, EXIT_INSTRUCTION } from "../../shared/vcpu-page";
import { RFLAGS_RF, RFLAGS_TF } from "../../x86/control-registers";
import { SVM_EXIT_IOIO } from "../../x86/svm-exit-codes";
import {
  INTERRUPT_STATE_SHADOW,
  VMCB_EXITCODE,
  VMCB_EXITINFO2,
  VMCB_INTERRUPT_STATE,
  VMCB_NRIP,
  VMCB_RFLAGS,
  VMCB_RIP,
} from "../../x86/vmcb";
import { LEVEL_ERROR } from "../console/console";
import { GuestMemory } from "../guest-memory";
import { readGuest } from "../hardware";
import { RESULT_NOT_HANDLED } from "../results";
import { askVmm, LONGEST_INSTRUCTION } from "../vcpu/answers";
import { advanceBy, completeSpecial } from "./complete";
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
 * Goes on behind the instruction that exited, if that is known. In the way of nearly every exit: so this is one function, with
 * what advanceBy does, and with no question whether the processor tells the next RIP, as then no instruction is known.
 */
export function advanceToNext(vcpu: SvmVcpu): bool {
  const saved = vcpu.saved;
  const rip = saved.read64(VMCB_RIP);
  const known = vcpu.instructions.at(rip);
  if (known.rip != rip || !known.holds(vcpu.slot, saved)) return false;
  const next = rip + known.length;
  saved.write64(VMCB_RIP, next);
  const flags = saved.read64(VMCB_RFLAGS) & (RFLAGS_RF | RFLAGS_TF);
  const shadow = vcpu.vmcb.read64(VMCB_INTERRUPT_STATE) & INTERRUPT_STATE_SHADOW;
  const special = flags | shadow | ((rip ^ next) >> 32) | vcpu.exitsToTrace;
  return special == 0 || completeSpecial(vcpu, rip, next);
}

/** The same where it is not known. False where its end cannot be found: then the VM is stopped. */
export function advanceUnknown(vcpu: SvmVcpu): bool {
  const length = instructionLength(vcpu);
  if (length != 0) advanceBy(vcpu, length);
  return length != 0;
}

/**
 * The length of the instruction at RIP, which exited; 0 where it cannot be found, and the VM is stopped. The state is as at
 * the exit, as far as fetching goes.
 */
export function instructionLength(vcpu: SvmVcpu): u32 {
  const rip = vcpu.saved.read64(VMCB_RIP);
  // Of IN and OUT every processor tells it.
  if (vcpu.vmcb.read32(VMCB_EXITCODE) == SVM_EXIT_IOIO) return <u32>(vcpu.vmcb.read64(VMCB_EXITINFO2) - rip);
  return vcpu.hasNextRip ? <u32>(vcpu.vmcb.read64(VMCB_NRIP) - rip) : decodedLength(vcpu, rip);
}

/** Has the vmm decode the instruction at `rip`, which is RIP, and remembers it. As `instructionLength` else. */
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

/** The vmm has told the places of the paging entries, and last that of the instruction's bytes. */
function remember(vcpu: SvmVcpu, rip: u64, length: u32): void {
  const known = vcpu.instructions.at(rip);
  const slot = vcpu.slot;
  const places = vcpu.shared.recordedPlaces;
  known.begin(rip, vcpu.saved);
  // A vmm that records nothing is asked each time.
  if (places == 0 || places > RECORDED_PLACES) return;
  const last = places - 1;
  for (let i: u32 = 0; i < RECORDED_PLACES; i++) {
    const n = min(i, last);
    const place = changetype<RecordedPlace>(vcpu.page + INSTRUCTION_RECORD_OFFSET + n * RECORDED_PLACE_BYTES);
    const address = place.address;
    if (!isHeld(vcpu.memory, address)) return;
    // What the vmm decided on was something else, if another processor or a device wrote there meanwhile.
    if (((readGuest(slot, <u32>address) ^ place.value) & place.mask) != 0) return;
    if (i < PAGING_PLACES) known.addEntry(i, slot, <u32>address);
    else known.addBytes(slot, <u32>address, place.mask);
  }
  known.end(length, vcpu.saved);
}

/** Whether readGuest reaches eight bytes there, now and as long as the VM lives. They may lie across two blocks of RAM. */
function isHeld(memory: GuestMemory, address: u64): bool {
  if (address > memory.ramBytes - PLACE_BYTES) return false;
  return memory.populateForVmm(address) && memory.populateForVmm(address + PLACE_BYTES - 1);
}
