// Dumps of VMCBs: KVM's in the layouts of several kernels, Basalt's, JSON; and what `basalt doctor` says of two of them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { execa } from "execa";
import { isUnreadable, type Dump } from "../../../../tools/doctor/dump.ts";
import { examineDump } from "../../../../tools/doctor/examine.ts";
import { readDump } from "../../../../tools/doctor/readers/read-dump.ts";
import { rulesMarkdown } from "../../../../tools/doctor/rules-markdown.ts";
import { offsetOf, VMCB_FIELDS } from "../../../../tools/doctor/vmcb-fields.ts";
import { exitCodes } from "../../../../tools/exit-codes.ts";
import { root } from "../../../../tools/paths.ts";
import { loadVmcbDoctor, numberOf } from "./support.ts";

const fixtures = join(root, "test/fixtures/doctor");
const valid = join(fixtures, "kvm-vmcb-valid.txt");
const invalid = join(fixtures, "kvm-vmcb-invalid.txt");
const processor = join(fixtures, "zen-cpuid.txt");
const validText = readFileSync(valid, "utf8");

const VIOLATED = [
  "vmcb.asid.zero",
  "vmcb.cr4.reserved",
  "vmcb.efer.lme.cs",
  "vmcb.efer.svme",
  "vmcb.eventinj.vector.64-bit",
  "vmcb.intercept.vmrun",
  "vmcb.msrpm.maxphyaddr",
];

function dumpOf(text: string): Dump {
  const dump = readDump(text);
  if (isUnreadable(dump)) assert.fail(`line ${dump.line}: ${dump.reason}`);
  assert.equal(dump.structure, "vmcb");
  return dump;
}

const valueOf = (dump: Dump, name: string): bigint | undefined => dump.fields.get(numberOf(name))?.value;

interface Document {
  readonly structure: string;
  readonly verdict: string;
  readonly violated: readonly { readonly slug: string; readonly found: readonly Record<string, unknown>[] }[];
}

async function doctor(...args: string[]): Promise<{ document: Document; exitCode: number | undefined }> {
  const { stdout, exitCode } = await execa(
    process.execPath,
    ["tools/basalt.mjs", "doctor", "--no-build", "--json", ...args],
    { cwd: root, reject: false, stdin: "ignore" },
  );
  return { document: JSON.parse(stdout) as Document, exitCode };
}

test("a VMCB that KVM runs breaks no rule on its processor, and the command ends with 0", async () => {
  const { document, exitCode } = await doctor("--caps", processor, valid);
  assert.deepEqual(document.violated, []);
  assert.deepEqual([document.structure, document.verdict], ["vmcb", "clean"]);
  assert.equal(exitCode, exitCodes.ok.code);
});

test("without its processor some rules cannot be decided, and the command says so", async () => {
  const { document, exitCode } = await doctor(valid);
  assert.deepEqual(document.violated, []);
  assert.equal(exitCode, exitCodes.undecidable.code);
});

test("a VMCB with seven mistakes breaks seven rules, each with its line in the dump", async () => {
  const { document, exitCode } = await doctor("--caps", processor, invalid);
  assert.deepEqual(document.violated.map(({ slug }) => slug).sort(), VIOLATED);
  const asid = document.violated.find(({ slug }) => slug === "vmcb.asid.zero")!;
  assert.deepEqual(asid.found[0], {
    kind: "field",
    name: "GUEST_ASID",
    encoding: "0x058",
    value: "0x0",
    line: 13,
    required: "must not be 0x00000000",
  });
  assert.equal(exitCode, exitCodes.violated.code);
});

test("every field of KVM's dump is read, with halves put together", () => {
  const dump = dumpOf(validText);
  assert.deepEqual(
    ["CR_INTERCEPTS", "INTERCEPTS_1", "INTERCEPTS_2", "GUEST_ASID", "PAUSE_FILTER_THRESHOLD"].map((n) =>
      valueOf(dump, n),
    ),
    [0x0110_0010n, 0xbc4c_8027n, 0x624fn, 12n, 128n],
  );
  assert.equal(valueOf(dump, "EVENTINJ"), 0x18_8000_0b0dn);
  assert.equal(valueOf(dump, "CS.ATTRIB"), 0x29bn);
  assert.equal(valueOf(dump, "TR.BASE"), 0xfffffe0000003000n);
  assert.equal(valueOf(dump, "EFER"), 0x1d01n);
  assert.equal(valueOf(dump, "G_PAT"), 0x0407_0506_0007_0106n);
  const unread = VMCB_FIELDS.filter(({ encoding }) => !dump.fields.has(encoding)).map(({ name }) => name);
  assert.deepEqual(unread, ["INTERCEPTS_3", "CLEAN_BITS", "BYTES_FETCHED", "S_CET", "SSP", "ISST_ADDR"]);
});

test("a kernel before 5.10 prints the intercepts as one number", () => {
  const dump = dumpOf(readFileSync(invalid, "utf8"));
  assert.equal(valueOf(dump, "INTERCEPTS_1"), 0xbc4c_8027n);
  assert.equal(valueOf(dump, "INTERCEPTS_2"), 0x224en);
});

test("a place is where the value stands in the text", () => {
  const dump = dumpOf(validText);
  const lines = validText.split("\n");
  for (const name of ["CR4", "CS.BASE", "N_CR3", "GUEST_ASID", "EFER"]) {
    const { value, place } = dump.fields.get(numberOf(name))!;
    const text = lines[place.line - 1]!.slice(place.column, place.column + place.length);
    assert.equal(BigInt(name === "GUEST_ASID" ? text : `0x${text}`), value, name);
  }
});

test("what loggers put before lines does not matter, nor do shadow-stack lines that newer kernels add", () => {
  const bare = validText.replaceAll(/^\[[ 0-9.]+\] kvm_amd: /gm, "");
  for (const prefix of ["", "> ", "<3>[  12.000001] SVM: ", "Mar  3 10:00:00 host kernel: kvm_amd: "]) {
    const text =
      bare.replaceAll(/^(?=.)/gm, prefix) +
      `${prefix}s_cet:          0000000000000004 ssp:          0000000000000000\n`;
    const dump = dumpOf(text);
    assert.equal(valueOf(dump, "CR0"), 0x80050033n, prefix);
    assert.equal(valueOf(dump, "S_CET"), 4n, prefix);
    assert.equal(dump.fields.size, dumpOf(validText).fields.size + 2, prefix);
  }
});

test("of two dumps in a log the first is read, with a note", () => {
  const dump = dumpOf(`${validText}${readFileSync(invalid, "utf8")}`);
  assert.equal(valueOf(dump, "GUEST_ASID"), 12n);
  assert.match(dump.notes.map(({ text }) => text).join(), /A second dump begins here/);
});

test("the dump of an encrypted guest has a note that its state is elsewhere", () => {
  const dump = dumpOf(validText.replace("SVM vCPU0 VMCB", "SEV-SNP vCPU0 VMCB"));
  assert.match(dump.notes[0]?.text ?? "", /state is encrypted/);
});

for (const [what, from, to, reason] of [
  [
    "a value that is no number",
    "asid:               12",
    "asid:               1x",
    /Found "1x" for "asid", expected a decimal/,
  ],
  ["a value too wide", "int_ctl:            03000200", "int_ctl:            103000200", /at most 32 bits/],
  ["half a segment", "a: 029b l: ffffffff b: 0000000000000000", "a: 029b", /Found no four values for CS/],
] as const) {
  test(`${what} is refused with its line`, () => {
    const refusal = readDump(validText.replace(from, to));
    assert.ok(isUnreadable(refusal));
    assert.match(refusal.reason, reason);
    assert.equal(validText.split("\n")[refusal.line - 1]?.includes(from), true);
  });
}

test("Basalt's own dump of a VMCB reads back, each field by its offset", () => {
  const text = VMCB_FIELDS.map(({ encoding, name }, row) => {
    const offset = offsetOf(encoding).toString(16).padStart(3, "0");
    return `basalt: vm0: vmcb 0x${offset} 0x${(row + 1).toString(16).padStart(16, "0")} ${name}\n`;
  }).join("");
  const dump = dumpOf(
    `${text}basalt: vm0: capability CPUID.8000000A.EDX 0x1\nbasalt: vm0: state VMCB_POINTER 0x1000\n`,
  );
  assert.equal(dump.format, "basalt");
  VMCB_FIELDS.forEach(({ encoding, name }, row) =>
    assert.equal(dump.fields.get(encoding)?.value, BigInt(row + 1), name),
  );
  assert.equal(dump.capabilities.get("CPUID.8000000A.EDX")?.value, 1n);
  assert.equal(dump.state.get("VMCB_POINTER")?.value, 0x1000n);
});

test("JSON has a VMCB's fields by name, by constant or by offset", async () => {
  const dump = dumpOf('{"vmcb": {"EFER": "0xd01", "VMCB_CR0": "0x31", "0x548": 32, "cs.attrib": "0x29b", "none": 1}}');
  assert.deepEqual(
    ["EFER", "CR0", "CR4", "CS.ATTRIB"].map((name) => valueOf(dump, name)),
    [0xd01n, 0x31n, 32n, 0x29bn],
  );
  assert.match(dump.notes[0]?.text ?? "", /"none" is the name of no VMCB field/);
  const { findings } = examineDump(await loadVmcbDoctor(), dump, null);
  assert.ok(findings.some(({ rule, outcome }) => rule.slug === "vmcb.efer.svme" && outcome === "violated"));
  assert.ok(isUnreadable(readDump('{"vmcb": {"CR0": 1}, "fields": {"GUEST_CR0": 1}}')));
});

test("docs/vmrun-rules.md is what the table gives", async () => {
  const kept = readFileSync(join(root, "docs/vmrun-rules.md"), "utf8");
  const made = rulesMarkdown(await loadVmcbDoctor());
  assert.equal(kept, made, "run: npx basalt doctor --markdown vmcb > docs/vmrun-rules.md");
});
