// Where things stand in a JSON file: its syntax tree, and lines and columns for people.
import { findNodeAtLocation, parseTree, printParseErrorCode, type Node, type ParseError } from "jsonc-parser";

/** The keys and indices that lead from the whole document to a value. */
export type JsonPath = readonly (string | number)[];

/** Something wrong in a file: where (an offset), at which value, and a sentence. */
export interface Mistake {
  readonly offset: number;
  readonly path: JsonPath;
  readonly sentence: string;
}

/** What a syntax error's code of jsonc-parser means was expected. */
const expected: Readonly<Record<string, string>> = {
  InvalidSymbol: "a string in double quotes, a number, a list or an object",
  InvalidNumberFormat: "a number",
  PropertyNameExpected: "a key in double quotes",
  ValueExpected: "a value",
  ColonExpected: "a colon",
  CommaExpected: "a comma",
  CloseBraceExpected: "a comma or the brace that ends the object",
  CloseBracketExpected: "a comma or the bracket that ends the list",
  EndOfFileExpected: "the end of the file",
  InvalidCommentToken: "no comment, as JSON has none",
  UnexpectedEndOfString: "the double quote that ends the string",
  InvalidUnicode: "four hexadecimal digits behind \\u",
  InvalidEscapeCharacter: 'one of "\\/bfnrtu behind the backslash',
  InvalidCharacter: "control characters of a string as escapes",
};

/** The tree of a JSON text, or its first syntax error. */
export function parseJson(text: string): Node | Mistake {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [error] = errors.sort((one, other) => one.offset - other.offset);
  if (error === undefined && tree !== undefined) return tree;
  const { offset, length } = error ?? { offset: 0, length: 0 };
  const found = text.slice(offset, offset + Math.min(Math.max(length, 1), 20));
  const what = expected[error === undefined ? "ValueExpected" : printParseErrorCode(error.error)] ?? "JSON";
  return { offset, path: [], sentence: `found ${found === "" ? "the end" : printable(found)}, expected ${what}.` };
}

/** Text of a file for the terminal: without control characters. */
function printable(text: string): string {
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
}

export function isMistake(result: Node | Mistake): result is Mistake {
  return "sentence" in result;
}

/** The keys that stand in an object for the second time. */
export function findTwins(node: Node, path: JsonPath = []): Mistake[] {
  const children = node.children ?? [];
  if (node.type === "array") return children.flatMap((child, n) => findTwins(child, [...path, n]));
  if (node.type !== "object") return [];
  const seen = new Set<string>();
  return children.flatMap(({ children: [key, value] = [] }) => {
    const name = String(key?.value);
    const isTwin = seen.has(name);
    seen.add(name);
    const here = [...path, name];
    if (isTwin) return [{ offset: key!.offset, path: here, sentence: "found the key again; leave one of them out." }];
    return value === undefined ? [] : findTwins(value, here);
  });
}

/** Where the value at `path` begins, or its object where there is no such value. */
export function offsetOf(tree: Node, path: JsonPath): number {
  for (let length = path.length; length > 0; length--) {
    const node = findNodeAtLocation(tree, path.slice(0, length));
    if (node !== undefined) return node.offset;
  }
  return tree.offset;
}

/** Where the key of the value at `path` begins. */
export function offsetOfKey(tree: Node, path: JsonPath): number {
  const key = findNodeAtLocation(tree, [...path])?.parent?.children?.[0];
  return key === undefined ? offsetOf(tree, path) : key.offset;
}

/** `file:line:column: path: sentence`, as compilers word it. */
export function describeMistake(file: string, text: string, { offset, path, sentence }: Mistake): string {
  const before = text.slice(0, offset).split("\n");
  const place = `${file}:${before.length}:${before.at(-1)!.length + 1}`;
  return [place, ...(path.length === 0 ? [] : [describePath(path)]), sentence].join(": ");
}

function describePath(path: JsonPath): string {
  return path
    .map((step, n) => (typeof step === "number" ? `[${step}]` : `${n === 0 ? "" : "."}${printable(step)}`))
    .join("");
}
