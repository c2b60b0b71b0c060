// Lint rule: memory is reached through bounds-checked objects; what goes round them stands in the folders and files that
// eslint.config.mjs names.
import type { TSESLint, TSESTree } from "@typescript-eslint/utils";
import { resolve } from "./syntax.ts";

/** The ways round the bounds checks, each of which a file may be granted. */
export interface Grants {
  /** `load`, `store`, `memory.*`, `atomic.*`, `v128.*`, `i32.load` and their like. */
  readonly access?: boolean;
  /** `changetype` to a class: from then on any number is taken for an object. */
  readonly view?: boolean;
  /** `changetype<usize>`: an object's address, to hand to an import. */
  readonly address?: boolean;
  /** `unchecked`: an array's element without its bounds check. */
  readonly unchecked?: boolean;
  /** `heap.*` and the runtime's own allocator. */
  readonly heap?: boolean;
}

type Messages = keyof Grants;

const ACCESS: ReadonlySet<string> = new Set(["load", "store", "memory", "atomic", "v128"]);
const VALUE_TYPES: ReadonlySet<string> = new Set(["i32", "i64", "f32", "f64"]);
const HEAP: ReadonlySet<string> = new Set(["heap", "__alloc", "__realloc", "__free", "__new", "__renew"]);

export const noRawMemory: TSESLint.RuleModule<Messages, [Grants]> = {
  meta: {
    type: "problem",
    schema: [
      {
        type: "object",
        properties: {
          access: { type: "boolean" },
          view: { type: "boolean" },
          address: { type: "boolean" },
          unchecked: { type: "boolean" },
          heap: { type: "boolean" },
        },
        additionalProperties: false,
      },
    ],
    messages: {
      access:
        "Found the raw access `{{name}}`; expected a call of hv/core/memory or hv/vmm/memory, which check the address.",
      view: "Found `changetype` to an object; expected that only where eslint.config.mjs lists the file with its reason.",
      address: "Found `changetype<usize>`; expected that in hv/core alone, where imports take pointers.",
      unchecked: "Found `unchecked`; expected that only where eslint.config.mjs lists the file with its reason.",
      heap: "Found `{{name}}`, which returns memory of no type; expected `new`, or a page of the page pool.",
    },
  },
  defaultOptions: [{}],
  create(context) {
    const { sourceCode } = context;
    const grants = context.options[0];

    function report(node: TSESTree.Node, messageId: Messages): void {
      if (!grants[messageId]) context.report({ node, messageId, data: { name: sourceCode.getText(node) } });
    }

    function checkChangetype(node: TSESTree.Identifier): void {
      const call = node.parent.type === "CallExpression" ? node.parent : null;
      const type = call?.typeArguments?.params[0];
      report(call ?? node, type && sourceCode.getText(type) === "usize" ? "address" : "view");
    }

    return {
      Identifier(node) {
        const { parent } = node;
        if (parent.type === "MemberExpression" && parent.property === node && !parent.computed) {
          // String.UTF8.decodeUnsafe and its like take addresses.
          if (node.name.endsWith("Unsafe")) report(parent, "access");
          return;
        }
        if (!isBuiltinName(node.name) || !isExpression(node) || resolve(sourceCode, node) !== null) return;
        const whole = parent.type === "MemberExpression" ? parent : node;
        if (ACCESS.has(node.name)) report(whole, "access");
        else if (HEAP.has(node.name)) report(whole, "heap");
        else if (node.name === "unchecked") report(node, "unchecked");
        else if (node.name === "changetype") checkChangetype(node);
        else if (
          parent.type === "MemberExpression" &&
          /^(?:load|store|atomic)/.test(sourceCode.getText(parent.property))
        )
          report(parent, "access");
      },
    };
  },
};

function isBuiltinName(name: string): boolean {
  return ACCESS.has(name) || HEAP.has(name) || VALUE_TYPES.has(name) || name === "unchecked" || name === "changetype";
}

// A name that declares a member, as `load` in `class Loader { load(): void {} }`, is no use of the builtin.
function isExpression(node: TSESTree.Identifier): boolean {
  const { parent } = node;
  if (parent.type === "TSTypeReference") return false;
  return !("key" in parent && parent.key === node);
}
