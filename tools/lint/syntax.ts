// What the lint rules share: walking and resolving names in a syntax tree.
import { relative, sep } from "node:path";
import type { TSESLint, TSESTree } from "@typescript-eslint/utils";
import { root } from "../paths.ts";

/** A file's path from the repository's root, with `/` between the folders. */
export function repositoryPath(file: string): string {
  return relative(root, file).split(sep).join("/");
}

/** The variable that `name` refers to; null for a name that the file neither declares nor imports, as a builtin's. */
export function resolve(
  sourceCode: Readonly<TSESLint.SourceCode>,
  name: TSESTree.Node,
): TSESLint.Scope.Variable | null {
  const text = (name as TSESTree.Identifier).name;
  let scope: TSESLint.Scope.Scope | null = sourceCode.getScope(name);
  while (scope) {
    const variable = scope.set.get(text);
    if (variable) return variable.defs.length > 0 ? variable : null;
    scope = scope.upper;
  }
  return null;
}

/** Whether a variable is declared at the top of its module, or imported there. */
export function isOfModule(variable: TSESLint.Scope.Variable): boolean {
  return variable.scope.type === "module" || variable.scope.type === "global";
}

/** The `a` of `a.b[i].c`, through type assertions; any other expression is its own root. */
export function rootOf(node: TSESTree.Node): TSESTree.Node {
  switch (node.type) {
    case "MemberExpression":
      return rootOf(node.object);
    case "TSNonNullExpression":
    case "TSTypeAssertion":
    case "TSAsExpression":
      return rootOf(node.expression);
    default:
      return node;
  }
}
