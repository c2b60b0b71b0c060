// The I/O and MSR permission maps as the processor reads them (APM 2 15.10.1 and 15.11).
import { has } from "../bits.ts";
import type { PhysicalMemory } from "../physical-memory.ts";
import type { VmcbImage } from "./vmcb-image.ts";

const PAGE_OFFSET = 0xfffn;
/** The MSRs that a map has bits for: the first one, and where its two bits are in bytes from the start. */
const MSR_RANGES: readonly (readonly [first: number, offset: number])[] = [
  [0x0, 0x0],
  [0xc0000000, 0x800],
  [0xc0010000, 0x1000],
];
const MSRS_OF_RANGE = 0x2000;

const mapAt = (image: VmcbImage, name: string): bigint => image.get(name) & ~PAGE_OFFSET;

/** Whether RDMSR, or WRMSR, of the MSR exits. Those without bits always do. */
export function msrExits(memory: PhysicalMemory, image: VmcbImage, index: number, isWrite: boolean): boolean {
  if (!image.isSet("VMCB_INTERCEPT_MISC1", "INTERCEPT_MSR")) return false;
  const range = MSR_RANGES.find(([first]) => index >= first && index < first + MSRS_OF_RANGE);
  if (!range) return true;
  const bit = 2 * (index - range[0]) + (isWrite ? 1 : 0);
  const address = mapAt(image, "VMCB_MSRPM_BASE_PA") + BigInt(range[1] + (bit >> 3));
  return has(BigInt(memory.read(address, 1)[0]!), 1n << BigInt(bit & 7));
}

/** Whether an access of `bytes` ports from `port` on exits: one of their bits is enough. */
export function portExits(memory: PhysicalMemory, image: VmcbImage, port: number, bytes: number): boolean {
  if (!image.isSet("VMCB_INTERCEPT_MISC1", "INTERCEPT_IOIO")) return false;
  const start = mapAt(image, "VMCB_IOPM_BASE_PA");
  return Array.from({ length: bytes }, (_, i) => port + i).some((each) => {
    const byte = memory.read(start + BigInt(each >> 3), 1)[0]!;
    return ((byte >> (each & 7)) & 1) !== 0;
  });
}
