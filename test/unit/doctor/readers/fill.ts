// Fills a layout with values, a different one for each field, and remembers where each stands.
import { encodingOf, fieldOf, hex } from "../../../../tools/doctor/fields.ts";
import type { Layout } from "./layouts.ts";

export interface Expected {
  readonly identifier: string;
  readonly value: bigint;
  /** The text of the value's first place. */
  readonly text: string;
  readonly line: number;
}

export interface Filled {
  readonly text: string;
  /** By encoding. */
  readonly expected: Map<number, Expected>;
}

/** A value that no other field has, small enough for the field and for `digits` hexadecimal digits. */
export function valueFor(encoding: number, digits: number): bigint {
  const bits = Math.min(fieldOf(encoding)?.width ?? 64, digits * 4);
  return BigInt.asUintN(bits, BigInt(encoding + 3) * 0x9e37_79b9_7f4a_7c15n);
}

/** Prints `layout` behind `prefix`, which gets the line's number. */
export function fill(layout: Layout, prefix: (line: number) => string = () => ""): Filled {
  const expected = new Map<number, Expected>();
  const narrowest = new Map<string, number>();
  for (const line of layout) {
    for (const [, identifier = "", form = ""] of line.matchAll(/\{(\w+):([^}]+)\}/g)) {
      narrowest.set(identifier, Math.min(narrowest.get(identifier) ?? 16, digitsOf(form)));
    }
  }
  const lines = layout.map((line, row) => {
    const printed = line.replaceAll(
      /(0x)?\{(\w+):([^}]+)\}/g,
      (_all, hexPrefix: string | undefined, identifier: string, form: string) => {
        const encoding = encodingOf(identifier);
        const value = valueFor(encoding, narrowest.get(identifier) ?? 16);
        const text = (hexPrefix ?? "") + print(value, form);
        if (!expected.has(encoding)) expected.set(encoding, { identifier, value, text, line: row + 1 });
        return text;
      },
    );
    return prefix(row + 1) + printed;
  });
  return { text: lines.join("\n") + "\n", expected };
}

function digitsOf(form: string): number {
  return form === "d" ? 2 : form === "svi|rvi" ? 4 : Number(form);
}

function print(value: bigint, form: string): string {
  if (form === "d") return value.toString();
  const digits = hex(value).slice(2).padStart(digitsOf(form), "0");
  return form === "svi|rvi" ? `${digits.slice(0, 2)}|${digits.slice(2)}` : digits;
}
