// Lint rule: no names of one vendor's virtualization outside its backend, so that what is shared stays shared.
import type { TSESLint, TSESTree } from "@typescript-eslint/utils";

/** What is a vendor's. */
export interface VendorNames {
  /** Words of identifiers and of import paths, in lower case. */
  readonly words: readonly string[];
  /** Last parts of import paths that hold a vendor's tables, though their names are no word of it. */
  readonly modules: readonly string[];
  /** Matches identifiers that may be used nevertheless. */
  readonly allowed: RegExp;
}

type Messages = "identifier" | "module";

const INSTEAD = "expected a neutral name, or the code in the backend's own folder";

export const noVendorNames: TSESLint.RuleModule<Messages, [VendorNames]> = {
  meta: {
    type: "problem",
    schema: [{ type: "object" }],
    messages: {
      identifier: `Found \`{{name}}\`, a name of one vendor's virtualization; ${INSTEAD}.`,
      module: `Found an import of \`{{name}}\`, which is one vendor's; ${INSTEAD}.`,
    },
  },
  defaultOptions: [{ words: [], modules: [], allowed: /^$/ }],
  create(context) {
    const { words, modules, allowed } = context.options[0];
    const banned = new Set(words);

    function checkSource(node: TSESTree.Node, name: string): void {
      const last = name.split("/").at(-1)!;
      const isVendors = modules.includes(last) || wordsOf(name).some((word) => banned.has(word));
      if (isVendors) context.report({ node, messageId: "module", data: { name } });
    }

    return {
      Identifier(node) {
        if (allowed.test(node.name) || !wordsOf(node.name).some((word) => banned.has(word))) return;
        context.report({ node, messageId: "identifier", data: { name: node.name } });
      },
      ImportDeclaration(node) {
        checkSource(node.source, node.source.value);
      },
      "ExportNamedDeclaration[source], ExportAllDeclaration"(
        node: TSESTree.ExportNamedDeclarationWithSource | TSESTree.ExportAllDeclaration,
      ) {
        checkSource(node.source, node.source.value);
      },
    };
  },
};

/** The words of `camelCase`, `SNAKE_CASE`, `kebab-case` and paths, in lower case. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.toLowerCase());
}
