// One VM: its memory, its vmm instance and its vCPU, from creation to summary.

import { SECONDARY_ENABLE_VPID } from "../x86/vmx-controls";
import { IA32_VMX_BASIC, IA32_VMX_EPT_VPID_CAP } from "../x86/msr";
import { PAGE_SIZE_2_MIB } from "../x86/paging";
import { GUEST_HLT, GUEST_NAMES } from "../shared/guests";
import { ANSWER_RESUME, VCPU_PAGE_IN_VMM } from "../shared/vcpu-page";
import { LEVEL_ERROR, LEVEL_INFO } from "./console/console";
import { rdtsc, VM_SUCCEED, vmclear, vmmInstantiate, vmmMap, vmptrld } from "./hardware";
import { Machine } from "./machine";
import { Ept } from "./memory/ept";
import { ALL_PERMISSIONS } from "./memory/entry-format";
import { MAPPING_OK, mappingStatusText } from "./memory/mapping-status";
import { PAGE_BYTES } from "./memory/page-pool";
import { printSummary } from "./monitor/summary";
import {
  RESULT_EPT_UNUSABLE,
  RESULT_OK,
  RESULT_TOO_LITTLE_MEMORY,
  RESULT_VMCLEAR_FAILED,
  RESULT_VMM_NOT_CREATED,
  RESULT_VMM_STOPPED,
  RESULT_VMPTRLD_FAILED,
  RESULT_VPID_UNUSABLE,
} from "./results";
import { callVmm, VMM_ENTRY_CREATE, VMM_ENTRY_RESET, VMM_ENTRY_START, VMM_STOPPED } from "./vmm";
import { writeControlFields } from "./vmx/control-fields";
import { writeGuestState } from "./vmx/guest-state";
import { writeHostState } from "./vmx/host-state";
import { GuestTranslations, VpidInvalidation } from "./vmx/invalidate";
import { run } from "./vmx/run";
import { Vcpu } from "./vmx/vcpu";
import { vmxFailure } from "./vmx/vmx-failure";
import { allocateVmxRegion } from "./vmx/vmx-region";

/** RAM of a built-in guest. */
const RAM_BYTES: u64 = 16 << 20;
/** The vmm's statics and heap, from 3 GiB of its memory on (boot/runtime/vmm.h). */
const VMM_OWN_START: u64 = 0xc0000000;
const VMM_OWN_BYTES: u64 = PAGE_SIZE_2_MIB;

/** Creates VM `number`, runs built-in guest `guest` in it to its end, and prints the summary. The run's result. */
export function runGuest(machine: Machine, number: u32, guest: u32): u32 {
  const console = machine.console;
  console.info().text("vm").decimal(number).text(": guest ").text(GUEST_NAMES[guest]).text(", ");
  console
    .decimal(RAM_BYTES >> 20)
    .text(" MiB of RAM")
    .end();

  const page = machine.pool.allocateAdjacent(2);
  const vmcs = allocateVmxRegion(machine.pool, machine.capabilities.of(IA32_VMX_BASIC));
  const ram = machine.memory.allocate(RAM_BYTES, PAGE_SIZE_2_MIB);
  const own = machine.memory.allocate(VMM_OWN_BYTES, PAGE_SIZE_2_MIB);
  if (page == 0 || vmcs == 0 || ram == 0 || own == 0) return tooLittleMemory(machine, number);

  const eptCapabilities = machine.capabilities.of(IA32_VMX_EPT_VPID_CAP);
  const ept = new Ept(machine.pool, eptCapabilities, machine.mtrrs, machine.maximumPhysicalAddress);
  const hasVpid = machine.controls.secondary.has(SECONDARY_ENABLE_VPID);
  const vpid = new VpidInvalidation(hasVpid ? <u16>(number + 1) : 0, eptCapabilities);
  let status = vpid.checkSupport();
  if (status != MAPPING_OK) {
    console.error().text("vm").decimal(number).text(": ").text(mappingStatusText(status)).end();
    return RESULT_VPID_UNUSABLE;
  }
  status = ept.status == MAPPING_OK ? ept.map(0, ram, RAM_BYTES, ALL_PERMISSIONS) : ept.status;
  if (status != MAPPING_OK) {
    console.error().text("vm").decimal(number).text(": EPT: ").text(mappingStatusText(status)).end();
    return RESULT_EPT_UNUSABLE;
  }

  const vcpu = new Vcpu(number, console, page, vmcs, new GuestTranslations(ept.invalidation, vpid));
  let result = createVmm(machine, vcpu, guest, ram, own);
  if (result != RESULT_OK) return result;
  result = load(machine, vcpu);
  if (result != RESULT_OK) return result;
  writeControlFields(machine.controls, ept.pointer, vpid.vpid);
  writeHostState(vcpu, machine.controls);
  writeGuestState(vcpu, machine.controls, machine.capabilities);
  if (guest == GUEST_HLT) vcpu.haltsLeft = machine.options.iterations;
  console
    .debug()
    .text("vm")
    .decimal(number)
    .text(": EPTP ")
    .hex(ept.pointer, 16)
    .text(", VPID ")
    .decimal(vpid.vpid)
    .end();

  const start = rdtsc();
  run(vcpu);
  printSummary(vcpu, rdtsc() - start);
  // The VMCS leaves the processor before VMXOFF, which would lose what the processor keeps of it (SDM 3C 25.11.3).
  const outcome = vmclear(vmcs);
  if (outcome != VM_SUCCEED) {
    vmxFailure(console, "VMCLEAR", vmcs, outcome);
    return RESULT_VMCLEAR_FAILED;
  }
  return vcpu.result;
}

function tooLittleMemory(machine: Machine, number: u32): u32 {
  const line = machine.console.error().text("vm").decimal(number).text(": too little memory: ");
  line
    .decimal(machine.memory.freeBytes >> 20)
    .text(" MiB are free; a VM takes ")
    .decimal(RAM_BYTES >> 20);
  line.text(" MiB of RAM and 2 MiB for its vmm, each in one piece; ").decimal(machine.pool.available);
  line.text(" pages are left for its tables").end();
  return RESULT_TOO_LITTLE_MEMORY;
}

/** Maps the VM's memory into a vmm instance and lets it build the guest. */
function createVmm(machine: Machine, vcpu: Vcpu, guest: u32, ram: u64, own: u64): u32 {
  const isMapped =
    vmmMap(vcpu.vm, 0, ram, RAM_BYTES) == 0 &&
    vmmMap(vcpu.vm, VMM_OWN_START, own, VMM_OWN_BYTES) == 0 &&
    vmmMap(vcpu.vm, VCPU_PAGE_IN_VMM, machine.pool.physicalAddress(vcpu.page), PAGE_BYTES) == 0;
  if (!isMapped || vmmInstantiate(vcpu.vm) != 0) {
    vcpu.say(LEVEL_ERROR).text("no vmm instance: its memory could not be mapped").end();
    return RESULT_VMM_NOT_CREATED;
  }
  vcpu.shared.ramBytes = RAM_BYTES;
  vcpu.shared.guest = guest;
  vcpu.shared.iterations = machine.options.iterations;
  if (callVmm(vcpu, VMM_ENTRY_START, 0) == VMM_STOPPED) return RESULT_VMM_STOPPED;
  vcpu.vmmRoot = callVmm(vcpu, VMM_ENTRY_CREATE, VCPU_PAGE_IN_VMM);
  const answer = vcpu.vmmRoot == VMM_STOPPED ? VMM_STOPPED : callVmm(vcpu, VMM_ENTRY_RESET, vcpu.vmmRoot);
  vcpu.printVmmText(LEVEL_INFO);
  if (answer == ANSWER_RESUME) return RESULT_OK;
  if (answer == VMM_STOPPED) return RESULT_VMM_STOPPED;
  vcpu.say(LEVEL_ERROR).text("the vmm did not load its guest; its answer is ").decimal(answer).end();
  return RESULT_VMM_NOT_CREATED;
}

/** Makes the vCPU's VMCS current and clear. */
function load(machine: Machine, vcpu: Vcpu): u32 {
  let outcome = vmclear(vcpu.vmcs);
  if (outcome != VM_SUCCEED) {
    vmxFailure(machine.console, "VMCLEAR", vcpu.vmcs, outcome);
    return RESULT_VMCLEAR_FAILED;
  }
  outcome = vmptrld(vcpu.vmcs);
  if (outcome != VM_SUCCEED) {
    vmxFailure(machine.console, "VMPTRLD", vcpu.vmcs, outcome);
    return RESULT_VMPTRLD_FAILED;
  }
  return RESULT_OK;
}
