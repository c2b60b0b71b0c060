// Boots with wrong options, with other log levels and without a serial port.
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, test } from "node:test";
import { readProbe } from "../../tools/emulators/kvm-probe.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { cpuWithoutSvm, svmRefusals } from "./support/places.ts";

/** Refused, so that two runs print the same. */
const refused = { media: "kernel", cpu: cpuWithoutSvm } as const;
const { result, sentence } = svmRefusals.noSvm;
const error = new RegExp(`^basalt: error: ${sentence.source}`);

describe("boot options", () => {
  test("that are wrong are all named, each with what was expected, and end the run with exit code 3", async () => {
    const options = "itsnot guest=gone iterations=0 loglevel=loud fail=twice quiet=1";
    const run = await boot("tcg", options, { media: "kernel" });
    assertEnded(run, "14 bad-option", "refused");
    for (const [option, problem] of [
      ["itsnot", /unknown option; Basalt knows guest=NAME.*iterations=N.*loglevel=.*quiet/],
      ["guest=gone", /no such guest; Basalt has hlt, count, fault-bounds/],
      ["iterations=0", /expected a number from 1 to 999999999999/],
      ["loglevel=loud", /no such level; expected one of error, warning, info, debug/],
      ["fail=twice", /nothing fails by that name; expected one of nothing, assertion, exception, stack, bounds/],
      ["quiet=1", /takes no value; write 'quiet'/],
    ] as const) {
      const line = onlyLine(run, new RegExp(`^basalt: error: boot option '${option}': `));
      assert.match(line, problem);
    }
  });

  for (const [what, guests, problem] of [
    ["seventeen guests", Array<string>(17).fill("hlt").join(","), /at most 16 guests run in one boot/],
    ["no guest at all", "", /no such guest/],
    ["a comma too many", "hlt,", /no such guest/],
  ] as const) {
    test(`that ask for ${what} are refused`, async () => {
      const run = await boot("tcg", `guest=${guests}`, { media: "kernel" });
      assertEnded(run, "14 bad-option", "refused");
      assert.match(onlyLine(run, /^basalt: error: boot option 'guest=/), problem);
    });
  }
});

describe("what is printed", () => {
  test("with quiet is the result alone, where nothing is wrong", async () => {
    const run = await boot("bochs", "quiet iterations=10");
    assertEnded(run, "0 ok", "ok");
    assert.deepEqual(run.lines, ["basalt: result 0 ok"]);
  });

  test("with quiet still holds the errors", async () => {
    const run = await boot("tcg", "quiet", refused);
    assertEnded(run, result, "refused");
    assert.equal(run.lines.length, 2);
    onlyLine(run, error);
  });

  test("with loglevel=error is what loglevel=warning prints, less the warnings", async () => {
    const [errors, warnings] = await Promise.all(
      ["error", "warning"].map((level) => boot("tcg", `loglevel=${level}`, refused)),
    );
    assert.deepEqual(
      errors!.lines,
      warnings!.lines.filter((line) => !line.startsWith("basalt: warning: ")),
    );
    onlyLine(errors!, error);
  });

  test("with loglevel=debug adds capabilities, controls and the first exits one by one", async () => {
    const run = await boot("bochs", "loglevel=debug iterations=10");
    assertEnded(run, "0 ok", "ok");
    onlyLine(run, /^basalt: debug: boot command line: loglevel=debug iterations=10$/);
    onlyLine(run, /^basalt: debug: 0x480 IA32_VMX_BASIC 0x[0-9a-f]{16}$/);
    onlyLine(run, /^basalt: debug: secondary controls 0x[0-9a-f]{8} of 0x[0-9a-f]{16}$/);
    onlyLine(run, /^basalt: debug: vm0: EPTP 0x[0-9a-f]{16}, VPID 1$/);
    onlyLine(run, /^basalt: debug: vm0: exit 12 HLT, RIP 0x10003, length 1, qualification 0x0$/);
  });

  test("with probe is the line that `basalt probe` believes, and no guest runs", async () => {
    const run = await boot("bochs", "probe");
    assertEnded(run, "0 ok", "ok");
    assert.equal(readProbe(run).works, true);
    assert.ok(
      run.lines.every((line) => !line.includes("vm0")),
      run.lines.join("\n"),
    );
  });

  test("without loglevel is what loglevel=info prints", async () => {
    const [plain, info] = await Promise.all(["", "loglevel=info"].map((level) => boot("tcg", level, refused)));
    assert.deepEqual(plain!.lines, info!.lines);
    assert.ok(plain!.lines.every((line) => !line.startsWith("basalt: debug: ")));
  });
});

test("a machine without COM1, whose line status reads 0xff, still comes to its end", async () => {
  // The runner always gives a machine its COM1, so a program in front of QEMU takes it away again.
  const directory = await mkdtemp(join(tmpdir(), "basalt-no-serial-"));
  const path = process.env["PATH"] ?? "";
  try {
    const wrapper = join(directory, "qemu-system-x86_64");
    const replacement = String.raw`s/^file:.*serial\.txt$/none/`;
    await writeFile(
      wrapper,
      `#!/bin/sh
PATH=${JSON.stringify(path)}
for word; do
  shift
  set -- "$@" "$(printf %s "$word" | sed '${replacement}')"
done
exec qemu-system-x86_64 "$@"
`,
    );
    await chmod(wrapper, 0o755);
    process.env["PATH"] = `${directory}${delimiter}${path}`;
    const run = await boot("tcg", "", refused);
    assert.deepEqual(run.lines, []);
    // As isa-debug-exit tells it.
    const status = 2 * Number.parseInt(result) + 1;
    assert.match(run.summary, new RegExp(`QEMU ended with exit code ${status}$`, "m"));
  } finally {
    process.env["PATH"] = path;
    await rm(directory, { recursive: true });
  }
});
