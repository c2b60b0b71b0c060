// The host-state area: what a VM exit loads (SDM 3C 25.5).

import { IA32_EFER, IA32_PAT } from "../../x86/msr";
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
import { hostState, memoryBase, rdmsr, readControlRegister, vmwrite } from "../hardware";
import { ExecutionControls } from "./execution-controls";
import { EXIT_LOAD_IA32_EFER, EXIT_LOAD_IA32_PAT } from "../../x86/vmx-controls";
import { Vcpu } from "./vcpu";

/** What only the runtime knows of the host; the layout is boot/runtime/runtime.h's. */
export class HostState {
  cs: u64 = 0;
  ss: u64 = 0;
  tr: u64 = 0;
  gdtBase: u64 = 0;
  idtBase: u64 = 0;
  trBase: u64 = 0;
  exitRip: u64 = 0;
  nmiCount: u64 = 0;

  read(): void {
    hostState(changetype<usize>(this));
  }
}

/** Writes the host-state area of the current VMCS, once: nothing of it changes while the VM lives. */
export function writeHostState(vcpu: Vcpu, controls: ExecutionControls): void {
  const host = new HostState();
  host.read();
  vmwrite(HOST_CR0, readControlRegister(0));
  vmwrite(HOST_CR3, readControlRegister(3));
  vmwrite(HOST_CR4, readControlRegister(4));
  vmwrite(HOST_CS_SELECTOR, host.cs);
  vmwrite(HOST_SS_SELECTOR, host.ss);
  vmwrite(HOST_DS_SELECTOR, host.ss);
  vmwrite(HOST_ES_SELECTOR, host.ss);
  vmwrite(HOST_FS_SELECTOR, 0);
  vmwrite(HOST_GS_SELECTOR, 0);
  vmwrite(HOST_TR_SELECTOR, host.tr);
  vmwrite(HOST_FS_BASE, 0);
  vmwrite(HOST_GS_BASE, 0);
  vmwrite(HOST_TR_BASE, host.trBase);
  vmwrite(HOST_GDTR_BASE, host.gdtBase);
  vmwrite(HOST_IDTR_BASE, host.idtBase);
  vmwrite(HOST_IA32_SYSENTER_CS, 0);
  vmwrite(HOST_IA32_SYSENTER_ESP, 0);
  vmwrite(HOST_IA32_SYSENTER_EIP, 0);
  if (controls.exit.has(EXIT_LOAD_IA32_PAT)) vmwrite(HOST_IA32_PAT, rdmsr(IA32_PAT));
  if (controls.exit.has(EXIT_LOAD_IA32_EFER)) vmwrite(HOST_IA32_EFER, rdmsr(IA32_EFER));
  vmwrite(HOST_RSP, memoryBase() + vcpu.registersEnd);
  vmwrite(HOST_RIP, host.exitRip);
}
