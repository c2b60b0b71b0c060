// The processors whose capabilities ship with the doctor, and how one is found by name.
import { alderlake } from "./cpus/alderlake.ts";
import { arrowlake } from "./cpus/arrowlake.ts";
import { broadwellEp } from "./cpus/broadwell-ep.ts";
import { broadwell } from "./cpus/broadwell.ts";
import { cascadelake } from "./cpus/cascadelake.ts";
import { coffeelake } from "./cpus/coffeelake.ts";
import type { CpuFigures } from "./cpus/figures.ts";
import { graniterapids } from "./cpus/graniterapids.ts";
import { haswellEp } from "./cpus/haswell-ep.ts";
import { haswell } from "./cpus/haswell.ts";
import { icelakeServer } from "./cpus/icelake-server.ts";
import { icelake } from "./cpus/icelake.ts";
import { ivybridgeEp } from "./cpus/ivybridge-ep.ts";
import { ivybridge } from "./cpus/ivybridge.ts";
import { meteorlake } from "./cpus/meteorlake.ts";
import { nehalem } from "./cpus/nehalem.ts";
import { penryn } from "./cpus/penryn.ts";
import { raptorlake } from "./cpus/raptorlake.ts";
import { sandybridgeEp } from "./cpus/sandybridge-ep.ts";
import { sandybridge } from "./cpus/sandybridge.ts";
import { sapphirerapids } from "./cpus/sapphirerapids.ts";
import { skylakeServer } from "./cpus/skylake-server.ts";
import { skylake } from "./cpus/skylake.ts";
import { tigerlake } from "./cpus/tigerlake.ts";
import { westmere } from "./cpus/westmere.ts";

/** What one processor reports: values by capability name (names.ts). One that is not there is not known. */
export interface CapabilitySet {
  name: string;
  about: string;
  source: string;
  values: ReadonlyMap<string, bigint>;
}

/** From the oldest to the newest. */
const FIGURES: readonly CpuFigures[] = [
  penryn,
  nehalem,
  westmere,
  sandybridge,
  sandybridgeEp,
  ivybridge,
  ivybridgeEp,
  haswell,
  haswellEp,
  broadwell,
  broadwellEp,
  skylake,
  skylakeServer,
  coffeelake,
  cascadelake,
  icelake,
  icelakeServer,
  tigerlake,
  alderlake,
  raptorlake,
  sapphirerapids,
  meteorlake,
  arrowlake,
  graniterapids,
];

/** The shipped sets, from the oldest processor to the newest. */
export const CPUS: readonly CapabilitySet[] = FIGURES.map((figures) => ({
  name: figures.names[0],
  about: figures.about,
  source: figures.source,
  values: new Map(Object.entries(figures.values)),
}));

const BY_SPELLING: ReadonlyMap<string, CapabilitySet> = new Map(
  FIGURES.flatMap((figures, i) => figures.names.map((name) => [spelling(name), CPUS[i]!] as const)),
);

/** Names differ in letters and digits only: "Sandy Bridge", "sandy_bridge" and "sandybridge" are one. */
function spelling(name: string): string {
  return name.toLowerCase().replace(/[-_\s]/g, "");
}

/** A name longer than this is no slip of the keyboard. */
const LONGEST_NAME = 40;

/** The set of a name or another name of it; a string says why there is none: what was found, what there is. */
export function findCpu(name: string): CapabilitySet | string {
  const wanted = spelling(name);
  const found = BY_SPELLING.get(wanted);
  if (found !== undefined) return found;
  const shown = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
  const near = nearest(wanted);
  const hint = near === null ? "" : ` (did you mean ${near.name}?)`;
  return `Found the CPU name "${shown}", expected one of ${CPUS.map((cpu) => cpu.name).join(", ")}${hint}.`;
}

/** How near one name is to another that begins with it: as near as two slips of the keyboard. */
const BEGINNING_DIFFERENCE = 2;

/** The set whose name differs in the fewest letters, if those are fewer than half. */
function nearest(wanted: string): CapabilitySet | null {
  if (wanted.length < 3 || wanted.length > LONGEST_NAME) return null;
  let best: CapabilitySet | null = null;
  let fewest = Math.ceil(wanted.length / 2);
  for (const [candidate, cpu] of BY_SPELLING) {
    const isBeginning = candidate.startsWith(wanted) || wanted.startsWith(candidate);
    const letters = editDistance(wanted, candidate);
    const difference = isBeginning ? Math.min(letters, BEGINNING_DIFFERENCE) : letters;
    if (difference < fewest) [best, fewest] = [cpu, difference];
  }
  return best;
}

/** The fewest letters to insert, delete or replace that turn one word into the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
