// The processor's part of SVM but for the guest's turn: VMSAVE, what VMRUN and VMLOAD want, and the host's state.
import type { Processor } from "../processor.ts";
import { has, u64 } from "../bits.ts";
import { GP, HostException, UD } from "../faults.ts";
import { SELECTORS, TSS } from "../host-tables.ts";
import type { PhysicalMemory } from "../physical-memory.ts";
import { msr, vmcb } from "../tables.ts";
import { hasSvmFeature } from "./features.ts";
import { NestedTlb } from "./nested-tlb.ts";
import { VmcbCache } from "./clean-bits.ts";
import { VMCB_BYTES, VmcbImage } from "./vmcb-image.ts";
import { VMLOAD_MSRS } from "./vmcb-fields.ts";

const EFER_SVME = 1n << 12n;
/** LDTR and TR in hv/core/hardware.ts's order of registers. */
const LDTR = 6;
const TR = 7;
const BUSY_TSS = 0x8bn;
/** What the processor leaves in the host save area, which is its own. */
const HOST_SAVE_PATTERN = 0xa5;

export class Svm {
  readonly processor: Processor;
  readonly memory: PhysicalMemory;
  readonly tlb: NestedTlb;
  readonly cache: VmcbCache;
  /** The pages that VMSAVE has filled, as it left them. */
  readonly #saved = new Map<bigint, Buffer>();

  constructor(processor: Processor, memory: PhysicalMemory) {
    this.processor = processor;
    this.memory = memory;
    this.tlb = new NestedTlb(hasSvmFeature(processor.model, "flushByAsid"));
    this.cache = new VmcbCache(hasSvmFeature(processor.model, "cleanBits"));
  }

  get isEnabled(): boolean {
    return has(this.processor.msrs.get(msr("IA32_EFER")) ?? 0n, EFER_SVME);
  }

  /** VMSAVE (APM 3): FS, GS, TR, LDTR and the MSRs that VMLOAD brings back. */
  vmsave(address: bigint): void {
    this.requirePage("VMSAVE", address);
    const image = this.#pageAt(address);
    const base = (name: string): bigint => this.processor.rdmsr(msr(name));
    this.#writeSegment(image, "FS", SELECTORS[4]!, base("IA32_FS_BASE"), 0n);
    this.#writeSegment(image, "GS", SELECTORS[5]!, base("IA32_GS_BASE"), 0n);
    this.#writeSegment(image, "LDTR", SELECTORS[LDTR]!, 0n, 0n);
    this.#writeSegment(image, "TR", SELECTORS[TR]!, TSS.base, BUSY_TSS);
    for (const [name, field] of VMLOAD_MSRS) image.set(`VMCB_${field}`, base(name));
    this.memory.write(address, image.bytes);
    this.#saved.set(address, image.bytes);
  }

  /** VMLOAD of the guest's state before its turn. */
  loadGuest(image: VmcbImage): void {
    const { msrs } = this.processor;
    for (const [name, field] of VMLOAD_MSRS) msrs.set(msr(name), image.get(`VMCB_${field}`));
    for (const name of ["FS", "GS"]) msrs.set(msr(`IA32_${name}_BASE`), segmentBase(image, name));
  }

  /** VMSAVE of the guest's state behind it. A script writes FS's and GS's bases in the VMCB, or by their MSRs. */
  saveGuest(image: VmcbImage, before: VmcbImage): void {
    for (const [name, field] of VMLOAD_MSRS) image.set(`VMCB_${field}`, this.processor.rdmsr(msr(name)));
    for (const name of ["FS", "GS"]) {
      const value = this.processor.rdmsr(msr(`IA32_${name}_BASE`));
      if (value !== segmentBase(before, name)) setSegmentBase(image, name, value);
    }
  }

  /** VMLOAD of the host's state from the page that core names: one that VMSAVE has filled, and nobody since. */
  loadHost(address: bigint): void {
    const page = this.#pageAt(address);
    const saved = this.#saved.get(address);
    if (!saved?.equals(page.bytes)) throw new Error("VMLOAD of the host's state from a page that is not VMSAVE's");
    this.loadGuest(page);
  }

  /** #UD without EFER.SVME, #GP at an address that is no page's or lies beyond MAXPHYADDR. */
  requirePage(instruction: string, address: bigint): void {
    if (!this.isEnabled) throw new HostException(UD, `${instruction} with EFER.SVME = 0`);
    const isPage = u64(address) % BigInt(VMCB_BYTES) === 0n;
    const isBelow = u64(address) >> BigInt(this.processor.model.maximumPhysicalAddress) === 0n;
    if (!isPage || !isBelow) throw new HostException(GP, `${instruction} at ${u64(address).toString(16)}`);
  }

  /** VMRUN keeps the host's state in the page at VM_HSAVE_PA, in a form of its own (APM 2 15.30.4). */
  saveHost(): void {
    const area = this.processor.rdmsr(msr("VM_HSAVE_PA"));
    if (area === 0n) throw new Error("VMRUN without a host save area: VM_HSAVE_PA is 0");
    this.memory.write(area, Buffer.alloc(VMCB_BYTES, HOST_SAVE_PATTERN));
  }

  #pageAt(address: bigint): VmcbImage {
    return new VmcbImage(address, this.memory.read(address, VMCB_BYTES));
  }

  #writeSegment(image: VmcbImage, name: string, selector: bigint, base: bigint, attributes: bigint): void {
    image.set(`VMCB_${name}`, selector | (attributes << 16n));
    setSegmentBase(image, name, base);
  }
}

function segmentBase(image: VmcbImage, name: string): bigint {
  return image.bytes.readBigUInt64LE(baseOffset(name));
}

function setSegmentBase(image: VmcbImage, name: string, value: bigint): void {
  image.bytes.writeBigUInt64LE(value, baseOffset(name));
}

function baseOffset(name: string): number {
  return vmcb(`VMCB_${name}`) + vmcb("VMCB_SEGMENT_BASE");
}
