// Runs tools/setup.mjs with stand-ins for dpkg-query, apt-get and sudo, and holds what it asks of them.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { execa } from "execa";
import { exitCodes } from "../../../tools/exit-codes.ts";
import { root } from "../../../tools/paths.ts";

let programs: string;
beforeEach(async () => {
  programs = await mkdtemp(join(tmpdir(), "basalt-setup-"));
});
afterEach(() => rm(programs, { recursive: true }));

async function installStandIn(name: string, script: string): Promise<void> {
  await writeFile(join(programs, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** dpkg-query as on a machine that has every package it is asked for but nasm, and xorriso only by its leftovers. */
const withoutTwo =
  'shift 3; for p; do case $p in nasm) ;; xorriso) echo "$p config-files";; *) echo "$p installed";; esac; done; exit 1';

const recordApt = 'echo "$DEBIAN_FRONTEND $*" >> "$(dirname "$0")/apt.log"';

async function setup({
  asRoot,
  node = process.versions.node,
}: {
  asRoot: boolean;
  node?: string;
}): Promise<{ exitCode?: number; stderr: string; all: string }> {
  const user = `data:text/javascript,process.getuid=()=>${asRoot ? 0 : 1000}`;
  const versions = `Object.defineProperty(process,"versions",{value:{...process.versions,node:"${node}"}})`;
  const imports = ["--import", user, "--import", `data:text/javascript,${encodeURIComponent(versions)}`];
  return execa(process.execPath, [...imports, "tools/setup.mjs"], {
    cwd: root,
    reject: false,
    all: true,
    env: { PATH: `${programs}:${process.env["PATH"]}` },
  });
}

describe("the set-up", () => {
  test("prints nothing where nothing is missing", async () => {
    await installStandIn("dpkg-query", 'shift 3; for p; do echo "$p installed"; done');
    const { exitCode, all } = await setup({ asRoot: false });
    assert.deepEqual([exitCode, all], [0, ""]);
  });

  for (const [node, isNewEnough] of [
    ["18.20.4", false],
    ["20.18.3", false],
    ["20.19.0", true],
    ["22.0.0", true],
  ] as const) {
    test(`${isNewEnough ? "takes" : "refuses"} Node ${node}`, async () => {
      await installStandIn("dpkg-query", 'shift 3; for p; do echo "$p installed"; done');
      const { exitCode, all } = await setup({ asRoot: false, node });
      const message = `basalt setup: Node ${node} is too old, Basalt needs 20.19 or newer. See https://nodejs.org/.`;
      assert.deepEqual([exitCode, all], isNewEnough ? [0, ""] : [exitCodes.setup.code, message]);
    });
  }

  test("installs what is missing, and only that, through apt-get when it runs as root", async () => {
    await installStandIn("dpkg-query", withoutTwo);
    await installStandIn("apt-get", recordApt);
    const { exitCode } = await setup({ asRoot: true });
    assert.equal(exitCode, 0);
    assert.equal(
      await readFile(join(programs, "apt.log"), "utf8"),
      "noninteractive update\nnoninteractive install --yes --no-install-recommends nasm xorriso\n",
    );
  });

  test("installs through sudo where that asks no question", async () => {
    await installStandIn("dpkg-query", withoutTwo);
    await installStandIn("apt-get", recordApt);
    await installStandIn("sudo", '[ "$1" = -n ] && shift && exec "$@"');
    assert.equal((await setup({ asRoot: false })).exitCode, 0);
    assert.match(await readFile(join(programs, "apt.log"), "utf8"), /install .* nasm xorriso/);
  });

  test("lists what to install, and how, where it may not, and ends with exit code 8", async () => {
    await installStandIn("dpkg-query", withoutTwo);
    await installStandIn("sudo", "exit 1");
    const { exitCode, stderr } = await setup({ asRoot: false });
    assert.equal(exitCode, exitCodes.setup.code);
    assert.match(stderr, /missing:\n  nasm\n  xorriso\n/);
    assert.match(stderr, /sudo apt-get install --yes --no-install-recommends nasm xorriso$/);
  });

  test("that apt-get fails ends with exit code 8 and the list", async () => {
    await installStandIn("dpkg-query", withoutTwo);
    await installStandIn("apt-get", "exit 100");
    const { exitCode, stderr } = await setup({ asRoot: true });
    assert.equal(exitCode, exitCodes.setup.code);
    assert.match(stderr, /apt-get failed.*missing:\n  nasm\n  xorriso\n/s);
  });

  test("gives every Debian package a reason", async () => {
    const lines = (await readFile(join(root, "tools/debian-packages.txt"), "utf8")).trim().split("\n").slice(1);
    for (const line of lines) assert.match(line, /^[a-z0-9.+-]+ +# \S.+$/);
  });
});
