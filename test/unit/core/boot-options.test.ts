// The boot command line: every mistake is named, and none starts a guest.
import assert from "node:assert/strict";
import { assertEnd, complaints } from "./assertions.ts";
import { boot } from "./machine/machine.ts";
import { guestNames } from "./machine/tables.ts";
import { exits, isVmx, test } from "./vendors.ts";

const mistakes: readonly (readonly [string, RegExp])[] = [
  ["guest=nobody", /'guest=nobody'.*no such guest/],
  ["guest=", /'guest='.*no such guest/],
  ["guest", /'guest'.*no such guest/],
  ["guest=hlt,", /'guest=hlt,'.*no such guest/],
  ["guest=HLT", /no such guest/],
  ["guest=hlt+", /'guest=hlt\+'.*no such guest/],
  ["guest=+hlt", /'guest=\+hlt'.*no such guest/],
  ["guest=hlt+count,hlt+hlt+hlt,hlt+hlt+hlt+hlt,hlt+hlt+hlt+hlt,hlt+hlt+hlt+hlt", /at most 16 guests/],
  ["cpus=0", /'cpus=0'.*expected all, available, or a number from 1 to 64/],
  ["cpus=65", /expected all, available, or a number from 1 to 64/],
  ["cpus=", /expected all, available/],
  ["cpus", /'cpus'.*expected all, available/],
  ["cpus=some", /expected all, available/],
  ["ticks=0", /'ticks=0'.*expected a number/],
  ["ticks=", /'ticks='.*expected a number/],
  ["ticks=1000000000000", /expected a number/],
  [`guest=${Array.from({ length: 17 }, () => "hlt").join(",")}`, /at most 16 guests/],
  ["repeat=0", /'repeat=0'.*expected a number from 1 to 1000000/],
  ["repeat=1000001", /expected a number from 1 to 1000000/],
  ["repeat", /'repeat'.*expected a number/],
  ["guest=mutate,hlt", /'guest=mutate,hlt'.*no such guest.*, and mutate by itself/],
  ["mutate=some", /'mutate=some'.*expected all/],
  ["iterations=0", /'iterations=0'.*expected a number/],
  ["iterations=", /expected a number/],
  ["iterations=-1", /expected a number/],
  ["iterations=1e3", /expected a number/],
  ["iterations=0x10", /expected a number/],
  ["iterations=1000000000000", /expected a number/],
  ["iterations=99999999999999999999999", /expected a number/],
  ["loglevel=loud", /'loglevel=loud'.*no such level.*error, warning, info, debug/],
  ["loglevel", /no such level/],
  ["fail=never", /'fail=never'.*nothing fails by that name/],
  ["quiet=1", /'quiet=1'.*takes no value/],
  ["strict=", /'strict='.*takes no value/],
  ["probe=yes", /takes no value/],
  ["quick", /'quick'.*unknown option.*guest=NAME/],
  ["=hlt", /'=hlt'.*unknown option/],
  ["GUEST=hlt", /unknown option/],
];
for (const [word, pattern] of mistakes) {
  const shown = word.length > 40 ? `${word.slice(0, 40)}…` : word;
  test(`the boot option "${shown}" is refused by name`, () => {
    const run = boot({ commandLine: `${word} iterations=1` });
    assertEnd(run, "bad-option", pattern);
    assert.equal(complaints(run).length, 1);
    assert.deepEqual(run.machine.trace, [], "nothing was done to the processor");
  });
}

test("each of several mistakes is named", () => {
  const run = boot({ commandLine: "quick guest=nobody loglevel=loud iterations=1" });
  assertEnd(run, "bad-option", /'quick'/, /'guest=nobody'/, /'loglevel=loud'/);
  assert.equal(complaints(run).length, 3);
});

test("an unknown guest's report lists the guests that there are", () => {
  const run = boot({ commandLine: "guest=nobody" });
  for (const name of guestNames) assertEnd(run, "bad-option", new RegExp(`has .*${name}`));
});

test("bytes of the command line that are not printable cannot forge a line", () => {
  const run = boot({ commandLine: "x\nbasalt:\x1b[2J\x80\xff" });
  assertEnd(run, "bad-option", /'x\?basalt:\?\[2J\?\?'/);
});

test("spaces between options do not matter, and the last of two equal options counts", () => {
  const run = boot({ commandLine: "   guest=count   iterations=9 guest=hlt  iterations=2  " });
  assertEnd(run, "ok", /guest hlt/, exits("halt", 2));
});

test("without options the guest hlt runs", () => {
  assert.throws(
    () => boot({ scripts: [() => [][Symbol.iterator]()] }),
    /no more exits/,
    "a guest was entered although no option names one",
  );
});

for (const value of ["all", "available", "1", "64"]) {
  test(`cpus=${value} is taken`, () => {
    assertEnd(boot({ commandLine: `guest=hlt iterations=1 cpus=${value}` }), "ok");
  });
}

test("sixteen VMs run in one boot", () => {
  const guests = Array.from({ length: 16 }, () => "hlt").join("+");
  const run = boot({ commandLine: `guest=${guests} iterations=1` });
  assertEnd(run, "ok", ...Array.from({ length: 16 }, (_, vm) => new RegExp(`vm${vm}: ended: ok`)));
});

test("iterations takes up to twelve digits", () => {
  const run = boot({
    commandLine: "guest=count iterations=999999999999",
    scripts: [
      function* (guest) {
        assert.equal(guest.registers.get("r8"), 999999999999n);
        yield { reason: 2 };
      },
    ],
  });
  assertEnd(run, "triple-fault");
});

test("quiet leaves errors and warnings, loglevel=error leaves errors, debug tells all", () => {
  const lines = (commandLine: string): readonly string[] =>
    boot({ commandLine: `guest=hlt iterations=1 ${commandLine}` }).lines;
  assert.deepEqual(
    lines("quiet").filter((line) => !line.includes("Basalt, a type-1")),
    [],
  );
  assert.deepEqual(lines("loglevel=error"), []);
  const told = isVmx() ? "basalt: debug: 0x480 IA32_VMX_BASIC 0x" : "basalt: debug: SVM: ";
  assert.ok(lines("loglevel=debug").some((line) => line.startsWith(told)));
  assert.ok(lines("").every((line) => !line.startsWith("basalt: debug: ")));
});

test("a command line longer than a line of the console is cut there, and says what is wrong all the same", () => {
  const run = boot({ commandLine: `guest=${"x".repeat(3000)}` });
  assertEnd(run, "bad-option");
  assert.ok(run.lines.every((line) => line.length <= 400));
});

test("fail=assertion ends in a panic that names message and file", () => {
  const run = boot({ commandLine: "fail=assertion" });
  assert.equal(run.name, "assertion");
  assert.match(run.lines.at(-1) ?? "", /fail=assertion asks for it at hv\/core\/monitor\/fail\.ts:\d+/);
});

test("fail=exception ends in a host exception", () => {
  assert.equal(boot({ commandLine: "fail=exception" }).name, "host-exception");
});

test("fail=stack and fail=bounds end in a Wasm trap of core", () => {
  assert.throws(() => boot({ commandLine: "fail=stack" }), RangeError);
  assert.throws(() => boot({ commandLine: "fail=bounds" }), WebAssembly.RuntimeError);
});
