// Damaged tables of state, restored into a machine with hostile traffic before and behind it.
import assert from "node:assert/strict";
import { readFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { execa } from "execa";
import { countIterations } from "../../../tools/build/count-iterations.ts";
import { Episode, findingOf } from "../../../tools/fuzz/episodes.ts";
import { HostileVm } from "../../../tools/fuzz/hostile-vm.ts";
import { Random } from "../../../tools/fuzz/random.ts";
import { root } from "../../../tools/paths.ts";

const SEED = 8;
const ROUNDS = 60;
const STEPS = 1500;
const STEPS_BETWEEN = 20;
const STATE_OK = 0;
/** In memory as vmm.wasm is, for which asconfig.json says the same. */
const MEMORY = ["--memoryBase", "3221225472", "--initialMemory", "65535", "--maximumMemory", "65535"];

async function compile(): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), "basalt-state-"));
  try {
    const output = join(folder, "state.wasm");
    const flags = ["--runtime", "stub", "-O3", "--exportStart", "start", "--debug", ...MEMORY, "--outFile", output];
    const asc = join(root, "node_modules/assemblyscript/bin/asc.js");
    await execa(process.execPath, [asc, "test/unit/vmm/state-harness.ts", ...flags], { cwd: root });
    return await countIterations(await readFile(output));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The number `at`, damaged: another small one, another bit, one where something turns over, or half of it noise. */
function damage(vm: HostileVm, random: Random, at: number): void {
  const choice = random.below(8);
  if (choice < 4) vm.view.setUint32(at, random.below(choice < 2 ? 4 : 256), true);
  else if (choice === 4) vm.view.setUint32(at, (vm.view.getUint32(at, true) ^ (1 << random.below(32))) >>> 0, true);
  else if (choice === 5) vm.view.setUint32(at, random.value(), true);
  else if (choice === 6) vm.view.setUint32(at + 4, random.value(), true);
  else vm.view.setBigUint64(at, (BigInt(random.value()) << 32n) | BigInt(random.value()), true);
}

void test("no table of state, however damaged, makes the machine trap, loop or reach outside of the VM", async () => {
  const vm = await HostileVm.start(await compile());
  const random = new Random();
  const steps = Array.from({ length: STEPS }, (_, step) => step);
  let accepted = 0;
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // Devices, virtio, and noise, in turn.
    const episode = new Episode(SEED, 6 * round + [0, 1, 3][round % 3]!);
    random.seed(SEED + round);
    const found = findingOf(() =>
      episode.run(vm, steps, (step) => {
        vm.writes.anywhere = true;
        if (step % STEPS_BETWEEN !== STEPS_BETWEEN - 1) return;
        const length = vm.call("save");
        assert.ok(length > 0, "the state fits the table");
        const numbers = vm.call("numbers") >>> 0;
        for (let damages = random.below(6); damages > 0; damages--)
          damage(vm, random, numbers + 8 * random.below(length));
        const cut = random.once(16) ? random.below(length) : length;
        if (vm.call("restore", cut) === STATE_OK) accepted++;
        else refused++;
      }),
    );
    assert.equal(found && `${found.message} in round ${round}`, null);
  }
  assert.ok(accepted > 1000 && refused > 500, `${accepted} tables were taken, ${refused} were not`);
});
