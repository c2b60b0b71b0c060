// Makes a finding small: which of an episode's steps it needs, by leaving out more and more of them (Zeller's ddmin).
import { type Episode, findingOf } from "./episodes.ts";
import type { Finding, HostileVm } from "./hostile-vm.ts";

/** What a finding says without its numbers, which may be others in a shorter sequence. */
function sortOf(finding: Finding): string {
  return finding.message.replace(/\b(0x[0-9a-f]+|\d+)\b/g, "#");
}

/** Whether `steps` alone lead to a finding of the same sort. */
function stillFails(vm: HostileVm, episode: Episode, steps: readonly number[], sort: string): boolean {
  const found = findingOf(() => episode.run(vm, steps, () => undefined));
  return found !== null && sortOf(found) === sort;
}

/** As few as can be found of the steps up to `last` that lead to `finding`, until `mayGoOn` says no. */
export function shrink(
  vm: HostileVm,
  episode: Episode,
  last: number,
  finding: Finding,
  mayGoOn: () => boolean,
): readonly number[] {
  const sort = sortOf(finding);
  let steps = Array.from({ length: last + 1 }, (_, step) => step);
  let parts = 2;
  while (steps.length > 1 && mayGoOn()) {
    const size = Math.ceil(steps.length / parts);
    let isShorter = false;
    for (let start = 0; start < steps.length && mayGoOn(); start += size) {
      const rest = [...steps.slice(0, start), ...steps.slice(start + size)];
      if (!stillFails(vm, episode, rest, sort)) continue;
      steps = rest;
      parts = Math.max(parts - 1, 2);
      isShorter = true;
      break;
    }
    if (isShorter) continue;
    if (size === 1) break;
    parts = Math.min(2 * parts, steps.length);
  }
  return steps;
}

/** Goes through `steps` once more and tells each exit. */
export function replay(vm: HostileVm, episode: Episode, steps: readonly number[]): string[] {
  const lines: string[] = [];
  vm.trace = (line) => lines.push(line);
  const found = findingOf(() => episode.run(vm, steps, (step) => lines.push(`step ${step}:`)));
  if (found) lines.push(found.message);
  vm.trace = null;
  return lines;
}
