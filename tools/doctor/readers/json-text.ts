// JSON with the places of its values, which JSON.parse does not give; two levels of objects and of arrays, for no dump has more.
import type { Place, Unreadable } from "../dump.ts";

export type JsonValue =
  | { readonly kind: "object"; readonly members: readonly JsonMember[]; readonly place: Place }
  | { readonly kind: "array"; readonly items: readonly JsonValue[]; readonly place: Place }
  | { readonly kind: "string" | "number" | "other"; readonly text: string; readonly place: Place };

export interface JsonMember {
  readonly key: string;
  readonly value: JsonValue;
}

const DEEPEST = 2;
const SPACE = /[ \t\r\n\ufeff]*/y;
const STRING = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
/** A number, a literal, or what somebody took for one: up to the next punctuation. */
const BARE = /[^\s,:{}[\]"]+/y;
const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const LITERALS = new Set(["true", "false", "null"]);

/** The members of the object that `text` is. Refuses what is no JSON, and objects and arrays below the second level. */
export function parseJson(text: string): JsonMember[] | Unreadable {
  try {
    return new Parser(text).parse();
  } catch (error) {
    if (error instanceof Refusal) return { line: error.line, reason: error.message };
    throw error;
  }
}

class Refusal extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

class Parser {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): JsonMember[] {
    this.#skipSpace();
    const members = this.#object(1);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#refusal("text behind the object", "the end", "delete it");
    return members;
  }

  #object(depth: number): JsonMember[] {
    if (depth > DEEPEST) throw this.#refusal("an object in an object's section", "a number or a string", "flatten it");
    this.#punctuation("{");
    const members: JsonMember[] = [];
    if (this.#skips("}")) return members;
    do {
      const key = this.#string("a name in double quotes");
      this.#punctuation(":");
      members.push({ key, value: this.#value(depth) });
    } while (this.#skips(","));
    this.#punctuation("}");
    return members;
  }

  /** A list of entries, each a list of numbers, in the outermost object. */
  #array(depth: number): JsonValue[] {
    if (depth > DEEPEST + 1) throw this.#refusal("an array in an entry", "a number or a string", "flatten it");
    this.#punctuation("[");
    const items: JsonValue[] = [];
    if (this.#skips("]")) return items;
    do items.push(this.#value(depth));
    while (this.#skips(","));
    this.#punctuation("]");
    return items;
  }

  #value(depth: number): JsonValue {
    this.#skipSpace();
    const start = this.#at;
    const place = (): Place => ({ line: this.#line, column: start - this.#lineStart, length: this.#at - start });
    const first = this.#text[start];
    if (first === "{") {
      const here = { line: this.#line, column: start - this.#lineStart, length: 1 };
      return { kind: "object", members: this.#object(depth + 1), place: here };
    }
    if (first === "[") {
      const here = { line: this.#line, column: start - this.#lineStart, length: 1 };
      return { kind: "array", items: this.#array(depth + 1), place: here };
    }
    if (first === '"') return { kind: "string", text: this.#string("a value"), place: place() };
    const text = this.#match(BARE);
    if (text === null) throw this.#refusal(this.#found(), "a number or a string", "correct the value");
    if (JSON_NUMBER.test(text)) return { kind: "number", text, place: place() };
    if (LITERALS.has(text)) return { kind: "other", text, place: place() };
    const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    throw this.#refusal(`"${shown}" without quotes`, "a JSON number or a string", "quote it");
  }

  #string(expected: string): string {
    this.#skipSpace();
    const literal = this.#match(STRING);
    if (literal === null) throw this.#refusal(this.#found(), expected, "correct the JSON");
    return JSON.parse(literal) as string;
  }

  #punctuation(character: string): void {
    if (!this.#skips(character)) throw this.#refusal(this.#found(), `\`${character}\``, "correct the JSON");
  }

  #skips(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return null;
    this.#at = pattern.lastIndex;
    return match[0];
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    const end = SPACE.lastIndex;
    for (let at = this.#at; at < end; at++) {
      const character = this.#text[at];
      const isLineEnd = character === "\n" || (character === "\r" && this.#text[at + 1] !== "\n");
      if (isLineEnd) [this.#line, this.#lineStart] = [this.#line + 1, at + 1];
    }
    this.#at = end;
  }

  #found(): string {
    const character = this.#text[this.#at];
    return character === undefined ? "the end of the text" : `\`${character}\``;
  }

  #refusal(found: string, expected: string, advice: string): Refusal {
    return new Refusal(this.#line, `Found ${found}, expected ${expected}: ${advice}.`);
  }
}
