// The registers that XSAVE and FXSAVE manage, as bytes of their state components (SDM 1 chapter 13).
import { GP, HostException, UD } from "./faults.ts";

type Range = readonly [start: number, end: number];

/** Where XSAVE keeps each component, as the processors that Bochs models do. Reserved bytes are left out. */
const RANGES: Readonly<Record<number, readonly Range[]>> = {
  0: [
    [0, 24],
    [32, 160],
  ],
  1: [[160, 416]],
  2: [[576, 832]],
  3: [[960, 1024]],
  4: [[1024, 1088]],
  5: [[1088, 1152]],
  6: [[1152, 1664]],
  7: [[1664, 2688]],
  9: [[2688, 2696]],
};
const BYTES = 2696;
const FXSAVE_BYTES = 512;
const MXCSR = 24;
const HEADER = 512;
const HEADER_END = 576;
const FCW_INITIAL = 0x37f;
const MXCSR_INITIAL = 0x1f80;

/** A sub-leaf of CPUID leaf 0xD from 1 on, EAX to EDX: XSAVEOPT, XSAVEC, XGETBV with ECX 1 and XSAVES are there. */
export function xsaveSubleaf(components: bigint, subleaf: number): readonly [number, number, number, number] {
  if (components === 0n) return [0, 0, 0, 0];
  if (subleaf === 1) return [0xf, 0x240, 0x100, 0];
  const [range] = (components >> BigInt(subleaf)) & 1n ? (RANGES[subleaf] ?? []) : [];
  return range ? [range[1] - range[0], range[0], 0, 0] : [0, 0, 0, 0];
}

export class ExtendedRegisters {
  /** What an XSAVE of everything would write, without its header. */
  readonly bytes = Buffer.alloc(BYTES);
  xcr0 = 1n;
  readonly #components: bigint;
  readonly #hasOsxsave: () => boolean;

  /** `components` is CPUID.0xD.0:EDX:EAX, 0 without XSAVE; `hasOsxsave` reads CR4. */
  constructor(components: bigint, hasOsxsave: () => boolean) {
    this.#components = components;
    this.#hasOsxsave = hasOsxsave;
    for (const n of Object.keys(RANGES)) this.#initialise(Number(n));
    this.bytes.writeUInt32LE(MXCSR_INITIAL, MXCSR);
  }

  /** The state components that there are, by number. */
  get numbers(): number[] {
    const all = Object.keys(RANGES).map(Number);
    return this.#components === 0n ? [0, 1] : all.filter((n) => (this.#components >> BigInt(n)) & 1n);
  }

  /** Fills a component with bytes of `next`. MXCSR's reserved bits stay 0. */
  scramble(component: number, next: () => number): void {
    for (const [start, end] of RANGES[component] ?? []) for (let i = start; i < end; i++) this.bytes[i] = next();
    if (component === 1) this.bytes.writeUInt32LE(next() << 7, MXCSR);
  }

  xsetbv(value: bigint): void {
    this.#requireOsxsave();
    const avx512 = value & 0xe0n;
    const isWrong =
      (value & 1n) === 0n ||
      (value & ~this.#components) !== 0n ||
      ((value & 4n) !== 0n && (value & 2n) === 0n) ||
      ((value >> 3n) & 1n) !== ((value >> 4n) & 1n) ||
      (avx512 !== 0n && (avx512 !== 0xe0n || (value & 4n) === 0n));
    if (isWrong) throw new HostException(GP, `XSETBV of ${value.toString(16)}`);
    this.xcr0 = value;
  }

  xgetbv(): bigint {
    this.#requireOsxsave();
    return this.xcr0;
  }

  /** XSAVE, or XSAVEOPT, which leaves out what is in its initial state. */
  xsave(area: Buffer, mask: bigint, isOptimised: boolean): void {
    this.#check(area, mask);
    for (const n of this.#requested(mask)) {
      const isInitial = this.#isInitial(n);
      const bit = 1n << BigInt(n);
      const inUse = area.readBigUInt64LE(HEADER) & ~bit;
      area.writeBigUInt64LE(isInitial ? inUse : inUse | bit, HEADER);
      if (!isInitial || !isOptimised) this.#copy(n, this.bytes, area);
    }
    this.bytes.copy(area, MXCSR, MXCSR, MXCSR + 4);
  }

  xrstor(area: Buffer, mask: bigint): void {
    this.#check(area, mask);
    const inUse = area.readBigUInt64LE(HEADER);
    const isBad = (inUse & ~this.xcr0) !== 0n || area.subarray(HEADER + 8, HEADER_END).some((byte) => byte !== 0);
    if (isBad) throw new HostException(GP, "XRSTOR of an area with a bad header");
    for (const n of this.#requested(mask)) {
      if ((inUse >> BigInt(n)) & 1n) this.#copy(n, area, this.bytes);
      else this.#initialise(n);
    }
    this.#loadMxcsr(area);
  }

  fxsave(area: Buffer): void {
    for (const n of [0, 1]) this.#copy(n, this.bytes, area);
    this.bytes.copy(area, MXCSR, MXCSR, MXCSR + 4);
  }

  fxrstor(area: Buffer): void {
    for (const n of [0, 1]) this.#copy(n, area, this.bytes);
    this.#loadMxcsr(area);
  }

  /** The size of what `instruction` accesses. */
  bytesOf(instruction: string): number {
    return instruction.startsWith("fx") ? FXSAVE_BYTES : BYTES;
  }

  #loadMxcsr(area: Buffer): void {
    const value = area.readUInt32LE(MXCSR);
    if (value >> 16 !== 0) throw new HostException(GP, `MXCSR of ${value.toString(16)}`);
    this.bytes.writeUInt32LE(value, MXCSR);
  }

  #requested(mask: bigint): number[] {
    return this.numbers.filter((n) => ((mask & this.xcr0) >> BigInt(n)) & 1n);
  }

  #check(area: Buffer, mask: bigint): void {
    this.#requireOsxsave();
    if (area.byteOffset % 64 !== 0) throw new HostException(GP, "XSAVE's area is not aligned to 64 bytes");
    if ((mask & 6n) === 0n) throw new Error("this simulation always saves MXCSR");
  }

  #requireOsxsave(): void {
    if (this.#components === 0n || !this.#hasOsxsave()) throw new HostException(UD, "XSAVE without CR4.OSXSAVE");
  }

  #initialise(component: number): void {
    for (const [start, end] of RANGES[component] ?? []) this.bytes.fill(0, start, end);
    if (component === 0) this.bytes.writeUInt16LE(FCW_INITIAL, 0);
  }

  #isInitial(component: number): boolean {
    const ranges = RANGES[component] ?? [];
    if (component === 0 && this.bytes.readUInt16LE(0) !== FCW_INITIAL) return false;
    return ranges.every(([start, end]) =>
      this.bytes.subarray(start === 0 ? 2 : start, end).every((byte) => byte === 0),
    );
  }

  #copy(component: number, from: Buffer, to: Buffer): void {
    for (const [start, end] of RANGES[component] ?? []) from.copy(to, start, start, end);
  }
}
