// The lint: which rules hold in which folder. Basalt's own rules are in tools/lint, with their reasons.
// No file can switch a rule off by a comment: what is granted to a file stands here with its reason.
import { defineConfig } from "eslint/config";
import { tsImport } from "tsx/esm/api";
import tseslint from "typescript-eslint";

const { basalt } = await tsImport("./tools/lint/plugin.ts", import.meta.url);

/** AssemblyScript outside hv/: what a test compiles in beside the sources that it tests. */
const ASSEMBLYSCRIPT_OF_TESTS = ["test/**/*-harness.ts", "test/unit/ept/nested-paging-format.ts"];

/** hv/'s folders, the folders that each may import from, and who may call what the host provides. */
const BOUNDARIES = {
  folders: {
    "hv/x86": ["hv/x86"],
    "hv/shared": ["hv/shared", "hv/x86"],
    "hv/doctor": ["hv/doctor", "hv/x86"],
    "hv/core": ["hv/core", "hv/doctor", "hv/shared", "hv/x86"],
    "hv/vmm": ["hv/vmm", "hv/shared", "hv/x86"],
    "hv/terminal": ["hv/terminal", "hv/shared"],
  },
  hostModules: ["hv/core/hardware", "hv/vmm/host", "hv/terminal/ports"],
  guarded: [
    {
      name: "svmEnter",
      by: ["hv/core/svm/run", "hv/core/svm/mutate/mutate"],
      reason: "run does what is due before; mutate runs no guest",
    },
    {
      name: "vmEnter",
      by: ["hv/core/vmx/run", "hv/core/vmx/script-steps", "hv/core/vmx/mutate/mutate"],
      reason: "run checks for stale translations first; the script and mutate run no guest, so that they have none",
    },
  ],
};

/** Core's own AssemblyScript runtime. */
const ALLOCATOR = "hv/core/memory/arenas.ts";

/** VMX's and SVM's names, which belong to hv/core/vmx and hv/core/svm: the rest of core and the vmm serve every vendor's virtualization. */
const VENDOR_NAMES = {
  words: [
    ...["vmx", "vmcs", "ept", "eptp", "vpid", "vmread", "vmwrite", "vmcall", "vmlaunch", "vmresume", "vmxon", "vmxoff"],
    ...["vmmcall", "vmload", "vmsave", "stgi", "clgi", "npf", "iopm", "msrpm"],
    ...["vmclear", "vmptrld", "vmptrst", "vmfunc", "invept", "invvpid", "mtf", "svm", "vmcb", "vmrun", "npt", "asid"],
  ],
  modules: ["exit-reasons", "svm-exit-codes", "vm-instruction-errors", "entry-failures"],
  // Bits of CPUID and MSRs, which a policy hides; results that users know; a guest named after the public case that it is.
  allowed: /^(CPUID_|IA32_|RESULT_|GUEST_EPT$)/,
};

/** Where they may stand: tables, the checker of VM entry, and what has a row for each backend. */
const VENDOR_FILES = [
  "hv/core/vmx/**",
  "hv/core/svm/**",
  "hv/doctor/**",
  "hv/x86/**",
  // The instructions of every vendor.
  "hv/core/hardware.ts",
  // Chooses the backend.
  "hv/core/index.ts",
  // Numbers that users know, and texts: one table for all backends.
  "hv/core/results.ts",
  "hv/core/memory/mapping-status.ts",
];

/** Ways round the bounds checks (tools/lint/no-raw-memory.ts), granted by folder and file; the last match counts. */
const MEMORY_GRANTS = [
  { files: ["hv/**/*.ts"], grants: {} },
  // Imports take pointers to what they fill in.
  { files: ["hv/core/**/*.ts"], grants: { address: true } },
  // The pages that lie behind the page pool.
  // An object of core's comes back from the runtime as the number that it was given as.
  { files: ["hv/core/index.ts"], grants: { address: true, heap: true, view: true } },
  // An object that is at the same pointer on another CPU, which gives the pointer in a shared word.
  { files: ["hv/core/processors/team.ts", "hv/core/monitor/moves.ts"], grants: { address: true, view: true } },
  // The vCPU page and the registers at its end are laid out for boot/vm_entry.asm.
  { files: ["hv/core/vcpu/vcpu.ts"], grants: { address: true, view: true } },
  // The CPU lays out XSAVE's area.
  { files: ["hv/core/cpu/extended-state.ts"], grants: { address: true, view: true } },
  // The record of a vmm's trap is laid out by boot/runtime/vmm.c.
  { files: ["hv/core/vmm.ts"], grants: { address: true, view: true } },
  // The CPU lays out the head of a VMXON region and a VMCS.
  { files: ["hv/core/vmx/vmx-region.ts"], grants: { view: true } },
  // The CPU lays out MSR areas, PDPTEs, and the virtual-APIC page.
  { files: ["hv/core/vmx/mutate/surroundings.ts"], grants: { view: true } },
  // Faults on purpose, for the tests of the reports.
  { files: ["hv/core/monitor/fail.ts", "hv/vmm/guests/faults.ts"], grants: { view: true } },
  // A handler and a counter an exit, behind a check of the exit reason; the checks again would cost ticks in each.
  { files: ["hv/core/vmx/run.ts", "hv/core/svm/run.ts"], grants: { address: true, view: true, unchecked: true } },
  // A row a CPUID, and two elements a RDMSR, each behind a check of the leaf or the MSR.
  { files: ["hv/core/cpu/cpuid.ts"], grants: { address: true, view: true } },
  { files: ["hv/core/cpu/msr-access.ts"], grants: { address: true, unchecked: true } },
  // The CPU lays out a VMCB; a byte, or eight, of its page at offsets that are constants.
  { files: ["hv/core/svm/vmcb.ts"], grants: { access: true, address: true, view: true } },
  // What a vmm records in its page; elements with masked or counted numbers at each exit.
  { files: ["hv/core/svm/next-rip.ts"], grants: { view: true, unchecked: true } },
  { files: ["hv/core/svm/known-instruction.ts", "hv/core/svm/cpu-state.ts"], grants: { unchecked: true } },
  { files: ["hv/vmm/decode/intercepted.ts"], grants: { view: true } },
  // Elements with constant numbers, of an array whose size is a constant, at each access to a device.
  { files: ["hv/core/vmx/cpu-state.ts"], grants: { address: true, unchecked: true } },
  // One element an exit, behind a check of the address.
  { files: ["hv/core/guest-memory.ts"], grants: { address: true, unchecked: true } },
  // An index that is masked; the check again would be seen in what a memory access is measured to cost.
  { files: ["hv/vmm/devices/scratch-registers.ts"], grants: { view: true, unchecked: true } },
  // One element a character, behind a check of the length.
  { files: ["hv/core/console/console.ts"], grants: { address: true, unchecked: true } },
  // The root goes out to the host as a number and comes back as one.
  { files: ["hv/vmm/index.ts", "hv/terminal/index.ts", "hv/doctor/index.ts"], grants: { address: true, view: true } },
  // The vCPU page, which core maps in.
  { files: ["hv/vmm/cpu/vcpu-views.ts"], grants: { view: true } },
  // The same, a row an exit behind a check of its number, and the root for functions whose type cannot name it.
  { files: ["hv/vmm/vmm.ts"], grants: { view: true, unchecked: true, address: true } },
  // Two elements an exit, whose numbers are a port of 16 bits and the bus's own; checks would cost ticks in each.
  { files: ["hv/vmm/port-bus.ts"], grants: { unchecked: true } },
  // Four elements with masked numbers, at each interrupt and its end.
  { files: ["hv/vmm/devices/local-apic/vector-set.ts"], grants: { unchecked: true } },
  // Functions for Bus.attachOften, whose type cannot name the device.
  { files: ["hv/vmm/devices/local-apic/page.ts"], grants: { view: true } },
  // A byte an exit, behind a check of the length.
  { files: ["hv/vmm/devices/console-line.ts"], grants: { unchecked: true } },
  // Two elements a descriptor, behind a check of their number against the queue's size.
  { files: ["hv/vmm/devices/virtio/virtqueue.ts"], grants: { unchecked: true } },
  // The same elements, whose bytes the queue has counted; and a queue, behind a check of its number.
  {
    files: ["hv/vmm/devices/virtio/block.ts", "hv/vmm/devices/virtio/chain-device.ts"],
    grants: { unchecked: true },
  },
  // At each request: a queue behind a check of its number, three words behind one of the vector, and one with a masked number.
  {
    files: [
      "hv/vmm/devices/virtio/structures.ts",
      "hv/vmm/devices/pci/msix.ts",
      "hv/vmm/devices/pci/configuration-space.ts",
    ],
    grants: { unchecked: true },
  },
  // These are the checks.
  {
    files: ["hv/core/memory/**/*.ts", "hv/vmm/memory/**/*.ts", "hv/terminal/memory/**/*.ts"],
    grants: { access: true, address: true },
  },
  // An element with a masked number, at each block of RAM that is touched for the first time.
  { files: ["hv/core/memory/page-tables.ts"], grants: { access: true, address: true, unchecked: true } },
];

/** ESLint's own rules that find defects; they hold in AssemblyScript too. */
const DEFECTS = Object.fromEntries(
  [
    "array-callback-return",
    "for-direction",
    "no-async-promise-executor",
    "no-case-declarations",
    "no-compare-neg-zero",
    "no-cond-assign",
    "no-constant-binary-expression",
    "no-debugger",
    "no-dupe-else-if",
    "no-duplicate-case",
    "no-empty",
    "no-empty-character-class",
    "no-empty-pattern",
    "no-fallthrough",
    "no-misleading-character-class",
    "no-self-assign",
    "no-self-compare",
    "no-sparse-arrays",
    "no-unmodified-loop-condition",
    "no-unreachable",
    "no-unreachable-loop",
    "no-unsafe-finally",
    "no-unsafe-optional-chaining",
    "no-unused-labels",
    "no-useless-assignment",
    "no-useless-backreference",
    "no-useless-catch",
    "no-var",
    "prefer-const",
    "require-yield",
    "use-isnan",
  ].map((rule) => [rule, "error"]),
);

/** A name that starts with `_` is a parameter or an element that its place demands. */
const UNUSED = {
  argsIgnorePattern: "^_",
  varsIgnorePattern: "^_",
  destructuredArrayIgnorePattern: "^_",
  caughtErrors: "all",
};

const ASSEMBLYSCRIPT_SYNTAX = [
  {
    selector: "TSEnumDeclaration",
    message:
      "Found an enum, expected `export const NAME: u32 = …;`: asc sign-extends an enum's member in `u64 | Enum`.",
  },
  {
    selector: ":not(ClassDeclaration, MethodDefinition[static=true]) > Decorator",
    message:
      "Found a decorator of something that is no class and no static method, expected none: tsc and asc must read the same source.",
  },
  {
    selector: "BinaryExpression[operator=/^[!=]==$/]",
    message: "Found an identity comparison, expected `==` or `!=`: in AssemblyScript `===` tells equal strings apart.",
  },
];

const SLEEP = "Found a sleep, expected the test to wait for the event itself; a deadline is the test's own `timeout`.";

const SLEEPS = [
  "NewExpression[callee.name='Promise'] CallExpression[callee.name='setTimeout']",
  "NewExpression[callee.name='Promise'] CallExpression[callee.object.name='globalThis'][callee.property.name='setTimeout']",
  "CallExpression[callee.name='promisify'] > Identifier[name='setTimeout']",
  "CallExpression[callee.object.name='Atomics'][callee.property.name='wait']",
  "ImportDeclaration[source.value=/^(node:)?timers.promises$/]",
].map((selector) => ({ selector, message: SLEEP }));

const TYPED_DEFECTS = {
  ...DEFECTS,
  eqeqeq: ["error", "always", { null: "ignore" }],
  "@typescript-eslint/no-unused-vars": ["error", UNUSED],
  "@typescript-eslint/only-throw-error": "error",
  "@typescript-eslint/prefer-promise-reject-errors": "error",
  "@typescript-eslint/return-await": ["error", "error-handling-correctness-only"],
  "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
  // node:test runs and awaits its tests itself.
  "@typescript-eslint/no-floating-promises": [
    "error",
    {
      allowForKnownSafeCalls: [
        { from: "package", package: "node:test", name: ["after", "before", "describe", "it", "test"] },
      ],
    },
  ],
  // A number in a text is what most of these texts are for; an object or a promise there is a defect.
  "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
  // A syntax tree's node types are written as their texts, and the compiler checks those.
  "@typescript-eslint/no-unsafe-enum-comparison": "off",
  // noUncheckedIndexedAccess asks for `!` where the index is known to be right.
  "@typescript-eslint/no-non-null-assertion": "off",
  // An async function may await nothing today and satisfy its interface.
  "@typescript-eslint/require-await": "off",
};

export default defineConfig(
  { ignores: ["build/", "node_modules/"] },
  { linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: "error" } },

  {
    files: ["hv/**/*.ts", ...ASSEMBLYSCRIPT_OF_TESTS],
    plugins: { basalt, "@typescript-eslint": tseslint.plugin },
    languageOptions: { parser: tseslint.parser },
    rules: {
      ...DEFECTS,
      "@typescript-eslint/no-unused-vars": ["error", UNUSED],
      "basalt/no-constant-for": "error",
      "no-restricted-syntax": ["error", ...ASSEMBLYSCRIPT_SYNTAX],
    },
  },
  {
    files: ["hv/**/*.ts"],
    rules: {
      "basalt/import-boundaries": ["error", BOUNDARIES],
      "basalt/no-module-state": "error",
    },
  },
  {
    files: ["hv/**/*.ts"],
    ignores: VENDOR_FILES,
    rules: { "basalt/no-vendor-names": ["error", VENDOR_NAMES] },
  },
  // It has nowhere else to keep where it goes on.
  { files: [ALLOCATOR], rules: { "basalt/no-module-state": "off" } },
  ...MEMORY_GRANTS.map(({ files, grants }) => ({ files, rules: { "basalt/no-raw-memory": ["error", grants] } })),

  {
    files: ["tools/**/*.ts", "test/**/*.ts"],
    ignores: ASSEMBLYSCRIPT_OF_TESTS,
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: TYPED_DEFECTS,
  },
  {
    files: ["test/**/*.ts"],
    ignores: ASSEMBLYSCRIPT_OF_TESTS,
    rules: { "no-restricted-syntax": ["error", ...SLEEPS] },
  },

  // Plain JavaScript: what Node reads before it can read TypeScript.
  {
    files: ["**/*.mjs"],
    languageOptions: { globals: { console: "readonly", process: "readonly", URL: "readonly" } },
    rules: { ...DEFECTS, eqeqeq: "error", "no-undef": "error", "no-unused-vars": ["error", UNUSED] },
  },
);
