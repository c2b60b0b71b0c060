// The `key=value` pairs of a line, of which the dumps of Linux and Xen have several.

export interface Pair {
  /** Lower case, with single spaces; a leading word and colon, as in `CS: sel=`, is part of every key of its line: "cs:sel". */
  readonly key: string;
  /** The key as the text has it, "CS: sel". */
  readonly spelled: string;
  readonly value: string;
  /** Where the value begins. */
  readonly column: number;
  /** What stands in parentheses behind the value; empty where nothing does. */
  readonly comment: string;
}

/** Spaces behind `=`, the value, and what stands in parentheses behind it. */
const VALUE = /( *)([^\s,)]*)(?: *\(([^()]*)\))?/y;

/** The pairs of `text` from `start` on; linear in its length. */
export function pairsOf(text: string, start: number): Pair[] {
  const pairs: Pair[] = [];
  let context = "";
  let from = start;
  for (let equals = text.indexOf("=", start); equals >= 0; equals = text.indexOf("=", from)) {
    let spelled = text
      .slice(from, equals)
      .replaceAll(/\s+/g, " ")
      .replace(/^[ ,;|]+/, "")
      .trimEnd();
    const colon = spelled.indexOf(": ");
    if (colon >= 0) [context, spelled] = [spelled.slice(0, colon + 1), spelled.slice(colon + 2)];
    VALUE.lastIndex = equals + 1;
    const match = VALUE.exec(text);
    const value = match?.[2] ?? "";
    pairs.push({
      key: (context + spelled).toLowerCase(),
      spelled: context === "" ? spelled : `${context} ${spelled}`,
      value,
      column: equals + 1 + (match?.[1] ?? "").length,
      comment: (match?.[3] ?? "").trim(),
    });
    from = Math.max(equals + 1, VALUE.lastIndex);
  }
  return pairs;
}
