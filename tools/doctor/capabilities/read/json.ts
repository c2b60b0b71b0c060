// JSON: its scalars in the order of the text, each with its line and the keys that lead to it.
// JSON.parse gives no lines, keeps the last of two equal keys in silence, and rounds numbers above 53 bits.
import type { Refusal } from "./findings.ts";

/** A string, a number or a word of JSON. */
export interface Scalar {
  /** Keys of objects; an element of an array adds none. */
  path: readonly string[];
  kind: "string" | "number" | "word";
  text: string;
  line: number;
}

const DEEPEST = 16;

/** Every scalar of a JSON text, or why it is none. */
export function readScalars(text: string): Scalar[] | Refusal {
  const reader = new JsonReader(text);
  const refusal = reader.value([], 0) ?? reader.end();
  return refusal ?? reader.scalars;
}

class JsonReader {
  readonly scalars: Scalar[] = [];
  private readonly text: string;
  private at = 0;
  private line = 1;

  constructor(text: string) {
    this.text = text;
  }

  value(path: readonly string[], depth: number): Refusal | null {
    this.skipSpace();
    if (depth > DEEPEST) return this.refuse(`values nested deeper than ${DEEPEST}`, "the layout of the documentation");
    const first = this.text[this.at];
    if (first === "{") return this.list("}", (inner) => this.member(path, inner), depth + 1);
    if (first === "[") return this.list("]", (inner) => this.value(path, inner), depth + 1);
    if (first === '"') {
      const string = this.string();
      if (typeof string !== "string") return string;
      this.scalars.push({ path, kind: "string", text: string, line: this.line });
      return null;
    }
    const [token] = this.match(/-?\d[\d.eE+-]{0,40}|true|false|null/y) ?? [];
    if (token === undefined) return this.refuse(this.shown(), "a value of JSON");
    this.at += token.length;
    this.scalars.push({ path, kind: /^[a-z]/.test(token) ? "word" : "number", text: token, line: this.line });
    return null;
  }

  /** Nothing follows the value. */
  end(): Refusal | null {
    this.skipSpace();
    return this.at === this.text.length ? null : this.refuse(this.shown(), "the end of the text");
  }

  private list(close: string, element: (depth: number) => Refusal | null, depth: number): Refusal | null {
    this.at += 1;
    this.skipSpace();
    if (this.text[this.at] === close) {
      this.at += 1;
      return null;
    }
    for (;;) {
      const refusal = element(depth);
      if (refusal !== null) return refusal;
      this.skipSpace();
      const next = this.text[this.at];
      if (next !== "," && next !== close) return this.refuse(this.shown(), `"," or "${close}"`);
      this.at += 1;
      if (next === close) return null;
    }
  }

  private member(path: readonly string[], depth: number): Refusal | null {
    this.skipSpace();
    if (this.text[this.at] !== '"') return this.refuse(this.shown(), "a key in quotes");
    const key = this.string();
    if (typeof key !== "string") return key;
    this.skipSpace();
    if (this.text[this.at] !== ":") return this.refuse(this.shown(), '":"');
    this.at += 1;
    return this.value([...path, key], depth);
  }

  private string(): string | Refusal {
    // Names and numbers need no escapes but those of plain JSON, which JSON.parse reads.
    const [token] = this.match(/"(?:[^"\\\r\n]|\\[^\r\n])*"/y) ?? [];
    if (token === undefined) return this.refuse("a quote without an end in its line", "a string");
    try {
      const value = JSON.parse(token) as string;
      this.at += token.length;
      return value;
    } catch {
      return this.refuse("a string that is not JSON's", "a string without control characters");
    }
  }

  private skipSpace(): void {
    const [space] = this.match(/[ \t\r\n]*/y)!;
    this.at += space.length;
    this.line += space.match(/\r\n|\r|\n/g)?.length ?? 0;
  }

  private match(form: RegExp): RegExpExecArray | null {
    form.lastIndex = this.at;
    return form.exec(this.text);
  }

  private shown(): string {
    return this.at === this.text.length
      ? "the end of the text"
      : `"${this.text.slice(this.at, this.at + 12).split(/[\r\n]/)[0]}"`;
  }

  private refuse(found: string, expected: string): Refusal {
    return { line: this.line, reason: `Found ${found}, expected ${expected}: correct the JSON.` };
  }
}
