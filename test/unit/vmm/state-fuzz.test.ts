// Damaged tables of state, restored into a machine with hostile traffic before and behind it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { countIterations } from "../../../tools/build/count-iterations.ts";
import { Episode, findingOf } from "../../../tools/fuzz/episodes.ts";
import { HostileVm } from "../../../tools/fuzz/hostile-vm.ts";
import { FIELD } from "../../../tools/fuzz/page.ts";
import { Random } from "../../../tools/fuzz/random.ts";
import { buildDirectory } from "../../../tools/paths.ts";

const SEED = 8;
const ROUNDS = 60;
const STEPS = 1500;
const STEPS_BETWEEN = 20;
const STATE_OK = 0;

/** The number at `at`, damaged: another small one, another bit, one where something turns over, or half of it noise. */
function damage(vm: HostileVm, random: Random, at: number): void {
  const choice = random.below(8);
  if (choice < 4) vm.view.setUint32(at, random.below(choice < 2 ? 4 : 256), true);
  else if (choice === 4) vm.view.setUint32(at, (vm.view.getUint32(at, true) ^ (1 << random.below(32))) >>> 0, true);
  else if (choice === 5) vm.view.setUint32(at, random.value(), true);
  else if (choice === 6) vm.view.setUint32(at + 4, random.value(), true);
  else vm.view.setBigUint64(at, (BigInt(random.value()) << 32n) | BigInt(random.value()), true);
}

/** Saves the state, damages it a little, and restores it. Whether it was taken. */
function goRound(vm: HostileVm, random: Random): boolean {
  assert.equal(vm.state("save"), STATE_OK, "the state fits the table");
  const length = vm.page[FIELD.stateLength]!;
  const numbers = vm.page[FIELD.stateAddress]!;
  for (let damages = random.below(6); damages > 0; damages--) damage(vm, random, numbers + 8 * random.below(length));
  if (random.once(16)) vm.page[FIELD.stateLength] = random.once(2) ? random.below(length) : random.value();
  return vm.state("restore") === STATE_OK;
}

void test("no table of state, however damaged, makes the machine trap, loop or reach outside of the VM", async () => {
  const vm = await HostileVm.start(await countIterations(await readFile(join(buildDirectory, "vmm.wasm"))));
  const random = new Random();
  const steps = Array.from({ length: STEPS }, (_, step) => step);
  let accepted = 0;
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // Virtio and noise, in turn.
    const episode = new Episode(SEED, 6 * round + (round % 2 === 0 ? 1 : 3));
    random.seed(SEED + round);
    const found = findingOf(() =>
      episode.run(vm, steps, (step) => {
        // Rings may be anywhere now.
        vm.writes.anywhere = true;
        if (step % STEPS_BETWEEN !== STEPS_BETWEEN - 1) return;
        if (goRound(vm, random)) accepted++;
        else refused++;
      }),
    );
    assert.equal(found && `${found.message} in round ${round}`, null);
  }
  assert.ok(accepted > 1000 && refused > 500, `${accepted} tables were taken, ${refused} were not`);
});
