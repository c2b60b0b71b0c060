// A VMCB as the processor has it while its guest runs: a page of bytes, and its fields by the names of hv/x86/vmcb.ts.
import { has } from "../bits.ts";
import { vmcb } from "../tables.ts";

export const VMCB_BYTES = 4096;

/** In the order of hv/x86/vmcb.ts, which is that of appendix B but for LDTR and TR. */
export const SEGMENTS = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"] as const;

/** Fields that are narrower than 64 bits. */
const WIDTHS: Readonly<Record<string, number>> = {
  VMCB_INTERCEPT_CR: 4,
  VMCB_INTERCEPT_DR: 4,
  VMCB_INTERCEPT_EXCEPTIONS: 4,
  VMCB_INTERCEPT_MISC1: 4,
  VMCB_INTERCEPT_MISC2: 4,
  VMCB_INTERCEPT_MISC3: 4,
  VMCB_PAUSE_FILTER_THRESHOLD: 2,
  VMCB_PAUSE_FILTER_COUNT: 2,
  VMCB_GUEST_ASID: 4,
  VMCB_TLB_CONTROL: 1,
  VMCB_CLEAN: 4,
  VMCB_BYTES_FETCHED: 1,
  VMCB_CPL: 1,
};

export class VmcbImage {
  readonly address: bigint;
  readonly bytes: Buffer;

  constructor(address: bigint, bytes: Uint8Array) {
    this.address = address;
    this.bytes = Buffer.from(bytes);
  }

  get(name: string): bigint {
    const offset = vmcb(name);
    const width = WIDTHS[name] ?? 8;
    return width === 8 ? this.bytes.readBigUInt64LE(offset) : BigInt(this.bytes.readUIntLE(offset, width));
  }

  /** Cuts the value to the field's width. */
  set(name: string, value: bigint): void {
    const offset = vmcb(name);
    const width = WIDTHS[name] ?? 8;
    const cut = BigInt.asUintN(8 * width, value);
    if (width === 8) this.bytes.writeBigUInt64LE(cut, offset);
    else this.bytes.writeUIntLE(Number(cut), offset, width);
  }

  /** Whether a bit of hv/x86/vmcb.ts, named by its constant, is set in a field. */
  isSet(name: string, bit: string): boolean {
    return has(this.get(name), BigInt(vmcb(bit)));
  }

  /** Copies [start, end) of another image. */
  take(from: VmcbImage, start: number, end: number): void {
    from.bytes.copy(this.bytes, start, start, end);
  }
}
