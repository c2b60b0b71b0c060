// `basalt doctor` as its user meets it: mistakes, exit codes, several files, the reference.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { execa } from "execa";
import { exitCodes } from "../../../tools/exit-codes.ts";
import { root } from "../../../tools/paths.ts";
import { loadDoctor } from "./support.ts";
import { rulesMarkdown } from "../../../tools/doctor/rules-markdown.ts";

async function basalt(args: readonly string[], input = ""): Promise<{ out: string; error: string; exitCode?: number }> {
  const { stdout, stderr, exitCode } = await execa(
    process.execPath,
    ["tools/basalt.mjs", "doctor", "--no-build", ...args],
    { cwd: root, reject: false, input },
  );
  return { out: stdout, error: stderr, ...(exitCode === undefined ? {} : { exitCode }) };
}

const dump = join(root, "test/fixtures/doctor/kvm-dump-ept-entry-failure.txt");

const mistakes: readonly (readonly [what: string, args: string[], message: RegExp, code: number])[] = [
  ["no file", [], /Found no file; give a dump/, exitCodes.usage.code],
  ["a mistyped option", ["--cpus", "skylake"], /unknown option '--cpus'.*Did you mean --cpu\?/s, exitCodes.usage.code],
  ["a mistyped CPU", ["--cpu", "skylak", dump], /"skylak".*did you mean skylake\?/, exitCodes.usage.code],
  ["a CPU twice", ["--cpu", "skylake", "--caps", dump, dump], /Found --cpu and --caps/, exitCodes.usage.code],
  ["a dump beside --rule", ["--rule", "gs", dump], /Found a dump beside --rule/, exitCodes.usage.code],
  ["standard input twice", ["--caps", "-", "-"], /Found - more than once/, exitCodes.usage.code],
  ["a missing file", ["none.txt"], /none\.txt: Found no such file, expected/, exitCodes.unreadable.code],
  ["a folder", ["test"], /test: Found a directory, expected/, exitCodes.unreadable.code],
  ["a missing file of capabilities", ["--caps", "none", dump], /none: Found no such file/, exitCodes.unreadable.code],
  ["a rule that there is not", ["--rule", "nothing"], /no rule whose slug holds "nothing"/, exitCodes.usage.code],
];
for (const [what, args, message, code] of mistakes) {
  test(`${what} is told in a sentence, with exit code ${code}`, async () => {
    const { error, exitCode } = await basalt(args);
    assert.match(error, message);
    assert.equal(exitCode, code);
  });
}

test("what cannot be read is refused with its line", async () => {
  const { error, exitCode } = await basalt(["-"], "guest_cr0 = 0x80000031\nguest_cr4 = 0x2000z\n");
  assert.match(error, /standard input:2: /);
  assert.equal(exitCode, exitCodes.unreadable.code);
});

test("a file that cannot be read does not keep the others from being judged", async () => {
  const { out, error, exitCode } = await basalt(["none.txt", "--cpu", "sandybridge", dump]);
  assert.match(error, /none\.txt/);
  assert.match(out, /control\.eptp\.maxphyaddr/);
  assert.equal(exitCode, exitCodes.unreadable.code, "the worst verdict counts");
});

test("a dump on standard input is judged as one in a file", async () => {
  const piped = await basalt(["--cpu", "sandybridge", "-"], readFileSync(dump, "utf8"));
  const read = await basalt(["--cpu", "sandybridge", dump]);
  assert.deepEqual(piped.out.split("\n").slice(1), read.out.split("\n").slice(1));
  assert.equal(piped.exitCode, exitCodes.violated.code);
});

test("--json has the keys that --help names", async () => {
  const { out } = await basalt(["--json", "--cpu", "sandybridge", dump]);
  const document = JSON.parse(out) as Record<string, Record<string, unknown>[]>;
  const keys = [
    "file",
    "format",
    "structure",
    "verdict",
    "capabilitiesFrom",
    "rules",
    "holds",
    "violated",
    "undecidable",
    "advice",
  ];
  assert.deepEqual(Object.keys(document), [...keys, "notes"]);
  const rule = ["slug", "stage", "order", "section", "sentence"];
  assert.deepEqual(Object.keys(document["violated"]![0]!), [...rule, "hint", "found", "reads"]);
  assert.deepEqual(Object.keys(document["undecidable"]![0]!), [...rule, "missing"]);
  const help = (await basalt(["--help"])).out;
  for (const key of [...keys, ...rule, "notes", "missing", "condition", "unreadable"]) {
    assert.match(help, new RegExp(`\\b${key}\\b`), key);
  }
});

test("a rule of another document is printed with that document's name", async () => {
  const { out } = await basalt(["--rule", "guest.rflags.iopl.fred"]);
  assert.match(out, /^guest\.rflags\.iopl\.fred \(FRED 346446\)/);
});

test("a report piped into a reader that stops is no failure", async () => {
  const { stderr } = await execa(
    "sh",
    ["-c", `"${process.execPath}" tools/basalt.mjs doctor --no-build "${dump}" | head -1`],
    { cwd: root, reject: false },
  );
  assert.equal(stderr.replaceAll(/^npm warn .*\n?/gm, ""), "");
});

test("--rule prints rules with section, sentence and what they read", async () => {
  const { out, exitCode } = await basalt(["--rule", "control.eptp.maxphyaddr"]);
  assert.match(out, /control\.eptp\.maxphyaddr \(SDM 3C 27\.2\.1\.1\)[^]*MAXPHYADDR[^]*0x201a/);
  assert.equal(exitCode, 0);
});

test("docs/vm-entry-rules.md is what the table gives", async () => {
  const kept = readFileSync(join(root, "docs/vm-entry-rules.md"), "utf8");
  assert.equal(kept, rulesMarkdown(await loadDoctor()), "run: npx basalt doctor --markdown > docs/vm-entry-rules.md");
});
