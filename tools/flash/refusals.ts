// Why a device is not overwritten.
import { showBytes } from "./describe.ts";
import { withParts, type BlockDevice } from "./block-devices.ts";

/** The image's partition table counts in sectors of this size, and firmware in those of the medium. */
const imageSectorBytes = 512;

/** Each rule answers with what is wrong with a device for an image of `bytes` bytes, and what to do; else with null. */
const rules: readonly ((device: BlockDevice, bytes: number) => string | null)[] = [
  ({ type }) => (type === "part" ? "is a partition; name the whole device, without the partition's number" : null),
  ({ type }) => (type === "rom" ? "is a CD drive; burn build/basalt.iso with a program for CDs instead" : null),
  // What a loop device writes to is a file.
  ({ type }) => (type === "disk" || type === "loop" ? null : `is no drive (lsblk calls it ${type}); name a drive`),
  ({ type, isRemovable }) =>
    isRemovable || type === "loop"
      ? null
      : "is built into this machine; only removable, USB, SD and loop devices are written",
  ({ bytes }) => (bytes === 0 ? "holds no medium; put one in" : null),
  ({ isReadOnly }) => (isReadOnly ? "is read-only; look for a switch on it, or use another" : null),
  useOf,
  ({ sectorBytes }) =>
    sectorBytes === imageSectorBytes
      ? null
      : `has sectors of ${sectorBytes} bytes, from which the image would not boot; use one with ${imageSectorBytes}`,
  (device, bytes) =>
    device.bytes < bytes ? `has ${device.bytes} bytes, the image has ${bytes}; use a device that it fits on` : null,
];

/** A sentence that says why an image of `bytes` bytes is not written to `device`, or null if it may be. */
export function findRefusal(device: BlockDevice, bytes: number): string | null {
  for (const rule of rules) {
    const problem = rule(device, bytes);
    if (problem !== null)
      return `${device.path}${device.bytes === 0 ? "" : ` (${showBytes(device.bytes)})`} ${problem}.`;
  }
  return null;
}

/** What this machine uses the device for: a mounted part, swap, or a part of LVM, RAID or an encrypted volume. */
function useOf(device: BlockDevice): string | null {
  for (const part of withParts(device)) {
    if (part.mountPoint === "[SWAP]") return `is in use: ${part.path} is swap; run \`swapoff ${part.path}\` first`;
    if (part.mountPoint !== null) {
      return `is in use: ${part.path} is mounted on ${part.mountPoint}; run \`umount ${part.path}\` first`;
    }
    if (part !== device && part.type !== "part")
      return `is in use: ${part.path} (${part.type}) lies on it; close that first`;
  }
  return null;
}
