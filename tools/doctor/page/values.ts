// How the page writes inputs and values.
import type { Input, Rule } from "../doctor.ts";
import { fieldOf, placeOf } from "../fields.ts";
import { element } from "./dom.ts";

/** The encoding or the offset of a field: "0x201a", "0x558". */
export function encodingText(input: Input): string {
  return placeOf(input.number);
}

/** The name, and the encoding or the offset of a field. */
export function inputView(input: Input): HTMLElement {
  if (input.kind !== "field") return element("span", { class: "input" }, input.name);
  return element("span", { class: "input" }, `${input.name} (`, element("code", {}, encodingText(input)), ")");
}

/** A value in all of its hexadecimal digits. */
export function valueText(input: Input, value: bigint): string {
  const digits = input.kind === "field" ? (fieldOf(input.number)?.width ?? 64) / 4 : 1;
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

/** A value whose digits that hold one of the bits stand out. */
export function markedValue(input: Input, value: bigint, bits: readonly { readonly bit: number }[]): HTMLElement {
  const digits = valueText(input, value).slice(2);
  const wrong = new Set(bits.map(({ bit }) => digits.length - 1 - (bit >> 2)));
  const code = element("code", { class: "value" }, "0x");
  for (const [index, digit] of [...digits].entries()) {
    code.append(wrong.has(index) ? element("b", {}, digit) : digit);
  }
  code.normalize();
  return code;
}

/** Bits from the highest down, runs as ranges: "41:40, 38". */
export function bitRanges(bits: readonly number[]): string {
  const runs: [high: number, low: number][] = [];
  for (const bit of [...bits].sort((a, b) => b - a)) {
    const last = runs.at(-1);
    if (last && last[1] === bit + 1) last[1] = bit;
    else runs.push([bit, bit]);
  }
  return runs.map(([high, low]) => (high === low ? `${high}` : `${high}:${low}`)).join(", ");
}

/** A link to the rule in the reference, with its slug as text. */
export function slugLink(rule: Rule): HTMLAnchorElement {
  return element("a", { class: "slug", href: `#rule=${rule.slug}` }, rule.slug);
}

/** "1 rule", "2 rules". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
