// Devices in words: for the list, and for the question before one is overwritten.
import { withParts, type BlockDevice } from "./block-devices.ts";

const units = [
  [1e12, "TB"],
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
] as const;

/** A size as it is printed on drives: powers of ten, three digits. */
export function showBytes(bytes: number): string {
  const unit = units.find(([size]) => bytes >= size);
  return unit === undefined ? `${bytes} B` : `${Number((bytes / unit[0]).toPrecision(3))} ${unit[1]}`;
}

/** `device` itself: path, size, model, how it is attached. */
export function describeDevice({ path, bytes, model, transport, type }: BlockDevice): string {
  const kind = transport ?? (type === "loop" ? "loop device" : null);
  return [path, showBytes(bytes), model, kind === null ? "" : `(${kind})`].filter((word) => word !== "").join("  ");
}

/** What is on `device`, a line for each part with something to say; at least one line. */
export function describeContents(device: BlockDevice): string[] {
  const parts = withParts(device).filter((part) => part.type === "part" || part.holds !== null || part.label !== null);
  if (parts.length === 0) return ["no partition or file system that lsblk knows of"];
  return parts.map(({ name, bytes, holds, label }) => {
    const what = [holds, label === null ? null : `"${label}"`].filter((word) => word !== null);
    return [name, showBytes(bytes), ...what].join("  ");
  });
}
