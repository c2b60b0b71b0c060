// Every built-in guest, how its VM ends, and what Basalt says of it: one list for all emulators and both vendors.
import type { RunResult } from "../../../tools/emulators/run.ts";
import type { Vendor } from "../../../tools/emulators/vendor.ts";
import type { ExitName } from "../../../tools/exit-codes.ts";
import { guestNames } from "../../../tools/guests.ts";
import { onlyLine } from "./boot.ts";
import { exitLine, notOffered, type ExitKind } from "./places.ts";

/** How often the guests exit that are told how often. */
export const ITERATIONS = 300;

interface Expectation {
  /** How the VM ends: the name of a result. */
  readonly ended: "ok" | "vmm-stopped" | "time-limit";
  /** What Basalt says of the VM, behind `basalt: vmN: ` or `basalt: error: vmN: `: a line, or the exits of a kind. */
  readonly says: RegExp | readonly [ExitKind, count: number];
}

/** Every built-in guest has its row. */
export const expectations: Readonly<Record<string, Expectation>> = {
  hlt: { ended: "ok", says: ["hlt", ITERATIONS] },
  count: { ended: "ok", says: ["cpuid", ITERATIONS] },
  "fault-bounds": { ended: "vmm-stopped", says: /vmm stopped: out-of-bounds access at 0xfffffff0 / },
  "fault-unreachable": { ended: "vmm-stopped", says: /vmm stopped: unreachable/ },
  "fault-stack": { ended: "vmm-stopped", says: /vmm stopped: stack exhausted/ },
  "fault-loop": { ended: "vmm-stopped", says: /vmm stopped: time budget spent/ },
  "fault-assert": { ended: "vmm-stopped", says: /vmm stopped: failed assertion: / },
  mirror: { ended: "ok", says: ["hypercall", 1] },
  rdtsc: { ended: "ok", says: ["rdtsc", ITERATIONS] },
  ept: { ended: "ok", says: ["hlt", ITERATIONS] },
  real: { ended: "ok", says: ["hlt", 1] },
  registers: { ended: "ok", says: /ended: ok, / },
  loop: { ended: "time-limit", says: /the time that it may run is over/ },
  hypercall: { ended: "ok", says: ["hypercall", ITERATIONS + 1] },
  rdmsr: { ended: "ok", says: ["rdmsr", ITERATIONS] },
  port: { ended: "ok", says: ["port", ITERATIONS] },
  // It makes 200 of them, however large ITERATIONS is.
  touch: { ended: "ok", says: ["memory", 200] },
  zeroes: { ended: "ok", says: /RAM: 8 of 8 blocks of 2 MiB were touched; / },
  unpack: { ended: "ok", says: ["hypercall", 1] },
  mmio: { ended: "ok", says: ["memory", ITERATIONS] },
};

/** All but a boot module, which is a guest with a kernel. */
export const builtIn: readonly string[] = guestNames.filter((name) => name !== "module");

/** Guests that run in one boot, each in a VM of its own, and how that ends. */
export interface GuestBoot {
  readonly guests: readonly string[];
  readonly append: string;
  readonly result: string;
  readonly exit: ExitName;
  /** Fails unless each of them did in `run` what its row says. */
  readonly holds: (run: RunResult) => void;
}

const ends = [
  { ended: "ok", result: "0 ok", exit: "ok" },
  { ended: "vmm-stopped", result: "50 vmm-stopped", exit: "guest" },
  { ended: "time-limit", result: "54 time-limit", exit: "guest" },
] as const;

/** A boot takes sixteen; eight are soon made again where one fails. */
const mostGuests = 8;

/** All guests that `vendor`'s virtualization offers, in as few boots as it takes. */
export function guestBoots(vendor: Vendor): GuestBoot[] {
  const offered = builtIn.filter((name) => !(name in notOffered[vendor]));
  return ends.flatMap(({ ended, result, exit }) => {
    const alike = offered.filter((name) => expectations[name]?.ended === ended);
    return inEights(alike).map((guests) => ({
      guests,
      append: `guest=${guests.join(",")} iterations=${ITERATIONS}`,
      result,
      exit,
      holds: (run: RunResult) => guests.forEach((guest, vm) => holdGuest(vendor, run, vm, guest)),
    }));
  });
}

function inEights(guests: readonly string[]): string[][] {
  return guests.flatMap((_, n) => (n % mostGuests === 0 ? [guests.slice(n, n + mostGuests)] : []));
}

function holdGuest(vendor: Vendor, run: RunResult, vm: number, guest: string): void {
  const { ended, says } = expectations[guest]!;
  const line = says instanceof RegExp ? says.source : exitLine(vendor, ...says);
  onlyLine(run, new RegExp(`^basalt: vm${vm}: guest ${guest}, `));
  onlyLine(run, new RegExp(`^basalt: vm${vm}: ended: ${ended}, `));
  onlyLine(run, new RegExp(`^basalt: (?:error: )?vm${vm}: ${line}`));
}
