// Accesses that the EPT does not allow: RAM that is touched for the first time, what lies beyond it, and all that is neither.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { assertEnd } from "./assertions.ts";
import { skylake, type CpuModel } from "./machine/cpu-model.ts";
import { listed, vmcall, type Exit, type Script } from "./machine/exits.ts";
import type { Guest } from "./machine/guest.ts";
import { boot, type Run } from "./machine/machine.ts";
import { reason } from "./machine/tables.ts";
import { vendor } from "./machine/vendor.ts";
import { exits, onVmx, test } from "./vendors.ts";

const PAGE = 0x1000n;
const BLOCK = 0x200000n;
const RAM = 16n << 20n;
const DATA_WRITE = 0x182n;

/** An EPT violation; unless told otherwise in the page that holds the guest's code, which nothing of Basalt's forbids. */
function violation(qualification: bigint, physical = 0x10000n): Exit {
  const fields = { GUEST_PHYSICAL_ADDRESS: physical, GUEST_LINEAR_ADDRESS: 0xffff800000001000n };
  return { reason: reason("EXIT_REASON_EPT_VIOLATION"), qualification, rip: 0x10004n, fields };
}

function runToExit(exit: Exit, cpu: CpuModel = vendor().cpu): Run {
  return boot({ commandLine: "guest=count", cpu, scripts: [listed(exit)] });
}

describe("an EPT violation in RAM that is there ends the VM and tells", () => {
  const cases: readonly (readonly [what: string, qualification: bigint, pattern: RegExp])[] = [
    [
      "a read",
      0x181n,
      /read of guest-physical 0x0000000000010000, linear 0xffff800000001000; nested paging allows ---/,
    ],
    ["where", 0x181n, /, at RIP 0x0000000000010004; this VM ends/],
    ["a write", 0x18an, /write to guest-physical .*, linear .* allows r--/],
    ["a fetch", 0x194n, /fetch from guest-physical .* allows -w-/],
    ["all permissions", 0x1bcn, /fetch from guest-physical .* allows rwx/],
    ["a read and a write at once as a write", 0x83n, /write to guest-physical/],
    ["an access to a paging structure", 0x81n, /, a paging structure for linear 0xffff800000001000/],
    ["that there is no linear address", 0x2n, /write to guest-physical 0x0000000000010000; nested/],
    ["that an IRET had unblocked NMIs", 0x1181n, /in an IRET that unblocked NMIs/],
    ["a shadow stack", 0x2181n, /, a shadow stack/],
    ["an access by no instruction", 0x10181n, /, by no instruction/],
  ];
  for (const [what, qualification, pattern] of cases) {
    onVmx(what, () => assertEnd(runToExit(violation(qualification)), "ept-violation", pattern));
  }

  onVmx("what the guest's own paging says, where the processor reports that", () => {
    const name = "IA32_VMX_EPT_VPID_CAP";
    const reporting = skylake.withMsr(name, skylake.msr(name) | (1n << 22n));
    const silent = skylake.without(name, 1n << 22n);
    const told = (cpu: CpuModel, qualification: bigint): string => {
      return runToExit(violation(qualification), cpu).lines.find((line) => line.includes("nested paging")) ?? "";
    };
    assert.match(told(reporting, 0x781n), /the guest's paging user rwx/);
    assert.match(told(reporting, 0x981n), /the guest's paging supervisor r--/);
    assert.doesNotMatch(told(reporting, 0x681n), /the guest's paging/);
    assert.doesNotMatch(told(silent, 0x781n), /the guest's paging/);
  });
});

test("an access beyond RAM is the vmm's matter, and ends the VM where that has no answer", () => {
  for (const address of [RAM, 0xfee00000n, 0x123456789000n]) {
    const run = runToExit(violation(DATA_WRITE, address));
    assertEnd(run, "ept-violation", new RegExp(`write to guest-physical 0x0*${address.toString(16)}[,;]`));
  }
});

onVmx("an EPT misconfiguration ends the VM, and names the entry and that no rule is broken in memory", () => {
  const exit = { reason: reason("EXIT_REASON_EPT_MISCONFIGURATION"), fields: { GUEST_PHYSICAL_ADDRESS: 0x5000n } };
  assertEnd(
    runToExit(exit),
    "ept-misconfiguration",
    /guest-physical 0x0000000000005000: EPT PDE 0x[0-9a-f]*b7: it breaks/,
  );
});

describe("an EPT misconfiguration is explained by the entry that breaks a rule:", () => {
  const GOOD = 0x8000b7n;
  const withoutExecuteOnly = skylake.without("IA32_VMX_EPT_VPID_CAP", 1n);
  const cases: readonly (readonly [what: string, level: number, entry: bigint, pattern: RegExp, cpu?: CpuModel])[] = [
    ["writable and not readable", 2, GOOD & ~1n, /EPT PDE 0x0*8000b6: bit 1 allows writes where bit 0 allows no reads/],
    ["a reserved memory type", 2, GOOD | 0x8n, /EPT PDE 0x0*8000bf: bits 5:3 hold a memory type that is reserved/],
    ["bits above MAXPHYADDR", 2, GOOD | (1n << 50n), /EPT PDE .*: its address has bits above MAXPHYADDR/],
    ["an address within the large page", 2, GOOD | 0x1000n, /EPT PDE .*: address bits are 1 within the large page/],
    ["a PML4E with bit 7", 4, 0x187n, /EPT PML4E 0x0*187: bit 7 is 1/],
    ["a PDPTE with reserved bits", 3, 0x11fn, /EPT PDPTE 0x0*11f: a bit of 6:3 is 1/],
    ["execute-only on a CPU without it", 2, GOOD & ~3n, /EPT PDE .*: it allows fetches alone/, withoutExecuteOnly],
  ];
  for (const [what, level, entry, pattern, cpu = skylake] of cases) {
    onVmx(what, () => {
      const script: Script = function* ({ vmcs }) {
        let table = vmcs.get("EPT_POINTER") & 0xffffffffff000n;
        for (let at = 4; at > level; at--) table = machineOf.machine!.memory.read64(table) & 0xffffffffff000n;
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(entry);
        machineOf.machine!.memory.write(table, bytes);
        yield { reason: reason("EXIT_REASON_EPT_MISCONFIGURATION"), fields: { GUEST_PHYSICAL_ADDRESS: 0x5000n } };
      };
      const prepare = (machine: Run["machine"]): void => void (machineOf.machine = machine);
      const run = boot({ commandLine: "guest=count", cpu, scripts: [script], prepare });
      assertEnd(run, "ept-misconfiguration", pattern);
    });
  }
});

const machineOf: { machine: Run["machine"] | null } = { machine: null };

describe("RAM is taken when it is first touched:", () => {
  test("the guest goes on where a violation put zeroes, and each block makes one exit", () => {
    const run = boot({ commandLine: "guest=touch iterations=5" });
    assertEnd(
      run,
      "ok",
      /^basalt: vm0: guest touch, 12 MiB of RAM$/,
      exits("nestedFault", 5),
      /^basalt: vm0: RAM: 6 of 6 blocks of 2 MiB were touched; /,
    );
  });

  test("a guest that touches little takes little, and with populate=start all", () => {
    assertEnd(boot({ commandLine: "guest=hlt iterations=1" }), "ok", /vm0: RAM: 1 of 8 blocks of 2 MiB were touched/);
    const run = boot({ commandLine: "guest=hlt iterations=1 populate=start" });
    assertEnd(run, "ok", /vm0: RAM: 8 of 8 blocks of 2 MiB were touched/);
  });

  test("with populate=start there is no fault of nested paging", () => {
    const run = boot({ commandLine: "guest=touch iterations=5 populate=start" });
    assertEnd(run, "ok", /vm0: RAM: 6 of 6 blocks/);
    assert.ok(!run.lines.some((line) => exits("nestedFault", "\\d+").test(line)));
  });

  test("it need not be in one piece", () => {
    const MIB = 1n << 20n;
    const memoryMap = [{ start: 0n, bytes: 8n * MIB, type: 1 }];
    for (let n = 4n; n < 20n; n++) memoryMap.push({ start: n * 4n * MIB, bytes: 2n * MIB, type: 1 });
    assertEnd(boot({ memoryMap, commandLine: "guest=touch iterations=7" }), "ok", /8 of 8 blocks/);
  });

  test("a VM that could run out of memory later is refused at its start", () => {
    const MIB = 1n << 20n;
    const memoryMap = [{ start: 0n, bytes: 40n * MIB, type: 1 }];
    const run = boot({ memoryMap, commandLine: "guest=touch iterations=63" });
    assertEnd(run, "too-little-memory", /vm0: too little memory: \d+ MiB are free; a VM takes 128 MiB of RAM/);
  });

  test("memory of a VM that has ended is the next one's", () => {
    const MIB = 1n << 20n;
    const memoryMap = [{ start: 0n, bytes: 40n * MIB, type: 1 }];
    const guests = Array.from({ length: 8 }, () => "hlt").join(",");
    assertEnd(boot({ memoryMap, commandLine: `guest=${guests} iterations=1` }), "ok", /vm7: ended: ok/);
  });
});

/** What a guest finds in its RAM, page by page, having touched all of it: the pages that are not full of zeroes. */
function* pagesThatAreNotZero(guest: Guest, read: (host: bigint) => Uint8Array): Generator<Exit, bigint[]> {
  const found: bigint[] = [];
  const zeroes = Buffer.alloc(Number(PAGE));
  for (let page = 0n; page < RAM; page += PAGE) {
    if (guest.hostAddress(page) === null) yield { ...violation(DATA_WRITE, page), rip: guest.rip };
    const host = guest.hostAddress(page);
    assert.ok(host !== null, `nothing was mapped at ${page.toString(16)}`);
    if (!zeroes.equals(read(host))) found.push(page);
  }
  return found;
}

test("no guest ever sees a byte that was in memory before, over VMs that use it again", () => {
  const seen: bigint[][] = [];
  const script: Script = function* (guest) {
    const { memory } = machineOf.machine!;
    seen.push(yield* pagesThatAreNotZero(guest, (host) => memory.read(host, Number(PAGE))));
    // Dirt for the VMs to come.
    for (let block = 0n; block < RAM; block += BLOCK) {
      memory.write(guest.hostAddress(block)!, Buffer.alloc(Number(BLOCK), 0xee));
    }
    yield vmcall;
  };
  for (const option of ["touch", "start"]) {
    const run = boot({
      commandLine: `guest=count,count,count,count populate=${option}`,
      leftovers: 0xa5,
      scripts: [script],
      prepare: (machine) => void (machineOf.machine = machine),
    });
    assertEnd(run, "ok", /vm3: ended: ok/, /vm3: RAM: 8 of 8 blocks/);
  }
  assert.equal(seen.length, 8);
  // Four page tables and the code are what the vmm has loaded.
  for (const pages of seen) assert.deepEqual(pages, [0x1000n, 0x2000n, 0x3000n, 0x4000n, 0x10000n]);
});
