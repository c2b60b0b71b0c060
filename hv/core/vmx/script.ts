// The boot option vmx-script: VMX instructions that fail in every way that software can bring about, each told in a
// line. test/boot/vmx-script.test.ts holds the lines of an emulator against those of the tests' simulated processor.

import { IA32_VMX_BASIC, IA32_VMX_EPT_VPID_CAP, X2APIC_MSR_FIRST } from "../../x86/msr";
import {
  EXIT_REASON,
  GUEST_CS_SELECTOR,
  GUEST_GDTR_LIMIT,
  GUEST_RSP,
  VM_ENTRY_MSR_LOAD_ADDRESS,
  VM_ENTRY_MSR_LOAD_COUNT,
  VMCS_LINK_POINTER,
} from "../../x86/vmcs-fields";
import { VMX_BASIC_REVISION_IDENTIFIER_MASK, VPID_CAP_INVVPID } from "../../x86/vmx-capabilities";
import { invept, invvpid, vmclear, vmptrld, vmxon } from "../hardware";
import { defaultName } from "../boot/vm-description";
import { GuestMemory } from "../guest-memory";
import { Machine } from "../machine";
import { Ept } from "./ept/ept";
import { PAGE_BYTES } from "../memory/page-pool";
import { RESULT_OK, RESULT_TOO_LITTLE_MEMORY } from "../results";
import { writeControlFields } from "./control-fields";
import { ExecutionControls } from "./execution-controls";
import { writeHostState } from "./host-state";
import { GuestTranslations, VpidInvalidation } from "./invalidate";
import { breakControlRules, breakGuestRules, breakHostRules } from "./script-rules";
import { ScriptSteps } from "./script-steps";
import { startState } from "../vcpu/start-states";
import { Vmx } from "./vmx";
import { VmxVcpu } from "./vmx-vcpu";
import { KIND_64_BIT } from "../guest-kinds";
import { allocateVmxRegion } from "./vmx-region";

const ACCESS_HIGH: u32 = 1;
/** Its type and width are right, its index (511) is none of a field. */
const UNKNOWN_FIELD: u32 = 0x43fe;
const RESERVED_BIT_OF_ENCODING: u32 = 1 << 12;
const BEYOND_MAXPHYADDR: u64 = 0x8000000000000;
const VPID: u16 = 1;

/** Runs the script in VMX operation, with no VMCS current. It leaves no VMCS current. */
export function runScript(machine: Machine, vmx: Vmx): u32 {
  const basic = vmx.capabilities.of(IA32_VMX_BASIC);
  const vmcs = allocateVmxRegion(machine.pool, basic);
  const wrong = allocateVmxRegion(machine.pool, basic ^ VMX_BASIC_REVISION_IDENTIFIER_MASK);
  const page = machine.pool.allocateAdjacent(2);
  const root = machine.pool.allocate();
  if (vmcs == 0 || wrong == 0 || page == 0 || root == 0) return RESULT_TOO_LITTLE_MEMORY;
  // `vmcs` is the pool's second page: VmxOperation took the first one.
  const vmxonPointer = vmcs - PAGE_BYTES;

  const capabilities = vmx.capabilities.of(IA32_VMX_EPT_VPID_CAP);
  const ept = new Ept(machine.pool, capabilities, machine.mtrrs, machine.maximumPhysicalAddress);
  const translations = new GuestTranslations(ept, new VpidInvalidation(VPID, capabilities));
  const memory = new GuestMemory(machine, 0, defaultName(0), 0, machine.pool, 0);
  const vcpu = new VmxVcpu(machine, vmx, 0, KIND_64_BIT, page, vmcs, 0, memory, translations);
  vcpu.shared.startCr3 = machine.pool.physicalAddress(root);
  // Also on a CPU that lacks what Basalt requires, as far as it goes: no guest is to run.
  const controls = new ExecutionControls(vmx.capabilities, KIND_64_BIT);
  const script = new ScriptSteps(machine, vcpu, controls, startState(KIND_64_BIT, vcpu.shared), vmx.capabilities);

  withoutVmcs(script, vmcs, wrong, vmxonPointer);
  withCurrentVmcs(script, vmcs, wrong, vmxonPointer);
  accessFields(script);
  invalidate(vmx, script, controls, ept.pointer);
  enter(machine, script, vcpu, controls, ept.pointer);
  script.tell("VMCLEAR of the current VMCS", vmclear(vmcs));
  script.read("VMREAD after VMCLEAR of the current VMCS", VMCS_LINK_POINTER);
  return RESULT_OK;
}

function withoutVmcs(script: ScriptSteps, vmcs: u64, wrong: u64, vmxonPointer: u64): void {
  script.read("VMREAD, no VMCS current", VMCS_LINK_POINTER);
  script.write("VMWRITE, no VMCS current", VMCS_LINK_POINTER, 0);
  script.enter("VMLAUNCH, no VMCS current", 0);
  script.enter("VMRESUME, no VMCS current", 1);
  script.tell("VMXON in VMX root operation, no VMCS current", vmxon(vmxonPointer));
  script.tell("VMCLEAR of the VMXON pointer, no VMCS current", vmclear(vmxonPointer));
  script.tell("VMPTRLD with a wrong revision identifier, no VMCS current", vmptrld(wrong));
  script.tell("VMCLEAR", vmclear(vmcs));
  script.tell("VMPTRLD", vmptrld(vmcs));
}

function withCurrentVmcs(script: ScriptSteps, vmcs: u64, wrong: u64, vmxonPointer: u64): void {
  script.tell("VMPTRLD of the current VMCS", vmptrld(vmcs));
  script.tell("VMXON in VMX root operation", vmxon(vmxonPointer));
  script.tell("VMXON in VMX root operation, misaligned", vmxon(vmxonPointer + 1));
  script.tell("VMCLEAR of a misaligned address", vmclear(vmcs + 8));
  script.tell("VMCLEAR beyond MAXPHYADDR", vmclear(vmcs | BEYOND_MAXPHYADDR));
  script.tell("VMCLEAR of the VMXON pointer", vmclear(vmxonPointer));
  script.tell("VMPTRLD of a misaligned address", vmptrld(vmcs + 8));
  script.tell("VMPTRLD beyond MAXPHYADDR", vmptrld(vmcs | BEYOND_MAXPHYADDR));
  script.tell("VMPTRLD of the VMXON pointer", vmptrld(vmxonPointer));
  script.tell("VMPTRLD with a wrong revision identifier", vmptrld(wrong));
}

function accessFields(script: ScriptSteps): void {
  script.read("VMREAD of an unknown field", UNKNOWN_FIELD);
  script.write("VMWRITE of an unknown field", UNKNOWN_FIELD, 0);
  script.read("VMREAD with a reserved bit in the encoding", VMCS_LINK_POINTER | RESERVED_BIT_OF_ENCODING);
  script.read("VMREAD of the high half of a 32-bit field", GUEST_GDTR_LIMIT | ACCESS_HIGH);
  script.write("VMWRITE of a read-only field", EXIT_REASON, 12);
  script.read("VMREAD of a 32-bit read-only field", EXIT_REASON);
  script.write("VMWRITE of a 16-bit field with more bits", GUEST_CS_SELECTOR, 0x123456789abcdef0);
  script.read("VMREAD of a 16-bit field", GUEST_CS_SELECTOR);
  script.write("VMWRITE of a 32-bit field with more bits", GUEST_GDTR_LIMIT, 0x123456789abcdef0);
  script.read("VMREAD of a 32-bit field", GUEST_GDTR_LIMIT);
  script.write("VMWRITE of a 64-bit field", VMCS_LINK_POINTER, 0x123456789abcdef0);
  script.read("VMREAD of the high half of a 64-bit field", VMCS_LINK_POINTER | ACCESS_HIGH);
  script.write("VMWRITE of the high half of a 64-bit field", VMCS_LINK_POINTER | ACCESS_HIGH, 0xfedcba9876543210);
  script.read("VMREAD of a 64-bit field", VMCS_LINK_POINTER);
  script.write("VMWRITE of a natural-width field", GUEST_RSP, 0x123456789abcdef0);
  script.read("VMREAD of a natural-width field", GUEST_RSP);
}

// INVEPT and INVVPID are #UD where the CPU has no EPT or VPID.
function invalidate(vmx: Vmx, script: ScriptSteps, controls: ExecutionControls, eptp: u64): void {
  if (controls.hasEpt) {
    script.tell("INVEPT type 0", invept(0, eptp));
    script.tell("INVEPT type 1, single-context", invept(1, eptp));
    script.tell("INVEPT type 1 with memory type 3", invept(1, eptp ^ 5));
    script.tell("INVEPT type 1 beyond MAXPHYADDR", invept(1, eptp | BEYOND_MAXPHYADDR));
    script.tell("INVEPT type 2, all contexts", invept(2, 0));
    script.tell("INVEPT type 3", invept(3, eptp));
  }
  if (vmx.capabilities.of(IA32_VMX_EPT_VPID_CAP) & VPID_CAP_INVVPID) {
    script.tell("INVVPID type 0, individual address", invvpid(0, VPID, 0x1000));
    script.tell("INVVPID type 0 with VPID 0", invvpid(0, 0, 0x1000));
    script.tell("INVVPID type 0 with an address that is not canonical", invvpid(0, VPID, 0x800000000000));
    script.tell("INVVPID type 1, single-context", invvpid(1, VPID, 0));
    script.tell("INVVPID type 1 with VPID 0", invvpid(1, 0, 0));
    script.tell("INVVPID type 2, all contexts", invvpid(2, 0, 0));
    script.tell("INVVPID type 3, single-context, globals stay", invvpid(3, VPID, 0));
    script.tell("INVVPID type 3 with VPID 0", invvpid(3, 0, 0));
    script.tell("INVVPID type 4", invvpid(4, VPID, 0));
  }
}

function enter(machine: Machine, script: ScriptSteps, vcpu: VmxVcpu, controls: ExecutionControls, eptp: u64): void {
  script.enter("VMRESUME of a clear VMCS", 1);
  script.enter("VMLAUNCH with controls of zero", 0);
  // A page of zeroes serves as the MSR bitmap.
  writeControlFields(controls, eptp, VPID, vcpu.shared.startCr3);
  script.enter("VMLAUNCH with a host state of zero", 0);
  writeHostState(vcpu, controls);
  script.enter("VMLAUNCH with a guest state of zero", 0);
  script.writeGuestState();
  breakControlRules(script);
  breakHostRules(script);
  breakGuestRules(script);
  loadForbiddenMsr(machine, script);

  // The guest has no memory but its root page table, if that: its first fetch exits.
  script.enter("VMLAUNCH", 0);
  script.enter("VMLAUNCH of a launched VMCS", 0);
  script.enter("VMRESUME", 1);
  script.tell("VMCLEAR of a launched VMCS", vmclear(vcpu.vmcs));
  script.tell("VMPTRLD after VMCLEAR", vmptrld(vcpu.vmcs));
  script.enter("VMRESUME after VMCLEAR", 1);
}

/** VMLAUNCH with an MSR-load area of one entry that no CPU takes (SDM 3C 27.4). */
function loadForbiddenMsr(machine: Machine, script: ScriptSteps): void {
  // An entry starts with the MSR's index, as a VMX region does with its revision identifier.
  const area = allocateVmxRegion(machine.pool, X2APIC_MSR_FIRST);
  script
    .with(VM_ENTRY_MSR_LOAD_ADDRESS, area)
    .sets("an x2APIC register in the entry MSR-load area", VM_ENTRY_MSR_LOAD_COUNT, 1);
}
