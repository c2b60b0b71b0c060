// What VM entry does about events: injection, pending debug exceptions, windows (SDM 3C 27.6, 27.7.1 and 27.7.3).
import { has } from "./bits.ts";
import { control, field, reason } from "./tables.ts";
import type { Vmcs } from "./vmcs.ts";

/** An event that reached the guest's IDT. */
export interface Delivered {
  /** As in the VM-entry interruption information, without the bit for a valid field. */
  readonly event: number;
  readonly errorCode?: number;
  readonly instructionLength?: number;
  /** RFLAGS as they were pushed. */
  readonly rflags: bigint;
}

const VALID = 1n << 31n;
const HAS_ERROR_CODE = 1n << 11n;
const TYPE = 0x700n;
const TYPE_NMI = 0x200n;
const TYPE_PRIVILEGED_SOFTWARE_EXCEPTION = 0x500n;
const FIRST_SOFTWARE_TYPE = 0x400n;
const STI = 1n;
const MOV_SS = 2n;
const NMI_BLOCKING = 8n;
const PENDING_VALID = (1n << 12n) | (1n << 14n);
const DEBUG_EXCEPTION = 0x301;
const IF = 1n << 9n;
/** TF, IF (by way of an interrupt gate), NT and RF. */
const CLEARED_BY_DELIVERY = 0x14300n;

const flags = (vmcs: Vmcs): bigint => vmcs.read(field("GUEST_RFLAGS"));
const blocking = (vmcs: Vmcs): bigint => vmcs.read(field("GUEST_INTERRUPTIBILITY_STATE"));
const isOn = (vmcs: Vmcs, word: string, name: string): boolean => has(vmcs.read(field(word)), control(name));
const primary = "PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS";
const hasVirtualNmis = (vmcs: Vmcs): boolean => isOn(vmcs, "PIN_BASED_VM_EXECUTION_CONTROLS", "PIN_VIRTUAL_NMIS");

/** Delivers what an entry has to deliver, in order: the injected event, then a debug trap that it does not discard. */
export function deliverAtEntry(vmcs: Vmcs): Delivered[] {
  const information = vmcs.get("VM_ENTRY_INTERRUPTION_INFORMATION");
  const pending = vmcs.get("GUEST_PENDING_DEBUG_EXCEPTIONS");
  if (has(information, VALID)) return [inject(vmcs, information, pending)];
  if (!has(pending, PENDING_VALID) || has(blocking(vmcs), MOV_SS)) return [];
  return [deliver(vmcs, { event: DEBUG_EXCEPTION, rflags: flags(vmcs) })];
}

function inject(vmcs: Vmcs, information: bigint, pending: bigint): Delivered {
  const type = information & TYPE;
  const isDiscarding = type < FIRST_SOFTWARE_TYPE || type === TYPE_PRIVILEGED_SOFTWARE_EXCEPTION;
  const hasTrap = has(pending, PENDING_VALID) && !isDiscarding && has(blocking(vmcs), MOV_SS);
  if (hasTrap) throw new Error("teach the machine a debug trap that waits behind a software interrupt");
  const delivered = deliver(vmcs, {
    event: Number(information & ~VALID),
    ...(has(information, HAS_ERROR_CODE) && { errorCode: Number(vmcs.get("VM_ENTRY_EXCEPTION_ERROR_CODE")) }),
    ...(type >= FIRST_SOFTWARE_TYPE && { instructionLength: Number(vmcs.get("VM_ENTRY_INSTRUCTION_LENGTH")) }),
    rflags: flags(vmcs),
  });
  if (type === TYPE_NMI && hasVirtualNmis(vmcs)) {
    vmcs.set("GUEST_INTERRUPTIBILITY_STATE", blocking(vmcs) | NMI_BLOCKING);
  }
  return delivered;
}

function deliver(vmcs: Vmcs, event: Delivered): Delivered {
  vmcs.set("GUEST_INTERRUPTIBILITY_STATE", blocking(vmcs) & ~(STI | MOV_SS));
  vmcs.set("GUEST_PENDING_DEBUG_EXCEPTIONS", 0n);
  vmcs.set("GUEST_RFLAGS", flags(vmcs) & ~CLEARED_BY_DELIVERY);
  return event;
}

/** The exit that the state demands before the guest executes an instruction, or null. */
export function windowExit(vmcs: Vmcs): number | null {
  const nmi = isOn(vmcs, primary, "PRIMARY_NMI_WINDOW_EXITING") && !has(blocking(vmcs), NMI_BLOCKING | MOV_SS);
  if (nmi) return reason("EXIT_REASON_NMI_WINDOW");
  const isOpen = has(flags(vmcs), IF) && !has(blocking(vmcs), STI | MOV_SS);
  return isOpen && isOn(vmcs, primary, "PRIMARY_INTERRUPT_WINDOW_EXITING")
    ? reason("EXIT_REASON_INTERRUPT_WINDOW")
    : null;
}
