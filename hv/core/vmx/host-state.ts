// The host-state area: what a VM exit loads (SDM 3C 25.5). It is the state that Basalt runs in, read from the CPU.

import {
  IA32_EFER,
  IA32_FS_BASE,
  IA32_GS_BASE,
  IA32_PAT,
  IA32_SYSENTER_CS,
  IA32_SYSENTER_EIP,
  IA32_SYSENTER_ESP,
} from "../../x86/msr";
import {
  HOST_CR0,
  HOST_CR3,
  HOST_CR4,
  HOST_CS_SELECTOR,
  HOST_DS_SELECTOR,
  HOST_ES_SELECTOR,
  HOST_FS_BASE,
  HOST_FS_SELECTOR,
  HOST_GDTR_BASE,
  HOST_GS_BASE,
  HOST_GS_SELECTOR,
  HOST_IA32_EFER,
  HOST_IA32_PAT,
  HOST_IA32_SYSENTER_CS,
  HOST_IA32_SYSENTER_EIP,
  HOST_IA32_SYSENTER_ESP,
  HOST_IDTR_BASE,
  HOST_RIP,
  HOST_RSP,
  HOST_SS_SELECTOR,
  HOST_TR_BASE,
  HOST_TR_SELECTOR,
} from "../../x86/vmcs-fields";
import { EXIT_LOAD_IA32_EFER, EXIT_LOAD_IA32_PAT } from "../../x86/vmx-controls";
import {
  memoryBase,
  rdmsr,
  readRegister,
  REGISTER_CR0,
  REGISTER_CR3,
  REGISTER_CR4,
  REGISTER_CS,
  REGISTER_DS,
  REGISTER_ES,
  REGISTER_FS,
  REGISTER_GS,
  REGISTER_SS,
  REGISTER_TR,
  vmExitAddress,
  vmwrite,
} from "../hardware";
import { hostTrBase, TableRegisters } from "../vcpu/host-tables";
import { ExecutionControls } from "./execution-controls";
import { Vcpu } from "../vcpu/vcpu";

/** Writes the host-state area of the current VMCS: nothing of it changes while the VM stays on one processor. */
export function writeHostState(vcpu: Vcpu, controls: ExecutionControls): void {
  const tables = new TableRegisters();
  vmwrite(HOST_CR0, readRegister(REGISTER_CR0));
  vmwrite(HOST_CR3, readRegister(REGISTER_CR3));
  vmwrite(HOST_CR4, readRegister(REGISTER_CR4));
  vmwrite(HOST_ES_SELECTOR, readRegister(REGISTER_ES));
  vmwrite(HOST_CS_SELECTOR, readRegister(REGISTER_CS));
  vmwrite(HOST_SS_SELECTOR, readRegister(REGISTER_SS));
  vmwrite(HOST_DS_SELECTOR, readRegister(REGISTER_DS));
  vmwrite(HOST_FS_SELECTOR, readRegister(REGISTER_FS));
  vmwrite(HOST_GS_SELECTOR, readRegister(REGISTER_GS));
  vmwrite(HOST_TR_SELECTOR, readRegister(REGISTER_TR));
  vmwrite(HOST_FS_BASE, rdmsr(IA32_FS_BASE));
  vmwrite(HOST_GS_BASE, rdmsr(IA32_GS_BASE));
  vmwrite(HOST_TR_BASE, hostTrBase(tables.gdtrBase));
  vmwrite(HOST_GDTR_BASE, tables.gdtrBase);
  vmwrite(HOST_IDTR_BASE, tables.idtrBase);
  vmwrite(HOST_IA32_SYSENTER_CS, rdmsr(IA32_SYSENTER_CS));
  vmwrite(HOST_IA32_SYSENTER_ESP, rdmsr(IA32_SYSENTER_ESP));
  vmwrite(HOST_IA32_SYSENTER_EIP, rdmsr(IA32_SYSENTER_EIP));
  if (controls.exit.has(EXIT_LOAD_IA32_PAT)) vmwrite(HOST_IA32_PAT, rdmsr(IA32_PAT));
  if (controls.exit.has(EXIT_LOAD_IA32_EFER)) vmwrite(HOST_IA32_EFER, rdmsr(IA32_EFER));
  vmwrite(HOST_RSP, memoryBase() + vcpu.registersEnd);
  vmwrite(HOST_RIP, vmExitAddress());
}
