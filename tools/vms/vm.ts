// A VM as vm.json describes it, and what it takes.
import { dirname, resolve } from "node:path";
import type { GuestKernel } from "../image/guest-kernel.ts";

/** An entry of the list `vms`; vm.schema.json says what each key takes. Either `guest` or `kernel` is there. */
export interface Vm {
  /** In a file it is always there; without one Basalt calls the VM by its number. */
  readonly name?: string;
  readonly guest?: string;
  /** In the file from its own folder on, as all paths; `readVmFile` makes them absolute. */
  readonly kernel?: string;
  /** The kernel is a flat binary. */
  readonly flat?: boolean;
  readonly commandLine?: string;
  readonly initrd?: string;
  /** A file, or the size of a RAM disk. */
  readonly disk?: string;
  readonly diskReadOnly?: boolean;
  readonly memory?: string;
  readonly cpu?: number | "any";
  readonly weight?: number;
  readonly console?: "lines" | "raw";
  readonly watches?: readonly string[];
  readonly iterations?: number;
  readonly ticks?: number;
}

/** What Basalt gives a VM that does not say: hv/core/boot/vm-description.ts, options.ts and guest-memory.ts. */
export const defaultWeight = 10;
const kernelMebibytes = 128;
const builtInMebibytes = 16;
/** Guest `touch` has up to 402 MiB; these have none of their own. */
const otherMebibytes: Readonly<Record<string, number>> = { touch: 402, mirror: 0, rdtsc: 0 };
/** What its vmm takes. */
const vmmMebibytes = 2;

/** A VM's RAM in MiB. */
export function mebibytesOf({ memory, guest }: Vm): number {
  if (memory !== undefined) return toMebibytes(memory);
  return guest === undefined ? kernelMebibytes : (otherMebibytes[guest] ?? builtInMebibytes);
}

/** "64M" or "1G" in MiB. */
function toMebibytes(size: string): number {
  return Number(size.slice(0, -1)) * (size.endsWith("G") ? 1024 : 1);
}

/** The size of a VM's disk in MiB if it is RAM; null where the VM has none, or one that is a file. */
export function ramDiskMebibytesOf({ disk }: Vm): number | null {
  return disk !== undefined && /^\d+[MG]$/.test(disk) ? toMebibytes(disk) : null;
}

/** The file that a VM's disk is; undefined where the VM has none, or one that is RAM. */
export function diskFileOf(vm: Vm): string | undefined {
  return ramDiskMebibytesOf(vm) === null ? vm.disk : undefined;
}

/** What all of `vms` take at once, in MiB, beside the files that they are given. */
export function mebibytesOfAll(vms: readonly Vm[]): number {
  return vms.reduce((sum, vm) => sum + mebibytesOf(vm) + (ramDiskMebibytesOf(vm) ?? 0) + vmmMebibytes, 0);
}

/** The fewest processors of a machine that has each processor that one of `vms` names; undefined where none names any. */
export function processorsFor(vms: readonly Vm[]): number | undefined {
  const named = vms.flatMap(({ cpu }) => (typeof cpu === "number" ? [cpu + 1] : []));
  return named.length === 0 ? undefined : Math.max(...named);
}

/** `vm` of the file at `path` with its paths made absolute. */
export function locateFiles(vm: Vm, path: string): Vm {
  const disk = diskFileOf(vm);
  const located = Object.entries({ kernel: vm.kernel, initrd: vm.initrd, disk }).flatMap(([key, file]) =>
    file === undefined ? [] : [[key, resolve(dirname(path), file)] as const],
  );
  return { ...vm, ...Object.fromEntries(located) };
}

/** The kernel of a VM that has one. */
export function kernelOf({ kernel, commandLine, flat }: Vm): GuestKernel | null {
  return kernel === undefined ? null : { path: kernel, append: commandLine, flat };
}
