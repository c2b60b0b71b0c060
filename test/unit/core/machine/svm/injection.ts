// EVENTINJ, and the virtual interrupt of V_IRQ (APM 2 15.20 and 15.21).
import { has } from "../bits.ts";
import type { Delivered } from "../event-delivery.ts";
import { vmcb } from "../tables.ts";
import type { VmcbImage } from "./vmcb-image.ts";

const VALID = 1n << 31n;
const HAS_ERROR_CODE = 1n << 11n;
const TYPE_INTERRUPT = 0;
const TYPE_NMI = 2;
const TYPE_EXCEPTION = 3;
const TYPE_SOFTWARE_INTERRUPT = 4;
const LEGAL_TYPES = [TYPE_INTERRUPT, TYPE_NMI, TYPE_EXCEPTION, TYPE_SOFTWARE_INTERRUPT];
/** Of vectors below 32, those that no exception has: 2 is the NMI's (APM 2 table 8-1). */
const NO_EXCEPTIONS = [2, 9, 15, 20, 22, 23, 24, 25, 26, 27, 31];
const WITH_ERROR_CODE = [8, 10, 11, 12, 13, 14, 17, 21, 29, 30];
const IF = 1n << 9n;
/** TF, IF (by way of an interrupt gate), NT and RF. */
const CLEARED_BY_DELIVERY = 0x14300n;

export interface Injected {
  readonly type: number;
  readonly vector: number;
  readonly errorCode: number | undefined;
  /** VMRUN takes it. */
  readonly isLegal: boolean;
}

/** What EVENTINJ has for this entry, or null. */
export function injected(image: VmcbImage): Injected | null {
  const event = image.get("VMCB_EVENTINJ");
  if (!has(event, VALID)) return null;
  const [type, vector] = [Number((event >> 8n) & 7n), Number(event & 0xffn)];
  const isException = vector < 32 && !NO_EXCEPTIONS.includes(vector);
  const isLegal = LEGAL_TYPES.includes(type) && (type !== TYPE_EXCEPTION || isException);
  const errorCode = has(event, HAS_ERROR_CODE) ? Number(event >> 32n) : undefined;
  return { type, vector, errorCode, isLegal };
}

const isInProtectedMode = (image: VmcbImage): boolean => has(image.get("VMCB_CR0"), 1n);

/** Delivers the injected event, and clears EVENTINJ's valid bit as the exit will. */
export function deliverInjected(image: VmcbImage): Delivered[] {
  const event = injected(image);
  if (event === null) return [];
  const hasErrorCode = event.errorCode !== undefined;
  const expected = event.type === TYPE_EXCEPTION && WITH_ERROR_CODE.includes(event.vector) && isInProtectedMode(image);
  if (hasErrorCode !== expected) {
    throw new Error(`EVENTINJ of vector ${event.vector}: an error code ${expected ? "is missing" : "too many"}`);
  }
  const delivered = {
    event: Number(image.get("VMCB_EVENTINJ") & 0x7fffffffn),
    ...(event.errorCode !== undefined && { errorCode: event.errorCode }),
    rflags: image.get("VMCB_RFLAGS"),
  };
  enterHandler(image);
  return [delivered];
}

/** What the delivery of any event leaves: no shadow, and RFLAGS as a handler finds them. */
function enterHandler(image: VmcbImage): void {
  image.set("VMCB_INTERRUPT_STATE", image.get("VMCB_INTERRUPT_STATE") & ~BigInt(vmcb("INTERRUPT_STATE_SHADOW")));
  image.set("VMCB_RFLAGS", image.get("VMCB_RFLAGS") & ~CLEARED_BY_DELIVERY);
}

export type VirtualInterrupt = "none" | "exit" | "deliver";

const vintr = (name: string): bigint => BigInt(vmcb(`VINTR_${name}`));

/** What V_IRQ brings before the guest's next instruction. */
export function virtualInterrupt(image: VmcbImage): VirtualInterrupt {
  const control = image.get("VMCB_VINTR");
  if (!has(control, vintr("IRQ"))) return "none";
  const priority = (control >> vintr("PRIORITY_SHIFT")) & 0xfn;
  const taskPriority = (control >> 4n) & 0xfn;
  const isAboveTpr = has(control, vintr("IGNORE_TPR")) || priority > taskPriority;
  const isShadowed = image.isSet("VMCB_INTERRUPT_STATE", "INTERRUPT_STATE_SHADOW");
  if (!has(image.get("VMCB_RFLAGS"), IF) || isShadowed || !isAboveTpr) return "none";
  return image.isSet("VMCB_INTERCEPT_MISC1", "INTERCEPT_VINTR") ? "exit" : "deliver";
}

/** The virtual interrupt reaches the guest, and V_IRQ is clear. */
export function deliverVirtualInterrupt(image: VmcbImage): Delivered {
  const control = image.get("VMCB_VINTR");
  const rflags = image.get("VMCB_RFLAGS");
  image.set("VMCB_VINTR", control & ~vintr("IRQ"));
  enterHandler(image);
  return { event: Number((control >> vintr("VECTOR_SHIFT")) & 0xffn), rflags };
}
