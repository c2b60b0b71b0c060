// The two public cases that asked for this: what `basalt doctor` says of them.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { execa } from "execa";
import { exitCodes } from "../../../tools/exit-codes.ts";
import { root } from "../../../tools/paths.ts";

const cases = join(root, "test/fixtures/doctor");
const keptDump = join(cases, "kvm-dump-ept-entry-failure.txt");
const listing = join(cases, "printk-invalid-guest-state.txt");
const encodings = join(cases, "field-encodings.txt");

interface Told {
  readonly slug: string;
  readonly condition?: string;
  readonly found?: readonly { readonly name: string; readonly bits?: readonly { readonly bit: number }[] }[];
}

interface Document {
  readonly verdict: string;
  readonly violated: readonly Told[];
  readonly undecidable: readonly Told[];
  readonly advice: readonly Told[];
}

async function doctor(...args: string[]): Promise<{ document: Document; exitCode: number | undefined }> {
  const { stdout, exitCode } = await execa(
    process.execPath,
    ["tools/basalt.mjs", "doctor", "--no-build", "--json", ...args],
    { cwd: root, reject: false, stdin: "ignore" },
  );
  const printed = JSON.parse(stdout) as Document | Document[];
  return { document: Array.isArray(printed) ? printed.at(-1)! : printed, exitCode };
}

const slugs = (told: readonly Told[]): string[] => told.map(({ slug }) => slug).sort();

test("case 1 on its processor breaks exactly two rules, both in the EPTP: its address and its A/D bit", async () => {
  const { document, exitCode } = await doctor("--cpu", "sandybridge", keptDump);
  assert.deepEqual(slugs(document.violated), ["control.eptp.accessed-dirty", "control.eptp.maxphyaddr"]);
  assert.equal(exitCode, exitCodes.violated.code);
  const address = document.violated.find(({ slug }) => slug === "control.eptp.maxphyaddr");
  assert.deepEqual(
    address?.found?.[0]?.bits?.map(({ bit }) => bit),
    [36, 38, 40, 41],
  );
});

test("case 1 without a processor breaks no rule, and both conditions are told", async () => {
  const { document, exitCode } = await doctor(keptDump);
  assert.deepEqual(document.violated, []);
  assert.equal(exitCode, exitCodes.undecidable.code);
  const condition = (wanted: string): string | undefined =>
    document.undecidable.find(({ slug }) => slug === wanted)?.condition;
  assert.equal(condition("control.eptp.maxphyaddr"), "violated if MAXPHYADDR < 42");
  assert.equal(condition("control.eptp.accessed-dirty"), "violated if IA32_VMX_EPT_VPID_CAP[21] = 0");
});

test("case 1 is advised of the EPTP that looks shifted", async () => {
  const { document } = await doctor("--cpu", "sandybridge", keptDump);
  assert.ok(slugs(document.advice).includes("advice.eptp.shifted-twice"), slugs(document.advice).join(", "));
});

test("case 2's listing by itself breaks no rule", async () => {
  const { document, exitCode } = await doctor(listing);
  assert.deepEqual(document.violated, []);
  assert.notEqual(exitCode, exitCodes.violated.code);
});

test("case 2's listing stored through its author's encodings breaks exactly the three rules of GS", async () => {
  const { document, exitCode } = await doctor("--fields", encodings, listing);
  assert.deepEqual(slugs(document.violated), ["guest.gs.p", "guest.gs.s", "guest.gs.type.accessed"]);
  assert.equal(exitCode, exitCodes.violated.code);
});

test("case 2 is advised that SYSENTER_CS holds IA32_EFER's value", async () => {
  for (const args of [[listing], ["--fields", encodings, listing]]) {
    const { document } = await doctor(...args);
    assert.ok(slugs(document.advice).includes("advice.guest.sysenter-cs-is-efer"), slugs(document.advice).join(", "));
  }
});

test("case 2's encodings have exactly one that is wrong, with its name and the right one", async () => {
  const { stdout, exitCode } = await execa(
    process.execPath,
    ["tools/basalt.mjs", "doctor", "--no-build", "--fields", encodings],
    { cwd: root, reject: false, stdin: "ignore" },
  );
  assert.match(stdout, /84 encodings, one is wrong/);
  assert.match(stdout, /line 48: 0x482e is the VMX-preemption timer value; guest GS access rights are 0x481e/);
  assert.equal(exitCode, exitCodes.violated.code);
});
