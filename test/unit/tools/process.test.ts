// Real processes: an emulator never outlives the process that started it.
import assert from "node:assert/strict";
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { describe, test, type TestContext } from "node:test";
import { startChild } from "../../../tools/emulators/process.ts";

const module = new URL("../../../tools/emulators/process.ts", import.meta.url).href;

const limit = { timeout: 30_000 };

/** A process that starts `sleep`, prints its id and then does `next`. Resolves when setpriv has become `sleep`. */
async function startParent(
  next: string,
): Promise<{ parent: ChildProcessByStdio<null, Readable, null>; child: number }> {
  const script = `
    const { startChild } = await import(${JSON.stringify(module)});
    const child = await startChild("sleep", ["1000"], "/");
    process.stdout.write(child.pid + "\\n", () => { ${next} });
  `;
  const parent = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const child = Number(line.toString());
  while (runs(child) && nameOf(child) !== "sleep") await new Promise((resolve) => setImmediate(resolve));
  return { parent, child };
}

function nameOf(id: number): string {
  return readFileSync(`/proc/${id}/comm`, "utf8").trim();
}

/** Whether process `id` runs; one that has ended and waits to be collected does not. */
function runs(id: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${id}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Waits for the end of process `id`, until the test's own time limit. */
async function endOf(id: number, { signal }: TestContext): Promise<void> {
  while (runs(id) && !signal.aborted) await new Promise((resolve) => setImmediate(resolve));
  if (signal.aborted) process.kill(id, "SIGKILL");
}

describe("a child", () => {
  for (const signal of ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const) {
    test(`ends when its parent is ended by ${signal}`, limit, async (context) => {
      const { parent, child } = await startParent("");
      assert.ok(runs(child));
      parent.kill(signal);
      await endOf(child, context);
    });
  }

  test("ends when its parent exits by itself", limit, async (context) => {
    const { child } = await startParent("process.exit(0)");
    await endOf(child, context);
  });

  test("ends when its parent throws", limit, async (context) => {
    const { child } = await startParent('throw new Error("on purpose");');
    await endOf(child, context);
  });

  test("that is killed is reported with the signal", async () => {
    const child = await startChild("sleep", ["1000"], "/");
    child.kill();
    const { exitCode, signal } = await child.end;
    assert.deepEqual([exitCode, signal], [null, "SIGKILL"]);
  });

  test("is reported with its exit code and what it printed on both streams, and reads no stdin", async () => {
    const child = await startChild("sh", ["-c", "cat; echo out; echo err >&2; exit 7"], "/");
    const { exitCode, output } = await child.end;
    assert.equal(exitCode, 7);
    assert.deepEqual(output.split("\n").sort(), ["err", "out"]);
  });
});
