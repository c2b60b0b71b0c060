// The block devices of this machine, as lsblk tells of them.
import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { ToolError } from "../errors.ts";
import { requireProgram } from "../programs.ts";

/** A device, or a part of one: a partition, or what the kernel made of it (LVM, RAID, a decrypted volume). */
export interface BlockDevice {
  /** `/dev/sdb` */
  readonly path: string;
  /** `sdb` */
  readonly name: string;
  /** By lsblk: disk, part, rom, loop, crypt, lvm, raid1… */
  readonly type: string;
  readonly bytes: number;
  /** Vendor and model, or empty. */
  readonly model: string;
  /** How it is attached, by lsblk: usb, sata, nvme…; null if that is not known. */
  readonly transport: string | null;
  /** Whether it is made to be unplugged: a USB device, an SD card, another drive with removable media. */
  readonly isRemovable: boolean;
  readonly isReadOnly: boolean;
  readonly sectorBytes: number;
  /** The kind of partition table (gpt, dos), of file system (vfat), or null. */
  readonly holds: string | null;
  /** The file system's label, else the partition's name, or null. */
  readonly label: string | null;
  /** One of the places where it is mounted, `[SWAP]` for swap, or null. */
  readonly mountPoint: string | null;
  readonly children: readonly BlockDevice[];
}

/** What lsblk is asked for, by its own names. */
const columns =
  "NAME,PATH,TYPE,SIZE,RO,RM,TRAN,VENDOR,MODEL,LOG-SEC,PTTYPE,FSTYPE,LABEL,PARTLABEL,MOUNTPOINT".toLowerCase();

/** A row of lsblk's JSON; the numbers are in bytes. */
export interface LsblkRow {
  readonly name: string;
  readonly path: string;
  readonly type: string;
  readonly size: number | null;
  readonly ro: boolean;
  readonly rm: boolean;
  readonly tran: string | null;
  readonly vendor: string | null;
  readonly model: string | null;
  readonly "log-sec": number;
  readonly pttype: string | null;
  readonly fstype: string | null;
  readonly label: string | null;
  readonly partlabel: string | null;
  readonly mountpoint: string | null;
  readonly children?: readonly LsblkRow[];
}

/** Drives inside a PC may say "removable" because their socket takes another while the PC is on. */
const internalTransports: readonly (string | null)[] = ["ata", "sata", "sas", "nvme"];

/** Finds the devices. Throws a ToolError where lsblk cannot tell. */
export async function listBlockDevices(): Promise<BlockDevice[]> {
  requireProgram("lsblk", "util-linux", "device");
  const lsblk = await execa("lsblk", ["--json", "--bytes", "--all", "--output", columns], { reject: false, all: true });
  if (lsblk.failed) throw new ToolError("device", `lsblk could not list this machine's devices:\n${lsblk.all}`);
  const { blockdevices } = JSON.parse(lsblk.stdout) as { blockdevices: LsblkRow[] };
  return Promise.all(blockdevices.map(async (row) => deviceOf(row, await isCard(row.name))));
}

/** Whether device `name` is an SD card: the kernel gives it the same kind of name as soldered flash (MMC). */
async function isCard(name: string): Promise<boolean> {
  if (!name.startsWith("mmcblk")) return false;
  const type = await readFile(`/sys/block/${name}/device/type`, "utf8").catch(() => "");
  return type.trim() === "SD";
}

/** What a row of lsblk's says of a device; of an SD card it does not say that it is one. */
export function deviceOf(row: LsblkRow, isSdCard = false): BlockDevice {
  return {
    path: row.path,
    name: row.name,
    type: row.type,
    bytes: row.size ?? 0,
    model: [row.vendor, row.model]
      .map((text) => text?.trim() ?? "")
      .join(" ")
      .trim(),
    transport: row.tran,
    isRemovable: row.tran === "usb" || isSdCard || (row.rm && !internalTransports.includes(row.tran)),
    isReadOnly: row.ro,
    sectorBytes: row["log-sec"],
    holds: row.fstype ?? row.pttype,
    label: row.label ?? row.partlabel,
    mountPoint: row.mountpoint,
    children: (row.children ?? []).map((child) => deviceOf(child)),
  };
}

/** `device` and all that is part of it. */
export function withParts(device: BlockDevice): BlockDevice[] {
  return [device, ...device.children.flatMap(withParts)];
}
