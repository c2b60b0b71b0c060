// Lint rule: no module holds state. asc makes a Wasm global of each variable that can change or that is computed at start:
// outside linear memory, where no snapshot and no second instance sees it.
import type { TSESLint, TSESTree } from "@typescript-eslint/utils";
import { isOfModule, resolve, rootOf } from "./syntax.ts";

type Messages = "variable" | "initialiser" | "array" | "staticField" | "namespace" | "write";

const NUMERIC_TYPES: ReadonlySet<string> = new Set([
  "i8",
  "i16",
  "i32",
  "i64",
  "u8",
  "u16",
  "u32",
  "u64",
  "isize",
  "usize",
]);
const NUMERIC_LIMITS: ReadonlySet<string> = new Set(["MIN_VALUE", "MAX_VALUE"]);
const INSTEAD = "Keep it in an object that is reached from the root and made at start.";

export const noModuleState: TSESLint.RuleModule<Messages> = {
  meta: {
    type: "problem",
    schema: [],
    messages: {
      variable: `Found the module-level variable \`{{name}}\`, expected a constant. ${INSTEAD}`,
      initialiser:
        "Found an initialiser of `{{name}}` that asc computes at start, expected a literal, an operator expression of " +
        `constants, or a StaticArray literal of those or of function names. ${INSTEAD}`,
      array:
        "Found an array that is not static data, expected `{{name}}: StaticArray<…>` with elements that are no arrays.",
      staticField: `Found the static field \`{{name}}\`, which is a module-level variable. ${INSTEAD}`,
      namespace: "Found a namespace, expected a module of its own: what a namespace holds is module-level too.",
      write: `Found a write to \`{{name}}\`, which belongs to the module; expected it to stay as it is. ${INSTEAD}`,
    },
  },
  defaultOptions: [],
  create(context) {
    const { sourceCode } = context;

    function isConstant(node: TSESTree.Node): boolean {
      switch (node.type) {
        case "Literal":
          return !("regex" in node);
        case "TemplateLiteral":
          return node.expressions.length === 0;
        case "Identifier": {
          const variable = resolve(sourceCode, node);
          return variable !== null && isOfModule(variable);
        }
        case "UnaryExpression":
          return isConstant(node.argument);
        case "BinaryExpression":
          return node.operator !== "**" && [node.left, node.right].every((side) => isConstant(side) && !isText(side));
        case "LogicalExpression":
          return isConstant(node.left) && isConstant(node.right);
        case "ConditionalExpression":
          return isConstant(node.test) && isConstant(node.consequent) && isConstant(node.alternate);
        case "TSTypeAssertion":
        case "TSAsExpression":
          return isConstant(node.expression);
        case "MemberExpression":
          return (
            node.object.type === "Identifier" &&
            NUMERIC_TYPES.has(node.object.name) &&
            node.property.type === "Identifier" &&
            NUMERIC_LIMITS.has(node.property.name)
          );
        default:
          return false;
      }
    }

    function checkConstant({ id, init }: TSESTree.VariableDeclarator): void {
      const name = sourceCode.getText(id).split(":")[0]!;
      if (init?.type === "ArrayExpression") {
        const type = id.typeAnnotation?.typeAnnotation;
        const isStatic =
          type?.type === "TSTypeReference" &&
          type.typeName.type === "Identifier" &&
          type.typeName.name === "StaticArray";
        const hasArrays = init.elements.some((element) => element?.type === "ArrayExpression");
        if (!isStatic || hasArrays) context.report({ node: id, messageId: "array", data: { name } });
        else if (!init.elements.every((element) => element !== null && isConstant(element)))
          context.report({ node: init, messageId: "initialiser", data: { name } });
      } else if (init === null || !isConstant(init)) {
        context.report({ node: init ?? id, messageId: "initialiser", data: { name } });
      }
    }

    function checkWrite(target: TSESTree.Node): void {
      const object = rootOf(target);
      if (object === target || object.type !== "Identifier") return;
      const variable = resolve(sourceCode, object);
      if (variable && isOfModule(variable))
        context.report({ node: target, messageId: "write", data: { name: sourceCode.getText(target) } });
    }

    return {
      "Program > VariableDeclaration, Program > ExportNamedDeclaration > VariableDeclaration"(
        node: TSESTree.VariableDeclaration,
      ) {
        if (node.kind === "const") return node.declarations.forEach(checkConstant);
        for (const { id } of node.declarations)
          context.report({ node: id, messageId: "variable", data: { name: sourceCode.getText(id) } });
      },
      "PropertyDefinition[static=true]"(node: TSESTree.PropertyDefinition) {
        context.report({ node, messageId: "staticField", data: { name: sourceCode.getText(node.key) } });
      },
      TSModuleDeclaration(node) {
        context.report({ node, messageId: "namespace" });
      },
      AssignmentExpression(node) {
        checkWrite(node.left);
      },
      UpdateExpression(node) {
        checkWrite(node.argument);
      },
    };
  },
};

// asc joins strings at start, even those of two literals.
function isText(node: TSESTree.Node): boolean {
  return node.type === "TemplateLiteral" || (node.type === "Literal" && typeof node.value === "string");
}
