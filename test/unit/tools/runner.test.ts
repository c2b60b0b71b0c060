// Runs a stand-in for Basalt in the emulators and holds how each ending is reported against what it did.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import type { EmulatorName } from "../../../tools/emulators/machine.ts";
import { runOn, type RunOptions, type RunResult } from "../../../tools/emulators/run.ts";
import { root } from "../../../tools/paths.ts";
import { buildRunnerImage } from "./runner-image.ts";

let image: Awaited<ReturnType<typeof buildRunnerImage>>;
before(async () => {
  image = await buildRunnerImage();
});
after(() => rm(image.directory, { recursive: true }));

function run(on: EmulatorName, append: string, options: RunOptions = {}): Promise<RunResult> {
  return runOn(on, { image, append, timeoutSeconds: 120, ...options });
}

/** For tests whose run would not end by itself if what they hold were wrong. */
const limit = { timeout: 120_000 };

for (const on of ["bochs", "tcg"] as const) {
  describe(`a run on ${on}`, () => {
    test("that ends with result 0 succeeds, and its lines come while it runs and in the end", async () => {
      const live: string[] = [];
      const result = await run(on, "colour=basalt do=ok", { guest: "hello", onLine: (line) => live.push(line) });
      assert.equal(result.summary, `Basalt ended on ${on} with result 0 ok.`);
      assert.equal(result.exitCode, 0);
      assert.deepEqual(result.result, { number: 0, name: "ok", value: null });
      assert.deepEqual(live, ["test image: guest=hello colour=basalt do=ok", "basalt: result 0 ok"]);
      assert.deepEqual(result.lines, live);
    });

    test("that Basalt refuses ends with exit code 3 and the reason", async () => {
      const result = await run(on, "do=no-vmx");
      assert.equal(result.exitCode, 3);
      assert.match(result.summary, /result 10 no-vmx/);
    });

    test("in which Basalt panics ends with exit code 6", async () => {
      const result = await run(on, "do=panic");
      assert.deepEqual([result.exitCode, result.result?.name], [6, "host-exception"]);
    });

    test("that hangs ends at its time limit with exit code 5 and the line that was printed last", limit, async (t) => {
      // How long an emulator takes to the first line depends on what else runs here, so the limit is reached by hand.
      t.mock.timers.enable({ apis: ["setTimeout"] });
      const onLine = (): void => t.mock.timers.tick(5000);
      const result = await run(on, "do=hang", { timeoutSeconds: 5, onLine });
      assert.deepEqual([result.ended, result.exitCode, result.result], ["timeout", 5, null]);
      assert.match(result.summary, /^No result within 5 s on .*Last printed:\n  test image: do=hang$/ms);
    });

    test("that triple-faults is no success: exit code 6, the cause and the line that was printed last", async () => {
      const result = await run(on, "do=triple-fault");
      assert.deepEqual([result.ended, result.exitCode], ["no-result", 6]);
      assert.match(result.summary, /triple fault|3rd \(\d+\) exception/);
      assert.match(result.summary, /test image: do=triple-fault/);
    });

    test("that is interrupted ends at once with exit code 130", async () => {
      const controller = new AbortController();
      const result = await run(on, "do=hang", { onLine: () => controller.abort(), signal: controller.signal });
      assert.deepEqual([result.ended, result.exitCode], ["interrupted", 130]);
    });
  });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`${signal} ends a run, which then still tells how it ended`, limit, async () => {
    const script = `
      const { runOn } = await import("./tools/emulators/run.ts");
      const { interruptible } = await import("./tools/interrupt.ts");
      const options = { image: ${JSON.stringify(image)}, append: "do=hang", onLine: () => console.log("up") };
      const result = await interruptible((signal) => runOn("bochs", { ...options, signal }));
      console.log(result.ended);
      process.exitCode = result.exitCode;
    `;
    const subject = execa(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
      cwd: root,
      reject: false,
    });
    subject.stdout.once("data", () => subject.kill(signal));
    const { exitCode, stdout } = await subject;
    assert.deepEqual([exitCode, stdout], [130, "up\ninterrupted"]);
  });
}

describe("QEMU", () => {
  test("loads the ELF itself with the command line of the run", async () => {
    const result = await run("tcg", "do=ok", { media: "kernel" });
    assert.deepEqual(result.lines, ["test image: do=ok", "basalt: result 0 ok"]);
  });

  test("that prints result 0 but does not power off is no success", async () => {
    const result = await run("tcg", "do=stay", { media: "kernel" });
    assert.equal(result.exitCode, 6);
    assert.match(result.summary, /printed result 0 ok .* did not power off within \d+ s/);
  });

  test("boots the ISO by UEFI", async () => {
    const result = await run("tcg", "do=ok", { firmware: "uefi" });
    assert.equal(result.exitCode, 0);
    assert.ok(result.lines.includes("test image: do=ok"), result.serial);
  });

  test("that ends with another status than the printed result is reported", async () => {
    const result = await run("tcg", "do=wrong");
    assert.equal(result.exitCode, 6);
    assert.match(
      result.summary,
      /printed result 10 no-vmx .* should have ended with exit code 21, but .* exit code 1\b/,
    );
  });

  test("that refuses its options is an emulator that did not start, and its words are passed on", async () => {
    const result = await run("tcg", "do=ok", { cpu: "granite" });
    assert.deepEqual([result.ended, result.exitCode], ["not-started", 7]);
    assert.match(result.summary, /unable to find CPU model 'granite'/);
  });

  test("under --debug offers a gdb stub and runs when gdb says so", async () => {
    const port = 20000 + (process.pid % 20000);
    const controller = new AbortController();
    const running = run("tcg", "do=ok", { media: "kernel", debug: port, timeoutSeconds: 1, signal: controller.signal });
    await talkToGdbStub(port, controller);
    assert.equal((await running).exitCode, 0);
  });
});

describe("Bochs", () => {
  test("gives the same bytes and the same last tick when a run is repeated", async () => {
    const [first, second] = [await run("bochs", "do=ok"), await run("bochs", "do=ok")];
    assert.ok(first.ticks !== null && first.ticks > 1_000_000, `ticks: ${first.ticks}`);
    assert.deepEqual([first.ticks, first.serial], [second.ticks, second.serial]);
  });

  test("does not know every CPU model, and names those that it knows", async () => {
    await assert.rejects(run("bochs", "", { cpu: "granite" }), {
      exit: "usage",
      message: /"granite".*corei7_skylake_x/,
    });
  });

  test("that refuses its options is an emulator that did not start, and its words are passed on", async () => {
    const result = await run("bochs", "do=ok", { memory: 1 << 30 });
    assert.deepEqual([result.ended, result.exitCode], ["not-started", 7]);
    assert.match(result.summary, /1073741824.* out of range/);
  });

  test("leaves its log and the serial line as files, and the ISO only on demand", async () => {
    const result = await run("bochs", "do=ok");
    assert.match(readFileSync(result.logPath ?? "", "utf8"), /soft power off/);
    assert.equal(readFileSync(join(result.directory, "serial.txt"), "utf8"), result.serial);
    assert.equal(existsSync(join(result.directory, "basalt.iso")), false);
    const kept = await run("bochs", "do=ok", { keep: true });
    assert.equal(existsSync(join(kept.directory, "basalt.iso")), true);
  });

  test("has neither a gdb stub nor UEFI nor a way to load an ELF, and says what to use instead", async () => {
    await assert.rejects(run("bochs", "", { debug: 1234 }), { exit: "usage", message: /no gdb stub.*--on tcg/ });
    await assert.rejects(run("bochs", "", { firmware: "uefi" }), { exit: "usage", message: /no UEFI.*--on tcg/ });
    await assert.rejects(run("bochs", "", { media: "kernel" }), {
      exit: "usage",
      message: /CD and disk only.*--on tcg/,
    });
  });
});

/** Connects to QEMU's gdb stub as soon as it listens, asks why the machine stopped, and lets it run. */
async function talkToGdbStub(port: number, giveUp: AbortController): Promise<void> {
  const deadline = Date.now() + 20_000;
  const attempt = (): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => socket.write("+$?#3f"));
      socket.on("error", () => resolve(false));
      socket.on("data", (data) => {
        if (!data.includes("$T05")) return;
        socket.write("+$D#44");
        socket.end();
        resolve(true);
      });
      socket.setTimeout(5_000, () => reject(new Error("the gdb stub does not answer")));
    });
  while (!(await attempt())) {
    if (Date.now() < deadline) continue;
    giveUp.abort();
    assert.fail(`nothing listens at port ${port}`);
  }
}
