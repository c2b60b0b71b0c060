// Finds the addresses of a crash report in a run's lines, and names their source lines.
import { findPlaces, type Frame } from "../commands/where.ts";

/** An address as Basalt reported it. */
export interface ReportedAddress {
  readonly address: string;
  /** Whether it is where a call returns to. The call before it is what counts; what follows may be another line. */
  readonly isReturnAddress: boolean;
  /** How many times in a row it was reported. */
  readonly count: number;
}

export interface NamedAddress extends ReportedAddress {
  /** As `basalt where` has them: the innermost first, none where the image has no code. */
  readonly frames: readonly Frame[];
}

/** boot/runtime/report.c's lines, and hv/core/vmm.ts's. The first address of a report is `at` or `in`. */
const addressLine = /^basalt: (?:panic: (at  |from)|error: \w+:   (in  |from)) (0x[0-9a-f]+)\b/;

/** A host exception's registers, before its addresses. */
const faultingInstruction = /^basalt: panic: rip=(0x[0-9a-f]+)\b/;

const vmmStop = /^basalt: error: \w+: vmm stopped: (.*)$/;

/** The reasons, of those that hv/core/vmm.ts has, that the vmm's code itself reports by a call. */
const reportedByCall = [
  /^unreachable/,
  /^failed assertion/,
  /^arithmetic trap/,
  /^indirect call of a wrong type/,
  // memory.fill and memory.copy compare; no access faults at 0, where a VM's RAM lies.
  /^out-of-bounds access at 0x0+ /,
];

/** The addresses of all crash reports in a run's `lines`, in their order. */
export function reportedAddresses(lines: readonly string[]): ReportedAddress[] {
  const addresses: ReportedAddress[] = [];
  let faulting: string | undefined;
  let isVmmCall = false;
  for (const line of lines) {
    faulting = faultingInstruction.exec(line)?.[1] ?? faulting;
    const reason = vmmStop.exec(line)?.[1];
    if (reason !== undefined) isVmmCall = reportedByCall.some((text) => text.test(reason));
    const [, inPanic, inVmm, address] = addressLine.exec(line) ?? [];
    if (address === undefined) continue;
    const isFirst = (inPanic ?? inVmm) !== "from";
    const isReturnAddress = !isFirst || (inPanic === undefined ? isVmmCall : address !== faulting);
    const last = addresses.at(-1);
    if (last?.address === address && last.isReturnAddress === isReturnAddress) {
      addresses[addresses.length - 1] = { ...last, count: last.count + 1 };
    } else addresses.push({ address, isReturnAddress, count: 1 });
  }
  return addresses;
}

/** The source lines of the crash reports in a run's `lines`, where `elf` ran. Throws a ToolError as `findPlaces` does. */
export async function nameAddresses(elf: string, lines: readonly string[]): Promise<NamedAddress[]> {
  const reported = reportedAddresses(lines);
  if (reported.length === 0) return [];
  const places = await findPlaces(elf, reported.map(lookedUp));
  return reported.map((address, index) => ({ ...address, frames: places[index]?.frames ?? [] }));
}

function lookedUp({ address, isReturnAddress }: ReportedAddress): string {
  return isReturnAddress ? `0x${(BigInt(address) - 1n).toString(16)}` : address;
}

/** One line for the user. */
export function describeAddress({ address, count, frames }: NamedAddress): string {
  const all = frames.map((frame) => `${frame.file}:${frame.line} in ${frame.function}`);
  // A C compiler may inline a function into itself.
  const places = all.filter((place, index) => place !== all[index - 1]);
  const times = count > 1 ? `, ${count} times` : "";
  return `where: ${address}  ${places.join(", inlined into ") || "not in the image's code"}${times}`;
}
