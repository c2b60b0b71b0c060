// Finds the addresses of a crash report in a run's lines, and names their source lines.
import { findPlaces, type Frame } from "../commands/where.ts";

/** An address as Basalt reported it: of the faulting instruction, or within a call. */
export interface ReportedAddress {
  readonly address: string;
  /** How many times in a row it was reported. */
  readonly count: number;
}

export interface NamedAddress extends ReportedAddress {
  /** As `basalt where` has them: the innermost first, none where the image has no code. */
  readonly frames: readonly Frame[];
}

/** boot/runtime/report.c's lines, and hv/core/vmm.ts's. */
const addressLine = /^basalt: (?:panic: (?:at  |from)|error: \w+:   (?:in  |from)) (0x[0-9a-f]+)\b/;

/** The addresses of all crash reports in a run's `lines`, in their order. */
export function reportedAddresses(lines: readonly string[]): ReportedAddress[] {
  const addresses: ReportedAddress[] = [];
  for (const line of lines) {
    const address = addressLine.exec(line)?.[1];
    if (address === undefined) continue;
    const last = addresses.at(-1);
    if (last?.address === address) addresses[addresses.length - 1] = { address, count: last.count + 1 };
    else addresses.push({ address, count: 1 });
  }
  return addresses;
}

/** The source lines of the crash reports in a run's `lines`, where `elf` ran. Throws a ToolError as `findPlaces` does. */
export async function nameAddresses(elf: string, lines: readonly string[]): Promise<NamedAddress[]> {
  const reported = reportedAddresses(lines);
  if (reported.length === 0) return [];
  const places = await findPlaces(
    elf,
    reported.map(({ address }) => address),
  );
  return reported.map((address, index) => ({ ...address, frames: places[index]?.frames ?? [] }));
}

/** One line for the user. */
export function describeAddress({ address, count, frames }: NamedAddress): string {
  const all = frames.map((frame) => `${frame.file}:${frame.line} in ${frame.function}`);
  // A C compiler may inline a function into itself.
  const places = all.filter((place, index) => place !== all[index - 1]);
  const times = count > 1 ? `, ${count} times` : "";
  return `where: ${address}  ${places.join(", inlined into ") || "not in the image's code"}${times}`;
}
