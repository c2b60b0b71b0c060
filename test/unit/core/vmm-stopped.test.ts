// A vmm that traps ends its VM with a report, and nothing else. That a vmm which never returns is stopped by its time
// budget cannot be shown here, as Node cannot interrupt Wasm: test/boot does it in Bochs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { assertEnd } from "./assertions.ts";
import { boot } from "./machine/machine.ts";
import { TRAP } from "./machine/vmm-bridge.ts";
import { exits, test } from "./vendors.ts";

const faults: readonly (readonly [string, RegExp])[] = [
  ["fault-bounds", /vm0: vmm stopped: out-of-bounds access/],
  ["fault-unreachable", /vm0: vmm stopped: unreachable/],
  ["fault-stack", /vm0: vmm stopped: stack exhausted/],
  ["fault-assert", /vm0: vmm stopped: failed assertion: .*guest is fault-assert at hv\/vmm\/guests\/faults\.ts:\d+/],
];
for (const [guest, pattern] of faults) {
  test(`${guest} ends its VM with a report, and the next guest runs`, () => {
    const run = boot({ commandLine: `guest=${guest},count iterations=3` });
    assertEnd(run, "vmm-stopped", pattern, /vm0: ended: vmm-stopped/, /vm1: ended: ok/, exits("cpuid", 3));
    const report = run.lines.filter((line) => /error: vm0: {3}(in|from)/.test(line));
    assert.match(report[0] ?? "", /hv\/vmm\//, "the report names the AssemblyScript function");
  });
}

test("a vmm that was stopped is not called again", () => {
  const { machine } = boot({ commandLine: "guest=fault-bounds+hlt iterations=1" });
  const calls = machine.vmms.calls.filter(([vm]) => vm === 0);
  assert.deepEqual(
    calls.map(([, entry]) => entry),
    [0, 1, 2, 3],
  );
});

test("each VM has a vmm instance of its own, whose memory is the guest's RAM", () => {
  const { machine } = boot({ commandLine: "guest=hlt+count iterations=1" });
  const [first, second] = [machine.vmms.instances.get(0), machine.vmms.instances.get(1)];
  assert.ok(first && second && first.memory !== second.memory);
  const code = (memory: WebAssembly.Memory): number[] => [...new Uint8Array(memory.buffer, 0x10000, 2)];
  assert.deepEqual(code(first.memory), [0xf4, 0xf4]);
  assert.deepEqual(code(second.memory), [0x31, 0xc0]);
});

test("a guest-physical address is the same address in the vmm's memory, as the EPT maps it", () => {
  const pages: [bigint, bigint | null][] = [];
  const run = boot({
    commandLine: "guest=count iterations=1",
    scripts: [
      function* (guest) {
        for (const address of [0n, 0x10000n, 0x200000n, 0xfff000n, 0x1000000n, 0xc0000000n, 0xfffe0000n]) {
          pages.push([address, guest.hostAddress(address)]);
        }
        yield { reason: 2 };
      },
    ],
  });
  assertEnd(run, "triple-fault");
  const ram = run.machine.vmms.mappings.get(0)?.find(({ address }) => address === 0n);
  assert.ok(ram);
  for (const [address, host] of pages) {
    assert.equal(host, address < ram.bytes ? ram.hpa + address : null, address.toString(16));
  }
});

test("the kinds of traps are numbered as the runtime numbers them", () => {
  const header = readFileSync(new URL("../../../boot/runtime/runtime.h", import.meta.url), "utf8");
  const body = /enum vmm_trap_kind \{[^\n]*\n([^}]*)\}/.exec(header)?.[1] ?? "";
  let next = 0;
  const numbers = body
    .split(",")
    .map((entry) => /VMM_TRAP_(\w+)(?:\s*=\s*(\d+))?/.exec(entry))
    .filter((match) => match !== null)
    .map(([, name, value]) => [name, (next = value === undefined ? next + 1 : Number(value))]);
  assert.deepEqual(Object.fromEntries(numbers), TRAP);
});
