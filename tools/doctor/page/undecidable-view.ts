// Rules that cannot be decided, grouped by what would have to be known first.
import type { Finding, Input } from "../doctor.ts";
import { citation } from "../stages.ts";
import { element } from "./dom.ts";
import { groupBy } from "./group.ts";
import { counted, encodingText, inputView, slugLink } from "./values.ts";

const KINDS = ["capability", "field", "state"] as const satisfies readonly Input["kind"][];

/** One collapsed section with a collapsed group for each input that is missing; nothing where all is decided. */
export function undecidableView(findings: readonly Finding[]): Node[] {
  if (findings.length === 0) return [];
  const groups = [...groupBy(findings, ({ missing }) => missing[0]?.number).values()];
  groups.sort((a, b) => kindOrder(a) - kindOrder(b) || b.length - a.length);
  const title = `${counted(findings.length, "rule")} cannot be decided`;
  return [
    element(
      "details",
      { class: "undecidable" },
      element("summary", {}, element("h3", {}, title)),
      element("p", {}, "What they depend on is not in the dump, or not known of the processor."),
      ...groups.map(groupView),
    ),
  ];
}

/** What the processor can do decides the most, and is said the soonest. */
function kindOrder(group: readonly Finding[]): number {
  const input = group[0]!.missing[0];
  return input === undefined ? KINDS.length : KINDS.indexOf(input.kind);
}

function groupView(group: readonly Finding[]): Node {
  const input = group[0]!.missing[0];
  return element(
    "details",
    {},
    element(
      "summary",
      {},
      element("h4", {}, input === undefined ? "More than one thing" : inputText(input)),
      element("span", { class: "outcome" }, counted(group.length, "rule")),
    ),
    element("ul", {}, ...group.map(itemView)),
  );
}

function inputText(input: Input): string {
  return input.kind === "field" ? `${input.name} (${encodingText(input)})` : input.name;
}

function itemView({ rule, condition, missing }: Finding): Node {
  const needs = missing.slice(1).flatMap((input, index) => [index > 0 ? ", " : "also needs ", inputView(input)]);
  const told = condition === "" ? needs : [`${condition}.`];
  return element(
    "li",
    {},
    slugLink(rule),
    " ",
    element("span", { class: "section" }, citation(rule)),
    told.length === 0 ? null : element("p", { class: "condition" }, ...told),
  );
}
