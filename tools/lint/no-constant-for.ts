// Lint rule: a `for` must test something that can vary. asc 0.28.20 drops the statements behind a `for` whose test is missing
// or known to be true at compile time, where each path through its body ends in a break. test/unit/lint/compiler.test.ts
// shows it, and tells when the rule can go.
import type { TSESLint, TSESTree } from "@typescript-eslint/utils";
import { isOfModule, resolve, rootOf } from "./syntax.ts";

export const noConstantFor: TSESLint.RuleModule<"constant"> = {
  meta: {
    type: "problem",
    schema: [],
    messages: {
      constant:
        "Found a `for` {{test}}; expected a test that can vary: asc drops the statements behind such a loop. " +
        "Write `while (true)`, or test a `let` variable, a parameter, a member or a call.",
    },
  },
  defaultOptions: [],
  create(context) {
    const { sourceCode } = context;

    // asc folds constants, module-level and local, and its builtins such as sizeof; all else it leaves for run time.
    function varies(node: TSESTree.Node): boolean {
      switch (node.type) {
        case "ThisExpression":
          return true;
        case "Identifier": {
          const definition = resolve(sourceCode, node)?.defs[0];
          if (definition?.type === "Parameter") return true;
          return definition?.type === "Variable" && definition.parent.kind === "let";
        }
        case "MemberExpression": {
          const object = rootOf(node);
          if (object.type !== "Identifier") return varies(object);
          const variable = resolve(sourceCode, object);
          return variable !== null && !isOfModule(variable);
        }
        case "CallExpression":
          if (node.callee.type === "Identifier" && resolve(sourceCode, node.callee) === null)
            return node.arguments.some(varies);
          return true;
        default:
          return childrenOf(node).some(varies);
      }
    }

    function childrenOf(node: TSESTree.Node): TSESTree.Node[] {
      const keys = sourceCode.visitorKeys[node.type] ?? [];
      const children = keys.flatMap((key) => (node as unknown as Record<string, unknown>)[key]);
      return children.filter((child): child is TSESTree.Node => typeof child === "object" && child !== null);
    }

    return {
      ForStatement(node) {
        if (node.test !== null && varies(node.test)) return;
        const test =
          node.test === null ? "without a test" : `that tests the constant \`${sourceCode.getText(node.test)}\``;
        context.report({ node, messageId: "constant", data: { test } });
      },
    };
  },
};
