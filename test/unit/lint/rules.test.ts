// Every rule of the lint against a sample that breaks it and one that does not, with the repository's own configuration.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ESLint } from "eslint";
import { root } from "../../../tools/paths.ts";

interface Sample {
  /** What the lint holds to be so: the end of the test's name. */
  readonly says: string;
  readonly rule: string;
  /** Where the samples are said to stand; it need not exist, but for files that are linted with types. */
  readonly file: string;
  readonly bad: string;
  readonly good: string;
  /** Where `good` stands, if it is the place that makes it good. */
  readonly goodFile?: string;
}

const CORE = "hv/core/sample.ts";
const VMM = "hv/vmm/sample.ts";
const TOOL = "tools/paths.ts";
const TEST = "test/unit/lint/rules.test.ts";
const HARNESS = "test/unit/sample-harness.ts";
const FLAG = "export const FLAG: u32 = 1;";

const LOOPS: Sample[] = [
  ["without a test", "for (;;) break;", "while (true) break;"],
  ["over a literal", "for (; true;) break;", "while (true) break;"],
  ["over an expression of literals", "for (; 1 < 2;) break;", "while (1 < 2) break;"],
  ["over a module-level constant", "for (; FLAG;) break;", "for (; n > FLAG;) break;"],
  ["over a local constant", "const one = 1; for (; one;) break;", "let one = n; for (; one; one--) f();"],
  ["over a builtin that asc folds", "for (; sizeof<u32>() == 4;) break;", "for (; popcnt(n) == 4;) n++;"],
  ["over the limit of a type", "for (; u32.MAX_VALUE;) break;", "for (; f();) n++;"],
].map(([says, bad, good]) => ({
  says: `a for ${says}`,
  rule: "basalt/no-constant-for",
  file: CORE,
  bad: `${FLAG} export function f(n: u32): u32 { ${bad} return n; }`,
  good: `${FLAG} export function f(n: u32): u32 { ${good} return n; }`,
}));

const MODULE_STATE: Sample[] = [
  ["a module-level let", "export let count: u32 = 0;", "export const COUNT: u32 = 0;"],
  [
    "a module-level var",
    "export var count: u32 = 0;",
    "export function f(): u32 { let count: u32 = 0; return ++count; }",
  ],
  ["a constant made by new", "export const A: Foo = new Foo();", `${FLAG} export const A: u32 = (FLAG << 3) | ~1;`],
  ["a constant made by a call", "export const A: u32 = f();", "export const A: u64 = <u64>1 << 40;"],
  ["a constant without a value", "export declare const A: u32;", "export const A: u32 = u32.MAX_VALUE;"],
  ["a constant of joined strings", 'export const A: string = "a" + "b";', 'export const A: string = "ab";'],
  ["a function as an expression", "export const f = (): void => {};", "export function f(): void {}"],
  ["an array that can grow", "export const A: Array<u32> = [1];", "export const A: StaticArray<u32> = [1];"],
  ["an array of no named type", "export const A = [1];", "export const A: StaticArray<u64> = [1, 2 << 3];"],
  [
    "an array of arrays",
    "export const A: StaticArray<StaticArray<u32>> = [[1]];",
    'export const A: StaticArray<string> = ["a"];',
  ],
  [
    "an array of objects",
    "export const A: StaticArray<Foo> = [new Foo()];",
    "function f(): void {} export const A: StaticArray<() => void> = [f];",
  ],
  ["a static field", "export class A { static count: u32 = 0; }", "export class A { count: u32 = 0; }"],
  [
    "a namespace",
    "export namespace A { export let count: u32 = 0; }",
    "export class A { static make(): A { return new A(); } }",
  ],
  [
    "a write to a module's array",
    "const A: StaticArray<u32> = [1]; export function f(): void { A[0] = 2; }",
    "const A: StaticArray<u32> = [1]; export function f(B: StaticArray<u32>): void { B[0] = A[0]; }",
  ],
  [
    "a count in a module's array",
    'import { A } from "./a"; export function f(): void { unchecked(A[0]++); }',
    'import { A } from "./a"; export function f(): u32 { return A[0] + 1; }',
  ],
].map(([says = "", bad = "", good = ""]) => ({ says, rule: "basalt/no-module-state", file: CORE, bad, good }));

// Each of these is good in a folder or a file that is granted it.
const RAW_MEMORY: Sample[] = [
  ["load", "return load<u32>(p);", CORE, "hv/core/memory/sample.ts"],
  ["load", "return load<u32>(p);", VMM, "hv/vmm/memory/sample.ts"],
  ["store", "store<u32>(p, 1); return 0;", VMM, "hv/vmm/memory/sample.ts"],
  ["memory.copy", "memory.copy(p, p, 8); return 0;", VMM, "hv/vmm/memory/sample.ts"],
  ["memory.fill", "memory.fill(p, 0, 8); return 0;", CORE, "hv/core/memory/sample.ts"],
  ["atomic.load", "return atomic.load<u32>(p);", CORE, "hv/core/memory/sample.ts"],
  ["v128.load", "v128.load(p); return 0;", CORE, "hv/core/memory/sample.ts"],
  ["i32.load", "return i32.load(p);", VMM, "hv/vmm/memory/sample.ts"],
  ["i64.store8", "i64.store8(p, 1); return 0;", VMM, "hv/vmm/memory/sample.ts"],
  ["i32.atomic.load", "return i32.atomic.load(p);", VMM, "hv/vmm/memory/sample.ts"],
  ["a read of text at an address", "return String.UTF8.decodeUnsafe(p, 8).length;", CORE, "hv/core/memory/sample.ts"],
  ["load under another name", "return [load<u32>][0](p);", CORE, "hv/core/memory/sample.ts"],
  ["changetype to an object", "return changetype<Foo>(p).value;", CORE, "hv/core/vcpu/vcpu.ts"],
  ["changetype to an object", "return changetype<Foo>(p).value;", VMM, "hv/vmm/vmm.ts"],
  ["changetype to a type parameter", "return changetype<T>(p).value;", CORE, "hv/core/vmm.ts"],
  ["an object's address", "return changetype<usize>(p);", VMM, CORE],
  ["unchecked", "return unchecked(A[p]);", CORE, "hv/core/vmx/run.ts"],
  ["heap.alloc", "return heap.alloc(p);", CORE, "hv/core/index.ts"],
].map(([says = "", body = "", file = "", goodFile = ""]) => {
  const code = `export function f(p: usize): usize { ${body} }`;
  return { says: `${says} in ${file}`, rule: "basalt/no-raw-memory", file, bad: code, good: code, goodFile };
});

const BOUNDARIES: Sample[] = [
  ["core importing from vmm", CORE, 'import { a } from "../vmm/a";', 'import { a } from "../shared/a";'],
  ["vmm importing from core", VMM, 'import { a } from "../core/a";', 'import { a } from "../x86/a";'],
  ["vmm importing hardware", VMM, 'import { a } from "../core/hardware";', 'import { a } from "./host";'],
  ["core importing host", CORE, 'import { a } from "../vmm/host";', 'import { a } from "./hardware";'],
  ["shared importing from core", "hv/shared/a.ts", 'import { a } from "../core/a";', 'import { a } from "../x86/a";'],
  ["x86 importing from shared", "hv/x86/a.ts", 'import { a } from "../shared/a";', 'import { a } from "./b";'],
  ["x86 importing from asc's library", "hv/x86/a.ts", 'import { a } from "util/number";', 'import { a } from "./b";'],
  [
    "shared passing on what is core's",
    "hv/shared/a.ts",
    'export { a } from "../core/a";',
    'export { a } from "../x86/a";',
  ],
  [
    "vmEnter in a third file",
    "hv/core/vm.ts",
    'import { vmEnter } from "./hardware";',
    'import { in8 } from "./hardware";',
  ],
  [
    "vmEnter under another name",
    "hv/core/vm.ts",
    'import { vmEnter as enter } from "./hardware";',
    'import { in8 as read } from "./hardware";',
  ],
  ["hardware passed on", CORE, 'export { vmEnter } from "./hardware";', 'export { a } from "./a";'],
  ["hardware passed on whole", CORE, 'export * from "./hardware";', 'export * from "./a";'],
  ["hardware under one name", CORE, 'import * as h from "./hardware";', 'import * as h from "./a";'],
].map(([says = "", file = "", bad = "", good = ""]) => ({
  says,
  rule: "basalt/import-boundaries",
  file,
  bad,
  good,
}));

const OTHER_BOUNDARIES: Sample[] = [
  {
    says: "a function of the host declared elsewhere",
    rule: "basalt/import-boundaries",
    file: CORE,
    bad: "export declare function f(): void;",
    good: "export declare function f(): void;",
    goodFile: "hv/core/hardware.ts",
  },
  {
    says: "vmEnter but in the run loop",
    rule: "basalt/import-boundaries",
    file: "hv/core/vmx/exits.ts",
    bad: 'import { vmEnter } from "../hardware";',
    good: 'import { vmEnter } from "../hardware";',
    goodFile: "hv/core/vmx/run.ts",
  },
  {
    says: "a folder of hv/ without a row in the boundaries",
    rule: "basalt/import-boundaries",
    file: "hv/elsewhere/a.ts",
    bad: FLAG,
    good: FLAG,
    goodFile: CORE,
  },
];

const SYNTAX: Sample[] = [
  ["an enum", CORE, "export enum A { B }", FLAG],
  ["a constant enum", "hv/x86/a.ts", "export const enum A { B }", FLAG],
  ["a decorated method", CORE, "class A { @inline f(): void {} }", "@unmanaged class A { f(): void {} }"],
  [
    "an identity comparison",
    VMM,
    'export function f(a: string): bool { return a === ""; }',
    'export function f(a: string): bool { return a == ""; }',
  ],
  ["an enum in a harness", HARNESS, "export enum A { B }", FLAG],
].map(([says = "", file = "", bad = "", good = ""]) => ({ says, rule: "no-restricted-syntax", file, bad, good }));

const SLEEPS: Sample[] = [
  "await new Promise((resolve) => setTimeout(resolve, 50));",
  "await new Promise<void>((resolve) => { setTimeout(() => resolve(), 50); });",
  'import { setTimeout } from "node:timers/promises"; await setTimeout(50);',
  'import { scheduler } from "timers/promises"; await scheduler.wait(50);',
  'import { promisify } from "node:util"; await promisify(setTimeout)(50);',
  "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);",
].map((bad, n) => ({
  says: `a sleep in a test, form ${n + 1}`,
  rule: "no-restricted-syntax",
  file: TEST,
  bad,
  good: "const timer = setTimeout(() => process.exit(1), 50); clearTimeout(timer);",
}));

const TYPED: Sample[] = [
  ["no-floating-promises", "Promise.resolve(1);", "await Promise.resolve(1);"],
  ["no-misused-promises", "[1].forEach(async () => Promise.resolve());", "[1].forEach(() => undefined);"],
  ["await-thenable", "await 1;", "await Promise.resolve(1);"],
  ["no-unused-vars", "const a = 1;", "export const a = 1;"],
  ["no-explicit-any", "export const a: any = 1;", "export const a: unknown = 1;"],
  ["no-unsafe-assignment", 'export const a: number = JSON.parse("1");', 'export const a = JSON.parse("1") as number;'],
  ["only-throw-error", 'throw "a";', 'throw new Error("a");'],
  ["restrict-template-expressions", "export const a = `${{}}`;", "export const a = `${1}`;"],
  [
    "switch-exhaustiveness-check",
    'export function f(a: "b" | "c"): void { switch (a) { case "b": } }',
    'export function f(a: "b" | "c"): void { switch (a) { case "b": case "c": } }',
  ],
].map(([rule = "", bad = "", good = ""]) => ({
  says: `what ${rule} names`,
  rule: `@typescript-eslint/${rule}`,
  file: TOOL,
  bad,
  good,
}));

const GENERAL: Sample[] = [
  {
    says: "an unused import in hv/",
    rule: "@typescript-eslint/no-unused-vars",
    file: CORE,
    bad: 'import { a } from "./a";',
    good: 'export { a } from "./a";',
  },
  {
    says: "a loop that runs once",
    rule: "no-unreachable-loop",
    file: CORE,
    bad: "while (f()) { g(); break; }",
    good: "while (f()) g();",
  },
  { says: "a comparison with itself", rule: "no-self-compare", file: VMM, bad: "f(a == a);", good: "f(a == b);" },
  {
    says: "an unknown name in plain JavaScript",
    rule: "no-undef",
    file: "tools/sample.mjs",
    bad: "f();",
    good: "console.log();",
  },
];

const VENDOR_NAMES: Sample[] = [
  ["a VMX instruction by name", "vmread(1);", "vcpu.read(1);"],
  ["a variable named after a VMX structure", "const eptPointer = 1;", "const pagingPointer = 1;"],
  ["an import of the exit reasons", 'import { A } from "../x86/exit-reasons";', 'import { A } from "../x86/msr";'],
  ["an import of the backend", 'import { A } from "./vmx/run";', 'import { A } from "./vcpu/vcpu";'],
].map(([says, bad, good]) => ({
  says: `${says} in what all vendors share`,
  rule: "basalt/no-vendor-names",
  file: CORE,
  bad: bad!,
  good: good!,
}));

const eslint = new ESLint({ cwd: root });

async function rulesBroken(file: string, code: string): Promise<(string | null)[]> {
  const [result] = await eslint.lintText(code, { filePath: `${root}${file}` });
  assert.ok(result);
  for (const { fatal, message } of result.messages) assert.ok(!fatal, `${file}: ${message}: ${code}`);
  return result.messages.map(({ ruleId }) => ruleId);
}

describe("the lint refuses", () => {
  const samples = [
    LOOPS,
    MODULE_STATE,
    RAW_MEMORY,
    BOUNDARIES,
    OTHER_BOUNDARIES,
    SYNTAX,
    SLEEPS,
    TYPED,
    GENERAL,
    VENDOR_NAMES,
  ].flat();
  for (const { says, rule, file, bad, good, goodFile = file } of samples) {
    test(says, async () => {
      assert.ok((await rulesBroken(file, bad)).includes(rule), `${rule} allows in ${file}: ${bad}`);
      assert.ok(!(await rulesBroken(goodFile, good)).includes(rule), `${rule} refuses in ${goodFile}: ${good}`);
    });
  }

  test("a comment that switches a rule off", async () => {
    const code = "// eslint-disable-next-line basalt/no-module-state\nexport let count: u32 = 0;";
    assert.ok((await rulesBroken(CORE, code)).includes("basalt/no-module-state"));
  });

  test("a decorator of a function, which tsc cannot parse", async () => {
    const [result] = await eslint.lintText("@inline function f(): void {}", { filePath: `${root}${CORE}` });
    assert.match(result?.messages[0]?.message ?? "", /Decorators are not valid here/);
  });
});
