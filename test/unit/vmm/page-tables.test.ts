// The built-in guests' page tables, walked by figures of SDM 3A 4.5 alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loaded, type TestVmm } from "./vmm.ts";

const MIB = 1n << 20n;
const PRESENT = 1n;
const WRITABLE = 2n;
const LARGE = 1n << 7n;
const ADDRESS = 0xffffffffff000n;
/** hv/vmm/guests/page-tables.ts. */
const DEVICES = 0xf0000000n;

/** Where 4-level paging takes a linear address, or null where it is not present. */
function walk(vmm: TestVmm, linear: bigint): { physical: bigint; isWritable: boolean; entries: bigint[] } | null {
  let table = vmm.get("startCr3");
  let isWritable = true;
  const entries: bigint[] = [];
  for (const shift of [39n, 30n, 21n, 12n]) {
    const address = table + 8n * ((linear >> shift) & 0x1ffn);
    const entry = vmm.read64(address);
    entries.push(address);
    if ((entry & PRESENT) === 0n) return null;
    isWritable &&= (entry & WRITABLE) !== 0n;
    table = entry & ADDRESS;
    if (shift === 12n || ((entry & LARGE) !== 0n && shift !== 39n)) {
      const size = 1n << shift;
      assert.equal(table % size, 0n, "a page is aligned to its size");
      return { physical: table + (linear % size), isWritable, entries };
    }
  }
  throw new Error("not reached: the last level maps a page");
}

for (const megabytes of [4n, 16n, 64n, 1024n, 3072n]) {
  test(`with ${megabytes} MiB of RAM each address of it, up to 1 GiB, is mapped to itself, and nothing else is`, () => {
    const vmm = loaded("hlt", megabytes * MIB);
    const mapped = megabytes > 1024n ? 1024n * MIB : megabytes * MIB;
    for (let linear = 0n; linear < mapped; linear += 2n * MIB) {
      for (const address of [linear, linear + 2n * MIB - 1n]) {
        const found = walk(vmm, address);
        assert.equal(found?.physical, address);
        assert.equal(found?.isWritable, true);
        assert.ok(
          found?.entries.every((entry) => entry + 8n <= megabytes * MIB),
          "the tables lie in RAM",
        );
      }
    }
    for (const linear of [mapped, 1024n * MIB, 1n << 39n, 0xffff800000000000n, 0xfffffffffffff000n]) {
      if (linear >= mapped) assert.equal(walk(vmm, linear), null, linear.toString(16));
    }
  });
}

test("the devices in the fourth GiB are mapped where they are, 2 MiB of them", () => {
  const vmm = loaded("hlt", 16n * MIB);
  for (const address of [DEVICES, DEVICES + 2n * MIB - 1n]) assert.equal(walk(vmm, address)?.physical, address);
  for (const address of [DEVICES - 1n, DEVICES + 2n * MIB]) assert.equal(walk(vmm, address), null);
});

test("the tables hold nothing but the entries that map RAM and the devices, whatever was in RAM before", () => {
  const vmm = loaded("hlt", 16n * MIB);
  vmm.bytes.fill(0xff, 0x1000, 0x5000);
  vmm.reset();
  const present: bigint[] = [];
  for (let address = 0x1000n; address < 0x5000n; address += 8n) {
    if (vmm.read64(address) !== 0n) present.push(address);
  }
  const ram = Array.from({ length: 8 }, (_, i) => 0x3000n + 8n * BigInt(i));
  assert.deepEqual(present, [0x1000n, 0x2000n, 0x2018n, ...ram, 0x4c00n]);
});
