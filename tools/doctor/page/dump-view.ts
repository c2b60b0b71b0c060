// The dump beside the result: its lines, with the values that broke rules marked and linked to what they broke.
import type { Dump, Place } from "../dump.ts";
import type { DumpExamination } from "../examine.ts";
import { element, jump, spoken } from "./dom.ts";
import { groupBy } from "./group.ts";
import { type Labelled, markId } from "./findings.ts";
import { inDump } from "../examine.ts";

interface Mark {
  readonly id: string;
  readonly place: Place;
  readonly causes: Labelled[];
}

/** The id of a line. */
export function lineId(line: number): string {
  return `line-${line}`;
}

/** The lines of a dump that was read. */
export function dumpView(text: string, dump: Dump, examination: DumpExamination, labelled: readonly Labelled[]): Node {
  const marks = marksOf(dump, examination, labelled);
  return listing(text, (line, number) => {
    const inLine = marks.get(number);
    return inLine ? markedLine(line, inLine) : [line];
  });
}

/** The lines of a text that is no dump, the one at fault marked. */
export function unreadableView(text: string, unreadable: number): Node {
  return listing(text, (line, number) =>
    number === unreadable
      ? [element("mark", { class: "unreadable", id: "unreadable" }, spoken("This line cannot be read: "), line || " ")]
      : [line],
  );
}

function listing(text: string, content: (line: string, number: number) => (Node | string)[]): Node {
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  const rows = lines.map((line, index) => {
    const row = element("span", { class: "line", id: lineId(index + 1) }, ...content(line, index + 1));
    row.append("\n");
    return row;
  });
  const code = element("code", {}, ...rows);
  code.style.setProperty("--digits", `${String(lines.length).length}ch`);
  return element("pre", {}, code);
}

/** The values in the dump that broke a rule, by line and from left to right. */
function marksOf(dump: Dump, examination: DumpExamination, labelled: readonly Labelled[]): Map<number, Mark[]> {
  const marks = new Map<string, Mark>();
  for (const cause of labelled) {
    for (const { input } of cause.finding.witnesses) {
      const value = inDump(dump, examination, input);
      if (!value) continue;
      const id = markId(value);
      const mark = marks.get(id) ?? { id, place: value.place, causes: [] };
      if (!mark.causes.includes(cause)) mark.causes.push(cause);
      marks.set(id, mark);
    }
  }
  const sorted = [...marks.values()].sort((a, b) => a.place.column - b.place.column);
  return groupBy(sorted, ({ place }) => place.line);
}

function markedLine(line: string, marks: readonly Mark[]): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let end = 0;
  for (const { id, place, causes } of marks) {
    // Where places overlap, the value that begins later is marked from where the earlier one ends.
    const from = Math.max(end, place.column);
    const to = Math.max(from, place.column + place.length);
    const isFailure = causes.some(({ isAdvice }) => !isAdvice);
    parts.push(line.slice(end, from));
    parts.push(element("mark", { class: isFailure ? "violated" : "advice", id }, line.slice(from, to)));
    parts.push(...causes.map(reference));
    end = to;
  }
  parts.push(line.slice(end));
  return parts;
}

function reference({ label, id, isAdvice, finding }: Labelled): Node {
  const link = jump(id, label);
  link.classList.add("reference", isAdvice ? "advice" : "violated");
  link.setAttribute("aria-label", `${isAdvice ? "advice" : "violated rule"} ${label}: ${finding.rule.slug}`);
  link.title = finding.rule.slug;
  return link;
}
