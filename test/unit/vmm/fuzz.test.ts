// Hostile guests against the real build/vmm.wasm, with a fixed seed: a bounded part of what `npm run fuzz` goes on with.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { countIterations } from "../../../tools/build/count-iterations.ts";
import { fuzz } from "../../../tools/fuzz/episodes.ts";
import { BUDGET, HostileVm, KIND } from "../../../tools/fuzz/hostile-vm.ts";
import { buildDirectory } from "../../../tools/paths.ts";

const SEED = 8;
const OPERATIONS = 10_000_000;

const counted = await countIterations(await readFile(join(buildDirectory, "vmm.wasm")));

void test("10 million exits of hostile guests trap nowhere, take no call over its budget, and reach nothing outside the VM", async () => {
  const vm = await HostileVm.start(counted);
  const found = await fuzz(vm, { seed: SEED, operations: OPERATIONS, mayGoOn: () => true });
  assert.equal(found && `${found.finding.message} (${JSON.stringify(found.at)})`, null);
  assert.ok(vm.operations >= OPERATIONS);
  // All kinds of exits and answers were among them, and requests as large as they can be.
  assert.ok(vm.most.every((most, kind) => most > 0 || kind === KIND.taskPriority));
  assert.ok(vm.answers.every((answers) => answers > 0));
  assert.ok(vm.most[KIND.port]! > BUDGET / 2);
});
