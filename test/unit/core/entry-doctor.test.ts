// The VM-entry doctor in core: after an entry that failed, and before the first one with `doctor=strict`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadDoctor } from "../doctor/support.ts";
import { assertEnd } from "./assertions.ts";
import { boot, type Run } from "./machine/machine.ts";

const short = "guest=hlt iterations=1";

function entries(run: Run): number {
  return run.machine.trace.filter((step) => step === "VM entry").length;
}

test("an entry that fails by its controls is followed by the rule that they break", () => {
  const run = boot({ commandLine: `${short} fail=entry-controls` });
  assertEnd(run, "entry-failed", /VM-instruction error 7/, /control\.eptp\.maxphyaddr/, /bit 51/);
});

test("an entry that fails by the guest state is followed by all rules that it breaks, and no others", () => {
  const run = boot({ commandLine: `${short} fail=entry-state` });
  assertEnd(run, "entry-failed-by-state", /exit qualification 0x0: no more is said/, /guest\.gs\.type\.accessed/);
  const slugs = run.lines.flatMap(
    (line) => /((?:guest|host|control|msr|vmlaunch)\.[a-z0-9.-]+) \(/.exec(line)?.[1] ?? [],
  );
  assert.deepEqual([...new Set(slugs)].sort(), ["guest.gs.p", "guest.gs.s", "guest.gs.type.accessed"]);
});

test("doctor=strict refuses to enter with a VMCS that breaks a rule, before any entry", () => {
  const run = boot({ commandLine: `${short} fail=entry-state doctor=strict` });
  assertEnd(run, "entry-refused-by-doctor", /does not enter \(doctor=strict\)/, /guest\.gs\.type\.accessed/);
  assert.equal(entries(run), 0);
});

test("doctor=strict has nothing against the VMCS of any guest", () => {
  for (const guest of ["hlt", "mirror", "rdtsc", "ept", "real"]) {
    const run = boot({ commandLine: `guest=${guest} iterations=1 doctor=strict` });
    assert.ok(!run.lines.some((line) => /doctor=strict|entry-refused/.test(line)), run.lines.join("\n"));
  }
});

test("the dump at loglevel=debug names every field that the doctor read", async () => {
  const doctor = await loadDoctor();
  const run = boot({ commandLine: `${short} fail=entry-state loglevel=debug` });
  const named = run.lines.flatMap((line) => /vmcs (0x[0-9a-f]{4}) 0x[0-9a-f]{16} (.*)$/.exec(line)?.slice(1) ?? []);
  assert.ok(named.length > 200, run.lines.join("\n"));
  for (let i = 0; i < named.length; i += 2) assert.equal(doctor.field(Number(named[i])).name, named[i + 1]);
});
