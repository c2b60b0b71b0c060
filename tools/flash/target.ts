// A device that is open for writing, and for reading what really stands on it.
import { constants, open } from "node:fs/promises";
import { execa } from "execa";
import { ToolError } from "../errors.ts";

/** What an image is written to. Each call rejects with the system's error. */
export interface Target {
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** Settles when all that was written is on the device. */
  flush(): Promise<void>;
  /** The first `length` bytes, from the device and not from memory. */
  readBack(length: number, signal: AbortSignal): Promise<Uint8Array>;
  close(): Promise<void>;
}

const readBlockBytes = 1 << 20;

/** Why a device cannot be opened, by the system's error. */
const openProblems: Readonly<Record<string, string>> = {
  EBUSY: "is in use; unmount it and close what uses it",
  EACCES: "may not be written by this user; run the command as root, for example with sudo",
  EPERM: "may not be written by this user; run the command as root, for example with sudo",
  EROFS: "is read-only; look for a switch on it, or use another",
  ENOMEDIUM: "holds no medium; put one in",
  ENXIO: "is gone; plug it in again",
  ENOENT: "is gone; plug it in again",
};

/** Opens the block device at `path` for this process alone: Linux refuses that while any part of it is mounted. */
export async function openDevice(path: string): Promise<Target> {
  const file = await open(path, constants.O_RDWR | constants.O_EXCL).catch((error: NodeJS.ErrnoException) => {
    const problem = openProblems[error.code ?? ""] ?? `cannot be opened (${error.message})`;
    throw new ToolError("device", `${path} ${problem}. Nothing was written.`, { cause: error });
  });
  return {
    async write(bytes, offset) {
      const { bytesWritten } = await file.write(bytes, 0, bytes.length, offset);
      if (bytesWritten < bytes.length) throw new Error(`only ${bytesWritten} of ${bytes.length} bytes were taken`);
    },
    flush: () => file.sync(),
    async readBack(length, signal) {
      // dd has the aligned memory that reading past the page cache takes. Its input is the same open device, whatever
      // has the path by now; writing at given offsets has left its position at the start.
      const count = Math.ceil(length / readBlockBytes);
      const args = ["iflag=direct,fullblock", `bs=${readBlockBytes}`, `count=${count}`, "status=none"];
      // Execa takes every descriptor, its types know those up to 9.
      const stdin = file.fd as 3;
      const dd = await execa("dd", args, { stdin, encoding: "buffer", cancelSignal: signal });
      return dd.stdout.subarray(0, length);
    },
    close: () => file.close(),
  };
}
