// Holds a parsed vm.json against vm.schema.json, and words what is wrong by the schema's own descriptions and examples.
import { readFileSync } from "node:fs";
import { Ajv, type ErrorObject } from "ajv";
import { getNodeValue, type Node } from "jsonc-parser";
import { offsetOf, offsetOfKey, type JsonPath, type Mistake } from "./positions.ts";

interface Described {
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Described>>;
}

const shownLetters = 40;

export const vmSchema = JSON.parse(readFileSync(new URL("vm.schema.json", import.meta.url), "utf8")) as Described;

const validate = new Ajv({ allErrors: true, verbose: true, allowUnionTypes: true }).compile(vmSchema);

/** What the schema refuses in the file, one mistake a place, in the file's order. */
export function checkSchema(tree: Node): Mistake[] {
  if (validate(getNodeValue(tree))) return [];
  const mistakes = (validate.errors ?? []).flatMap((error) => wordOne(tree, error) ?? []);
  const places = new Map(
    mistakes.toReversed().map((mistake) => [`${mistake.offset} ${mistake.path.join("/")}`, mistake]),
  );
  return [...places.values()].sort((one, other) => one.offset - other.offset);
}

/** A mistake for an error of ajv; null for one that another error tells better. */
function wordOne(tree: Node, error: ErrorObject): Mistake | null {
  // What the alternatives lack, or hold what `not` forbids, their parent's error says.
  if (/\/(oneOf|not)\/./.test(error.schemaPath)) return null;
  const path = pathOf(tree, error.instancePath);
  const { description = "", examples = [], properties = {} } = error.parentSchema as Described;
  if (error.keyword === "additionalProperties") {
    const key = String((error.params as { additionalProperty: string }).additionalProperty);
    const here = [...path, key];
    const known = Object.keys(properties).filter((name) => !name.startsWith("$"));
    const sentence = `found an unknown key, expected one of ${known.join(", ")}; correct it or leave it out.`;
    return { offset: offsetOfKey(tree, here), path: here, sentence };
  }
  const offset = offsetOf(tree, path);
  if (error.keyword === "required") {
    const key = String((error.params as { missingProperty: string }).missingProperty);
    const { description: wanted, examples: [example] = [] } = properties[key] ?? {};
    return { offset, path, sentence: `found no ${key}, expected ${wanted}; ${write(key, example)}` };
  }
  if (error.keyword === "oneOf") {
    if (typeof error.data !== "object" || error.data === null || Array.isArray(error.data)) return null;
    const found = (error.params as { passingSchemas: unknown }).passingSchemas === null ? "neither" : "both";
    const joined = found === "both" ? "and" : "nor";
    return { offset, path, sentence: `found ${found} guest ${joined} kernel, expected one of the two; choose one.` };
  }
  const what = `found ${show(error.data)}, expected ${description}`;
  const [example] = examples;
  return {
    offset,
    path,
    sentence: `${what}; ${example === undefined ? "leave it out." : write(path.at(-1), example)}`,
  };
}

function write(key: string | number | undefined, example: unknown): string {
  const value = JSON.stringify(example);
  return `write, for example, ${typeof key === "string" ? `"${key}": ${value}` : value}.`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > shownLetters ? `${text.slice(0, shownLetters)}...` : text;
}

/** A JSON pointer as keys and indices of `tree`. */
function pathOf(tree: Node, pointer: string): JsonPath {
  let value: unknown = getNodeValue(tree);
  return pointer
    .split("/")
    .slice(1)
    .map((part) => {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      const step = Array.isArray(value) ? Number(key) : key;
      value = (value as Record<string | number, unknown>)[step];
      return step;
    });
}
