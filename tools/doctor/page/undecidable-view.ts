// Rules that cannot be decided, grouped by what would have to be known.
import type { Finding, Input } from "../doctor.ts";
import { citation } from "../stages.ts";
import { element } from "./dom.ts";
import { groupBy } from "./group.ts";
import { counted, encodingText, inputView, slugLink } from "./values.ts";

/** One collapsed section with a collapsed group for each set of missing inputs; nothing where all is decided. */
export function undecidableView(findings: readonly Finding[]): Node[] {
  if (findings.length === 0) return [];
  const groups = [...groupBy(findings, ({ missing }) => missing.map(({ number }) => number).join()).values()];
  groups.sort((a, b) => b.length - a.length);
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

function groupView(group: readonly Finding[]): Node {
  const { missing } = group[0]!;
  const names = missing.length === 0 ? "More than is told" : missing.map(inputText).join(", ");
  return element(
    "details",
    {},
    element("summary", {}, element("h4", {}, names), ` ${counted(group.length, "rule")}`),
    element("ul", {}, ...group.map(itemView)),
  );
}

function inputText(input: Input): string {
  return input.kind === "field" ? `${input.name} (${encodingText(input)})` : input.name;
}

function itemView({ rule, condition, missing }: Finding): Node {
  const others = missing.length > 0 && condition === "" ? element("span", { class: "missing" }, " needs ") : null;
  others?.append(...missing.flatMap((input, index) => [index > 0 ? ", " : "", inputView(input)]));
  return element(
    "li",
    {},
    slugLink(rule),
    " ",
    element("span", { class: "section" }, citation(rule.section)),
    condition === "" ? others : element("p", { class: "condition" }, `${condition}.`),
  );
}
