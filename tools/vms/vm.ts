// A VM as vm.json describes it, and what it takes.
import { dirname, resolve } from "node:path";
import type { GuestKernel } from "../image/guest-kernel.ts";

/** An entry of the list `vms`; vm.schema.json says what each key takes. Either `guest` or `kernel` is there. */
export interface Vm {
  readonly name: string;
  readonly guest?: string;
  /** In the file from its own folder on; `readVmFile` makes it absolute. */
  readonly kernel?: string;
  readonly commandLine?: string;
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
  if (memory !== undefined) return Number(memory.slice(0, -1)) * (memory.endsWith("G") ? 1024 : 1);
  return guest === undefined ? kernelMebibytes : (otherMebibytes[guest] ?? builtInMebibytes);
}

/** What all of `vms` take at once, in MiB. */
export function mebibytesOfAll(vms: readonly Vm[]): number {
  return vms.reduce((sum, vm) => sum + mebibytesOf(vm) + vmmMebibytes, 0);
}

/** The fewest processors of a machine that has each processor that one of `vms` names; undefined where none names any. */
export function processorsFor(vms: readonly Vm[]): number | undefined {
  const named = vms.flatMap(({ cpu }) => (typeof cpu === "number" ? [cpu + 1] : []));
  return named.length === 0 ? undefined : Math.max(...named);
}

/** `vm` of the file at `path` with its kernel's path made absolute. */
export function locateKernel(vm: Vm, path: string): Vm {
  return vm.kernel === undefined ? vm : { ...vm, kernel: resolve(dirname(path), vm.kernel) };
}

/** The kernel of a VM that has one. */
export function kernelOf({ kernel, commandLine }: Vm): GuestKernel | null {
  return kernel === undefined ? null : { path: kernel, append: commandLine };
}
