// VMLAUNCH and VMRESUME: the checks in the SDM's order, the guest's turn as its script has it, and the VM exit.
import { CONTROL_RULES } from "./control-checks.ts";
import { EntryState, firstBroken } from "./entry-state.ts";
import { Entry } from "./entry.ts";
import { EptTranslator } from "./ept-translator.ts";
import { deliverAtEntry, windowExit } from "./event-delivery.ts";
import type { Exit, Script } from "./exits.ts";
import { HostException, UD } from "./faults.ts";
import { Guest, Registers } from "./guest.ts";
import { GUEST_RULES } from "./guest-checks.ts";
import { LINK_POINTER_RULES } from "./link-pointer-checks.ts";
import { HOST_RULES } from "./host-checks.ts";
import { badMsrEntry } from "./msr-load-checks.ts";
import { PDPTE_RULES } from "./pdpte-checks.ts";
import { GDT, IDT, SELECTORS, TSS } from "./host-tables.ts";
import { allFields, control, field, msr, reason } from "./tables.ts";
import type { Vmcs } from "./vmcs.ts";
import { VM_FAIL_INVALID, VM_SUCCEED, type Outcome, type Vmx } from "./vmx.ts";

/** What stays in a field whose content the SDM does not define: using it must not go unnoticed. */
const UNDEFINED = 0x5a5an;
const ENTRY_FAILURE = 0x80000000;
/** Vector and type in the VM-exit interruption information, and those of an NMI. */
const EVENT = 0x7ffn;
const NMI = 0x202n;

/** Fields that VM entry loads without a check, or that rule how the guest runs, on every CPU. */
const alwaysLoaded = allFields
  .map(([name]) => name)
  .filter((name) =>
    /^GUEST_(RSP|RFLAGS|RIP|CR\d|([EDSFGC]S|TR|LDTR)_(SELECTOR|ACCESS_RIGHTS)|[GI]DTR_(BASE|LIMIT))$|^CR[04]_(GUEST_HOST_MASK|READ_SHADOW)$|^EXCEPTION_BITMAP$|^PAGE_FAULT_ERROR_CODE_|^HOST_RSP$|^GUEST_PENDING|_COUNT$/.test(
      name,
    ),
  );

export class VmEntry extends Entry {
  readonly #vmx: Vmx;
  readonly #memory: ArrayBuffer;
  readonly #memoryBase: bigint;
  readonly #hostMayChange: boolean;
  #accessesAtExit = 0;

  constructor(
    vmx: Vmx,
    memory: ArrayBuffer,
    memoryBase: bigint,
    script: (vcpu: number) => Script,
    hostMayChange = false,
  ) {
    super(script);
    this.#vmx = vmx;
    this.#memory = memory;
    this.#memoryBase = memoryBase;
    this.#hostMayChange = hostMayChange;
  }

  /** vmEnter of hv/core/hardware.ts. */
  enter(registersEnd: number, isResume: boolean): Outcome {
    const vmx = this.#vmx;
    const last = this.records.at(-1);
    if (last) last.accesses = vmx.accesses - this.#accessesAtExit;
    if (!vmx.isOn) throw new HostException(UD, "VM entry outside VMX operation");
    const vmcs = vmx.current;
    if (vmcs === null) return VM_FAIL_INVALID;
    if (!isResume && vmcs.isLaunched) return vmx.fail("VMLAUNCH_NON_CLEAR_VMCS");
    if (isResume && !vmcs.isLaunched) return vmx.fail("VMRESUME_NON_LAUNCHED_VMCS");

    const state = new EntryState(vmcs, vmx.capabilities, vmx.processor.model, vmx.memory);
    const broken = (rules: typeof CONTROL_RULES): boolean => {
      const rule = firstBroken(rules, state);
      if (rule !== null) this.brokenRules.push(rule);
      return rule !== null;
    };
    if (broken(CONTROL_RULES)) return vmx.fail("ENTRY_INVALID_CONTROL_FIELDS");
    if (broken(HOST_RULES)) return vmx.fail("ENTRY_INVALID_HOST_STATE_FIELDS");
    this.#requireHostStack(vmcs, registersEnd);
    if (broken(GUEST_RULES)) return this.#failEntry(vmcs, reason("EXIT_REASON_INVALID_GUEST_STATE"), 0n);
    if (broken(LINK_POINTER_RULES)) return this.#failEntry(vmcs, reason("EXIT_REASON_INVALID_GUEST_STATE"), 4n);
    if (broken(PDPTE_RULES)) return this.#failEntry(vmcs, reason("EXIT_REASON_INVALID_GUEST_STATE"), 2n);
    const badMsr = this.#badMsr(vmcs);
    if (badMsr !== 0) return this.#failEntry(vmcs, reason("EXIT_REASON_MSR_LOADING"), BigInt(badMsr));

    for (const name of alwaysLoaded) vmcs.get(name);
    vmcs.isLaunched = true;
    const registers = new Registers(this.#memory, registersEnd);
    const nested = new EptTranslator(vmcs, vmx.memory, vmx.processor.model.maximumPhysicalAddress, vmx.capabilities);
    const guest = new Guest(vmcs, registers, vmx.processor, vmx.memory, nested);
    this.delivered.push(deliverAtEntry(vmcs));
    this.#exit(guest, vmcs, this.#nextExit(guest, vmcs, isResume), isResume);
    return VM_SUCCEED;
  }

  /** The VMREADs and VMWRITEs of the last exit, which no entry followed. */
  finish(): void {
    const last = this.records.at(-1);
    if (last) last.accesses = this.#vmx.accesses - this.#accessesAtExit;
  }

  /** That of a window that is open, else the script's next one. */
  #nextExit(guest: Guest, vmcs: Vmcs, isResume: boolean): Exit {
    const window = isResume ? windowExit(vmcs) : null;
    if (window !== null) return { reason: window };
    return this.nextOfScript(guest, isResume);
  }

  #exit(guest: Guest, vmcs: Vmcs, exit: Exit, wasResume: boolean): void {
    for (const [name, value] of Object.entries(exit.registers ?? {})) guest.registers.set(name, value);
    if (exit.rip !== undefined) guest.rip = exit.rip;
    vmcs.set("EXIT_REASON", BigInt(exit.reason));
    vmcs.set("EXIT_QUALIFICATION", exit.qualification ?? 0n);
    vmcs.set("VM_EXIT_INSTRUCTION_LENGTH", BigInt(exit.instructionLength ?? UNDEFINED));
    vmcs.set("VM_EXIT_INTERRUPTION_INFORMATION", 0n);
    vmcs.set("IDT_VECTORING_INFORMATION", 0n);
    vmcs.set("GUEST_LINEAR_ADDRESS", UNDEFINED);
    if (exit.reason === reason("EXIT_REASON_EPT_VIOLATION")) vmcs.set("GUEST_PHYSICAL_ADDRESS", UNDEFINED);
    for (const [name, value] of Object.entries(exit.fields ?? {})) vmcs.set(name, value);
    const injection = field("VM_ENTRY_INTERRUPTION_INFORMATION");
    vmcs.write(injection, vmcs.read(injection) & 0x7fffffffn);
    if (exit.reason === reason("EXIT_REASON_EXTERNAL_INTERRUPT")) this.interruptIsPending = true;
    if (exit.reason === reason("EXIT_REASON_EXCEPTION_OR_NMI")) {
      this.nmisAreBlocked = (vmcs.get("VM_EXIT_INTERRUPTION_INFORMATION") & EVENT) === NMI;
    }
    this.#requireHostState(vmcs);
    this.#loadHostState(vmcs);
    this.records.push({ reason: exit.reason, rip: guest.rip, wasResume, accesses: 0 });
    this.#accessesAtExit = this.#vmx.accesses;
  }

  /** SDM 3C 27.8: an exit that leaves the launch state and the guest's state as they are. */
  #failEntry(vmcs: Vmcs, basic: number, qualification: bigint): Outcome {
    vmcs.set("EXIT_REASON", BigInt(ENTRY_FAILURE + basic));
    vmcs.set("EXIT_QUALIFICATION", qualification);
    this.#loadHostState(vmcs);
    return VM_SUCCEED;
  }

  /** What an exit loads is what the host had: nothing of the guest's stays, nothing of the host's is lost. */
  #requireHostState(vmcs: Vmcs): void {
    if (this.#hostMayChange) return;
    const { processor } = this.#vmx;
    const expected: Record<string, bigint> = {
      HOST_GDTR_BASE: GDT.base,
      HOST_IDTR_BASE: IDT.base,
      HOST_TR_BASE: TSS.base,
      HOST_CR0: processor.cr0,
      HOST_CR3: processor.cr3,
      HOST_CR4: processor.cr4,
    };
    for (const [i, name] of ["ES", "CS", "SS", "DS", "FS", "GS", null, "TR"].entries()) {
      if (name !== null) expected[`HOST_${name}_SELECTOR`] = SELECTORS[i]!;
    }
    for (const name of ["FS_BASE", "GS_BASE", "IA32_SYSENTER_CS", "IA32_SYSENTER_ESP", "IA32_SYSENTER_EIP"]) {
      expected[`HOST_${name}`] = processor.rdmsr(msr(name.startsWith("IA32_") ? name : `IA32_${name}`));
    }
    for (const [name, value] of Object.entries(expected)) {
      const found = vmcs.get(name);
      if (found !== value) throw new Error(`${name} is ${found.toString(16)}, but the host has ${value.toString(16)}`);
    }
  }

  #loadHostState(vmcs: Vmcs): void {
    const { processor } = this.#vmx;
    processor.cr0 = vmcs.read(field("HOST_CR0"));
    processor.cr3 = vmcs.read(field("HOST_CR3"));
    processor.cr4 = vmcs.read(field("HOST_CR4"));
  }

  /** The number of the entry in the MSR-load area that cannot be loaded, from 1 on; 0 where all can (SDM 3C 27.4). */
  #badMsr(vmcs: Vmcs): number {
    return badMsrEntry(vmcs, this.#vmx.memory, this.#vmx.processor.msrs);
  }

  /** boot/vm_entry.asm saves the guest's registers by pushing them: RSP must be where vmEnter was told. */
  #requireHostStack(vmcs: Vmcs, registersEnd: number): void {
    if (this.#hostMayChange) return;
    const expected = this.#memoryBase + BigInt(registersEnd);
    const found = vmcs.get("HOST_RSP");
    if (found !== expected) throw new Error(`HOST_RSP is ${found.toString(16)}, expected ${expected.toString(16)}`);
  }
}

/** The words of controls that a VMCS runs with, by name, for assertions. */
export function controlIsOn(vmcs: Vmcs, word: string, name: string): boolean {
  return (vmcs.read(field(word)) & control(name)) !== 0n;
}
