// One VM: its memory, its vmm instance and its vCPU, from creation to summary.

import { EXIT_REASON_HLT } from "../x86/exit-reasons";
import { IA32_VMX_BASIC, IA32_VMX_EPT_VPID_CAP } from "../x86/msr";
import { GUEST_EPT, GUEST_HLT, GUEST_NAMES, GUEST_RDTSC, GUEST_REAL } from "../shared/guests";
import { LEVEL_DEBUG, LEVEL_ERROR, LEVEL_INFO } from "./console/console";
import { GuestMemory, RAM_BYTES, tooLittleMemory } from "./guest-memory";
import { rdtsc, VM_SUCCEED, vmclear, vmptrld } from "./hardware";
import { Machine } from "./machine";
import { PAGE_BYTES } from "./memory/page-pool";
import { spoilEntry } from "./monitor/fail";
import { printSummary } from "./monitor/summary";
import {
  RESULT_ENTRY_FAILED,
  RESULT_ENTRY_FAILED_BY_STATE,
  RESULT_ENTRY_REFUSED_BY_DOCTOR,
  RESULT_OK,
  RESULT_VMCLEAR_FAILED,
  RESULT_VMPTRLD_FAILED,
} from "./results";
import { createVmm } from "./vmm-instance";
import { writeControlFields } from "./vmx/control-fields";
import { ExecutionControls } from "./vmx/execution-controls";
import { confirmEnd } from "./vmx/exits";
import { writeHostState } from "./vmx/host-state";
import { GuestTranslations, VpidInvalidation } from "./vmx/invalidate";
import { mirroredState } from "./vmx/mirrored-state";
import { run } from "./vmx/run";
import { startState } from "./vmx/start-states";
import { Vcpu } from "./vmx/vcpu";
import { GUEST_KINDS, mirrorsHost } from "./vmx/vm-kinds";
import { vmxFailure } from "./vmx/vmx-failure";
import { allocateVmxRegion } from "./vmx/vmx-region";

/** The most that the guest `rdtsc` executes RDTSC, whatever `iterations` says: that it works is soon seen. */
const MAXIMUM_RDTSCS: u64 = 1000;

/** Creates VM `number`, runs built-in guest `guest` in it to its end, and prints the summary. The run's result. */
export function runGuest(machine: Machine, number: u32, guest: u32): u32 {
  const pool = machine.pool;
  const kind = GUEST_KINDS[guest];
  const controls = machine.controlsOf(kind);
  announce(machine, number, guest, controls);
  let result = controls.check(machine.console);
  if (result != RESULT_OK) return refuse(machine, number, guest, result);

  const pagesBefore = pool.inUse;
  const page = pool.allocateAdjacent(2);
  const vmcs = allocateVmxRegion(pool, machine.capabilities.of(IA32_VMX_BASIC));
  if (page == 0 || vmcs == 0) return tooLittleMemory(machine, number);
  const vpidNumber = controls.hasVpid ? <u16>(number + 1) : 0;
  const vpid = new VpidInvalidation(vpidNumber, machine.capabilities.of(IA32_VMX_EPT_VPID_CAP));
  const memory = new GuestMemory(machine, number);
  result = mirrorsHost(kind) ? memory.shareImage(controls.hasEpt) : memory.takeRam();
  if (result != RESULT_OK) return result;

  const taken = pool.inUse - pagesBefore;
  const translations = new GuestTranslations(memory.invalidation, vpid);
  const vcpu = new Vcpu(number, machine.console, page, vmcs, translations);
  vcpu.mirrorsHost = mirrorsHost(kind);
  if (!vcpu.mirrorsHost) result = createVmm(machine, vcpu, guest, memory);
  if (result == RESULT_OK) result = load(vcpu);
  if (result != RESULT_OK) return result;
  writeControlFields(controls, memory.eptPointer, vpid.vpid);
  writeHostState(vcpu, controls);
  const state = vcpu.mirrorsHost ? mirroredState(vcpu) : startState(kind, vcpu.shared, machine.capabilities);
  state.write(controls);
  setCounts(vcpu, guest, machine.options.iterations);
  vcpu.say(LEVEL_DEBUG).text("EPTP ").hex(memory.eptPointer, 16).text(", VPID ").decimal(vpid.vpid).end();

  spoilEntry(machine.options.fail);

  const mayRun = mayEnter(machine, vcpu, memory);
  const start = rdtsc();
  if (mayRun) run(vcpu);
  const ticks = rdtsc() - start;
  explainFailedEntry(machine, vcpu, memory);
  if (vcpu.result == RESULT_OK && vcpu.exitReason == EXIT_REASON_HLT) confirmEnd(vcpu);
  printSummary(vcpu, ticks);
  result = unload(vcpu);
  if (result != RESULT_OK) return result;
  memory.release();
  pool.free(pool.pointer(vmcs));
  if (vcpu.mirrorsHost) {
    // A vmm's memory would still map the vCPU page.
    pool.free(page);
    pool.free(page + PAGE_BYTES);
    const given = taken - (pool.inUse - pagesBefore);
    const line = vcpu.say(LEVEL_INFO).text("back in the host: the VMCS is cleared, ").decimal(given);
    line.text(" of ").decimal(taken).text(" pages are given back").end();
  }
  return vcpu.result;
}

/** With `doctor=strict`: judges the VMCS before its first entry. False where a rule of VM entry is violated. */
function mayEnter(machine: Machine, vcpu: Vcpu, memory: GuestMemory): bool {
  if (!machine.options.isDoctorStrict || machine.entryDoctor.examine(vcpu, memory)) return true;
  vcpu.say(LEVEL_ERROR).text("the VMCS breaks rules of VM entry; Basalt does not enter (doctor=strict)").end();
  machine.entryDoctor.print(vcpu);
  vcpu.stop(RESULT_ENTRY_REFUSED_BY_DOCTOR);
  return false;
}

/** After an entry that failed: every rule that the VMCS violates. */
function explainFailedEntry(machine: Machine, vcpu: Vcpu, memory: GuestMemory): void {
  if (vcpu.result != RESULT_ENTRY_FAILED && vcpu.result != RESULT_ENTRY_FAILED_BY_STATE) return;
  machine.entryDoctor.examine(vcpu, memory);
  machine.entryDoctor.print(vcpu);
}

function announce(machine: Machine, number: u32, guest: u32, controls: ExecutionControls): void {
  const line = machine.console.info().text("vm").decimal(number).text(": guest ").text(GUEST_NAMES[guest]).text(", ");
  if (mirrorsHost(GUEST_KINDS[guest])) {
    line
      .text("in Basalt's own memory, ")
      .text(controls.hasEpt ? "with EPT" : "without EPT")
      .end();
  } else {
    line
      .decimal(RAM_BYTES >> 20)
      .text(" MiB of RAM")
      .end();
  }
}

function refuse(machine: Machine, number: u32, guest: u32, result: u32): u32 {
  const line = machine.console.error().text("vm").decimal(number).text(": guest ").text(GUEST_NAMES[guest]);
  line.text(" does not run on this CPU").end();
  return result;
}

/** How often the guest does what it does before it ends. */
function setCounts(vcpu: Vcpu, guest: u32, iterations: u64): void {
  if (guest == GUEST_HLT || guest == GUEST_EPT) vcpu.haltsLeft = iterations;
  if (guest == GUEST_REAL) vcpu.haltsLeft = 1;
  if (guest == GUEST_RDTSC) vcpu.registers.rcx = min(iterations, MAXIMUM_RDTSCS);
}

/** Makes the vCPU's VMCS current and clear. */
function load(vcpu: Vcpu): u32 {
  const result = unload(vcpu);
  if (result != RESULT_OK) return result;
  const outcome = vmptrld(vcpu.vmcs);
  if (outcome == VM_SUCCEED) return RESULT_OK;
  vmxFailure(vcpu.console, "VMPTRLD", vcpu.vmcs, outcome);
  return RESULT_VMPTRLD_FAILED;
}

/** VMCLEAR: before VMXOFF too, which would lose what the processor keeps of the VMCS (SDM 3C 25.11.3). */
function unload(vcpu: Vcpu): u32 {
  const outcome = vmclear(vcpu.vmcs);
  if (outcome == VM_SUCCEED) return RESULT_OK;
  vmxFailure(vcpu.console, "VMCLEAR", vcpu.vmcs, outcome);
  return RESULT_VMCLEAR_FAILED;
}
