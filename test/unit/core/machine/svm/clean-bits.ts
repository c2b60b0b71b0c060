// VMCB state caching (APM 2 15.15): what a clean bit lets the processor take from what it kept instead of from memory.
import { vmcb } from "../tables.ts";
import { VmcbImage } from "./vmcb-image.ts";

type Range = readonly [start: number, end: number];

const field = (name: string, bytes = 8): Range => [vmcb(name), vmcb(name) + bytes];

/** The fields behind each clean bit (APM 2 15.15.3). */
const GROUPS: Readonly<Record<string, readonly Range[]>> = {
  CLEAN_INTERCEPTS: [
    [vmcb("VMCB_INTERCEPT_CR"), vmcb("VMCB_INTERCEPT_MISC3") + 4],
    field("VMCB_PAUSE_FILTER_THRESHOLD", 4),
    field("VMCB_TSC_OFFSET"),
  ],
  CLEAN_PERMISSION_MAPS: [field("VMCB_IOPM_BASE_PA"), field("VMCB_MSRPM_BASE_PA")],
  CLEAN_ASID: [field("VMCB_GUEST_ASID", 4)],
  CLEAN_TPR: [field("VMCB_VINTR")],
  CLEAN_NESTED_PAGING: [field("VMCB_NESTED_CONTROL"), field("VMCB_N_CR3"), field("VMCB_G_PAT")],
  CLEAN_CONTROL_REGISTERS: ["CR0", "CR3", "CR4", "EFER"].map((name) => field(`VMCB_${name}`)),
  CLEAN_DEBUG_REGISTERS: [field("VMCB_DR6"), field("VMCB_DR7")],
  CLEAN_DESCRIPTOR_TABLES: [field("VMCB_GDTR", 16), field("VMCB_IDTR", 16)],
  CLEAN_SEGMENTS: [...["ES", "CS", "SS", "DS"].map((name) => field(`VMCB_${name}`, 16)), field("VMCB_CPL", 1)],
  CLEAN_CR2: [field("VMCB_CR2")],
  CLEAN_BRANCH_RECORDS: [[vmcb("VMCB_DBGCTL"), vmcb("VMCB_LAST_EXCEPTION_TO") + 8]],
  CLEAN_AVIC: [field("VMCB_AVIC_APIC_BAR")],
};

export class VmcbCache {
  readonly #hasCleanBits: boolean;
  /** By the VMCB's address: as its last exit left the processor. */
  readonly #kept = new Map<bigint, VmcbImage>();

  constructor(hasCleanBits: boolean) {
    this.#hasCleanBits = hasCleanBits;
  }

  /** The state that VMRUN loads for the VMCB whose bytes are `inMemory`: old where a clean bit vouches for it. */
  load(address: bigint, inMemory: Uint8Array): VmcbImage {
    const image = new VmcbImage(address, inMemory);
    const clean = Number(image.get("VMCB_CLEAN"));
    const isAnyClean = this.#hasCleanBits && clean !== 0;
    const kept = this.#kept.get(address);
    if (!isAnyClean) return image;
    if (!kept) throw new Error(`clean bits ${clean.toString(16)} of a VMCB that never ran, at ${address.toString(16)}`);
    for (const [name, ranges] of Object.entries(GROUPS)) {
      if ((clean & vmcb(name)) !== 0) for (const [start, end] of ranges) image.take(kept, start, end);
    }
    return image;
  }

  /** What the processor has of a VMCB at its exit. */
  keep(image: VmcbImage): void {
    this.#kept.set(image.address, new VmcbImage(image.address, image.bytes));
  }
}
