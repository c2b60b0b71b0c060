// Lint rule: which folders a folder may import from, which files may import a guarded name, and which files may declare
// functions of the host.
import { dirname, posix } from "node:path";
import type { TSESLint, TSESTree } from "@typescript-eslint/utils";
import { repositoryPath } from "./syntax.ts";

/** The boundaries; paths are from the repository's root, without the ending `.ts`. */
export interface Boundaries {
  /** Folder to the folders that its files may import from. */
  readonly folders: Readonly<Record<string, readonly string[]>>;
  /** Modules whose functions the host provides. */
  readonly hostModules: readonly string[];
  /** Functions of host modules that only some files may import. */
  readonly guarded: readonly { readonly name: string; readonly by: readonly string[]; readonly reason: string }[];
}

type Messages = "folder" | "outside" | "guarded" | "wholesale" | "declare";

export const importBoundaries: TSESLint.RuleModule<Messages, [Boundaries]> = {
  meta: {
    type: "problem",
    schema: [{ type: "object" }],
    messages: {
      folder: "Found a file in `{{folder}}`, which has no row in the boundaries of eslint.config.mjs; expected one.",
      outside: "Found an import of `{{target}}`; expected a file of {{allowed}}, all that {{folder}} may import from.",
      guarded: "Found an import of `{{name}}`; expected it in {{by}} alone: {{reason}}.",
      wholesale:
        "Found a host module imported or exported as a whole; expected its functions one by one, by their names.",
      declare:
        "Found a function of the host declared here; expected it in {{modules}}, which say what the host provides.",
    },
  },
  defaultOptions: [{ folders: {}, hostModules: [], guarded: [] }],
  create(context) {
    const { folders, hostModules, guarded } = context.options[0];
    const file = repositoryPath(context.filename).replace(/\.ts$/, "");
    const folder = Object.keys(folders).find((name) => file.startsWith(`${name}/`));

    function checkSource(node: TSESTree.Node, source: string): string {
      const target = source.startsWith(".") ? posix.join(dirname(file), source).replace(/\.ts$/, "") : source;
      const allowed = folders[folder ?? ""] ?? [];
      if (folder !== undefined && !allowed.some((name) => target.startsWith(`${name}/`)))
        context.report({ node, messageId: "outside", data: { target, folder, allowed: allowed.join(", ") } });
      return target;
    }

    function checkName(node: TSESTree.ImportSpecifier): void {
      const name = node.imported.type === "Identifier" ? node.imported.name : node.imported.value;
      const row = guarded.find((guard) => guard.name === name && !guard.by.includes(file));
      if (row)
        context.report({ node, messageId: "guarded", data: { name, by: row.by.join(", "), reason: row.reason } });
    }

    return {
      Program(node) {
        if (folder === undefined) context.report({ node, messageId: "folder", data: { folder: dirname(file) } });
      },
      ImportDeclaration(node) {
        if (!hostModules.includes(checkSource(node, node.source.value))) return;
        for (const specifier of node.specifiers) {
          if (specifier.type === "ImportSpecifier") checkName(specifier);
          else context.report({ node: specifier, messageId: "wholesale" });
        }
      },
      "ExportNamedDeclaration[source], ExportAllDeclaration"(
        node: TSESTree.ExportNamedDeclarationWithSource | TSESTree.ExportAllDeclaration,
      ) {
        if (hostModules.includes(checkSource(node, node.source.value)))
          context.report({ node, messageId: "wholesale" });
      },
      TSDeclareFunction(node) {
        if (!hostModules.includes(file))
          context.report({ node, messageId: "declare", data: { modules: hostModules.join(" and ") } });
      },
    };
  },
};
