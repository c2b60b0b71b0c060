// How another processor is woken: what the local APIC sends in both modes, how long is waited, and where it is to begin.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import {
  MULTIBOOT2,
  pcMemoryMap,
  PVH,
  RAM,
  RESERVED,
  writeMultiboot2,
  writePvh,
  type BootFacts,
} from "../core/machine/boot-information.ts";
import { msr } from "../core/machine/tables.ts";
import { Random } from "../ept/random.ts";
import { APIC_BASE, ProcessorMachine, X2APIC, XAPIC } from "./machine.ts";
import { Pit, type PitKind } from "./pit.ts";

const INIT = 0x4500;
const STARTUP = 0x4600;
const FIXED = 0x4000;
const X2APIC_BASE = APIC_BASE | 0xd00n;
const XAPIC_BASE = APIC_BASE | 0x900n;
const PAGE = 0x8f000n;
const SOFTWARE_ENABLE = 0x100;
const SPURIOUS = 0xf0;
/** More polls than core may make. */
const FOR_EVER = 1e9;

let module: WebAssembly.Module;
before(async () => {
  module = await ProcessorMachine.compile();
});

for (const [mode, name, base, id, other] of [
  [XAPIC, "xAPIC", XAPIC_BASE, 5, 0xfe],
  [X2APIC, "x2APIC", X2APIC_BASE, 0x80000005, 0x12345678],
] as const) {
  describe(`in ${name} mode`, () => {
    function machine(): { on: ProcessorMachine; apic: number } {
      const on = new ProcessorMachine(module, base);
      on.localApic.id = id;
      return { on, apic: on.harness.createApic() };
    }

    test("the ID is the whole of it", () => {
      const { on, apic } = machine();
      assert.equal(on.harness.modeOf(apic), mode);
      assert.equal(on.harness.idOf(apic) >>> 0, id);
    });

    test("INIT, start-up and an interrupt are the SDM's commands, in order", () => {
      const { on, apic } = machine();
      const { harness, localApic } = on;
      localApic.pendingReads = 3;
      const answers = [
        harness.sendInit(apic, other),
        harness.sendStartup(apic, other, 0x9f),
        harness.sendInterrupt(apic, other, 0x41),
      ];
      assert.deepEqual(answers, [1, 1, 1]);
      assert.deepEqual(localApic.sent, [
        { destination: other, command: INIT },
        { destination: other, command: STARTUP | 0x9f },
        { destination: other, command: FIXED | 0x41 },
      ]);
      assert.deepEqual(localApic.misuses, []);
    });

    test("a CPU that joins in the boot CPU's mode starts its APIC", () => {
      const { on, apic } = machine();
      assert.equal(on.text(on.harness.startLike(apic, mode, APIC_BASE)), "");
      assert.deepEqual(on.localApicOfHandlers, { mode, base: APIC_BASE });
      assert.equal(on.localApic.registers.get(SPURIOUS), SOFTWARE_ENABLE | 0xff);
      assert.deepEqual(on.localApic.misuses, []);
    });

    test("a processor that has not arrived 200 us after its first start-up interrupt gets a second one", () => {
      const { on, apic } = machine();
      const pit = new Pit(on.ports, "counts");
      const times: number[] = [];
      const push = on.localApic.sent.push.bind(on.localApic.sent);
      on.localApic.sent.push = (...sent) => (times.push(pit.now), push(...sent));
      assert.equal(on.harness.wakeProcessor(apic, other, PAGE, on.harness.createDelay()), 1);
      assert.deepEqual(
        on.localApic.sent.map(({ destination, command }) => [destination, command]),
        [
          [other, INIT],
          [other, STARTUP | 0x8f],
          [other, STARTUP | 0x8f],
        ],
      );
      const [init = 0, first = 0, second = 0] = times;
      assert.ok(first - init >= 10_000 && first - init < 10_100, `${first - init} us between INIT and start-up`);
      assert.ok(second - first >= 200 && second - first < 300, `${second - first} us between the start-ups`);
      assert.deepEqual(pit.misuses, []);
    });

    test("one that has arrived by then gets no second", () => {
      const { on, apic } = machine();
      new Pit(on.ports, "counts");
      on.arrived = () => on.localApic.sent.length === 2;
      assert.equal(on.harness.wakeProcessor(apic, other, PAGE, on.harness.createDelay()), 1);
      assert.equal(on.localApic.sent.length, 2);
    });

    test("without a timer that counts the sequence is sent all the same", () => {
      for (const kind of ["is missing", "stands still"] as const) {
        const { on, apic } = machine();
        new Pit(on.ports, kind);
        assert.equal(on.harness.wakeProcessor(apic, other, PAGE, on.harness.createDelay()), 1);
        assert.deepEqual(
          on.localApic.sent.map(({ command }) => command),
          [INIT, STARTUP | 0x8f, STARTUP | 0x8f],
        );
      }
    });
  });
}

test("an xAPIC that never accepts a command is waited for in vain, but not for ever", () => {
  const on = new ProcessorMachine(module);
  new Pit(on.ports, "counts");
  const apic = on.harness.createApic();
  on.localApic.pendingReads = FOR_EVER;
  assert.equal(on.harness.sendInit(apic, 1), 0);
  assert.equal(on.harness.sendInterrupt(apic, 1, 0x41), 0);
  assert.equal(on.harness.wakeProcessor(apic, 1, PAGE, on.harness.createDelay()), 0);
  assert.equal(on.localApic.sent.length, 1, "nothing is sent over a command that is pending");
  assert.deepEqual(on.localApic.misuses, []);
});

describe("a CPU that joins", () => {
  /** A CPU with this IA32_APIC_BASE, asked to be like the boot CPU. */
  function join(base: bigint, mode: number, hasX2apic = true): { on: ProcessorMachine; problem: string; apic: number } {
    const on = new ProcessorMachine(module, base, hasX2apic);
    const apic = on.harness.createApic();
    return { on, apic, problem: on.text(on.harness.startLike(apic, mode, APIC_BASE)) };
  }

  test("in xAPIC mode, or with its APIC off, follows the boot CPU into x2APIC mode", () => {
    for (const base of [XAPIC_BASE, APIC_BASE, APIC_BASE | 0x100n]) {
      const { on, apic, problem } = join(base, X2APIC);
      assert.equal(problem, "");
      assert.equal(on.harness.modeOf(apic), X2APIC);
      assert.equal(on.processor.msrs.get(msr("IA32_APIC_BASE")), base | 0xc00n);
      assert.equal(on.localApicOfHandlers?.mode, X2APIC);
      assert.deepEqual(on.localApic.misuses, []);
    }
  });

  for (const [what, base, mode, hasX2apic, problem] of [
    [
      "in x2APIC mode, where the boot CPU's is in xAPIC mode, is refused",
      X2APIC_BASE,
      XAPIC,
      true,
      "has its local APIC in x2APIC mode, and the boot processor's is in xAPIC mode",
    ],
    [
      "without x2APIC mode, where the boot CPU is in it, is refused",
      XAPIC_BASE,
      X2APIC,
      false,
      "has no x2APIC mode, in which the boot processor's local APIC is",
    ],
    [
      "whose APIC lies elsewhere is refused in xAPIC mode",
      0xfe000900n,
      XAPIC,
      true,
      "has its local APIC at another address than the boot processor's",
    ],
  ] as const) {
    test(`${what}, by name, and its APIC stays as it was`, () => {
      const { on, problem: said } = join(base, mode, hasX2apic);
      assert.equal(said, problem);
      assert.equal(on.processor.msrs.get(msr("IA32_APIC_BASE")), base);
      assert.equal(on.localApicOfHandlers, null);
    });
  }

  test("without a local APIC is refused", () => {
    const on = new ProcessorMachine(module);
    on.processor.msrs.delete(msr("IA32_APIC_BASE"));
    const apic = on.harness.createApic();
    const problem = on.text(on.harness.startLike(apic, XAPIC, APIC_BASE));
    assert.equal(problem, "has no local APIC that can be enabled");
  });
});

describe("a delay", () => {
  function delayOn(kind: PitKind, keepsOut = false): { pit: Pit; wait: (microseconds: number) => boolean } {
    const on = new ProcessorMachine(module);
    const delay = on.harness.createDelay();
    return {
      pit: new Pit(on.ports, kind, keepsOut),
      wait: (microseconds) => on.harness.wait(delay, microseconds) !== 0,
    };
  }

  test("takes at least as long as it is to, and hardly longer, up to a second and more than a count holds", () => {
    for (const keepsOut of [false, true]) {
      const { pit, wait } = delayOn("counts", keepsOut);
      for (const microseconds of [1, 10, 200, 10_000, 54_925, 54_926, 100_000, 1_000_000]) {
        const start = pit.now;
        assert.equal(wait(microseconds), true);
        const taken = pit.now - start;
        const counts = Math.ceil(microseconds / 54_924);
        assert.ok(taken >= microseconds && taken < microseconds + 20 * counts, `${taken} us, not ${microseconds}`);
      }
      assert.deepEqual(pit.misuses, []);
    }
  });

  test("of nothing is over at once", () => {
    const { pit, wait } = delayOn("counts");
    assert.equal(wait(0), true);
    assert.ok(pit.now < 20);
  });

  test("leaves port 0x61 as it was", () => {
    for (const portB of [0, 1, 2, 0xf]) {
      const { pit, wait } = delayOn("counts");
      pit.portB = portB;
      wait(100);
      assert.equal(pit.portB, portB);
    }
  });

  test("without a timer is told, and takes as many reads of a port", () => {
    const { pit, wait } = delayOn("is missing");
    assert.equal(wait(10_000), false);
    assert.ok(pit.now >= 10_000 && pit.now < 10_050, `${pit.now} us`);
  });

  test("with a timer that stands still is bounded, and the bound is waited for once", () => {
    const { pit, wait } = delayOn("stands still");
    assert.equal(wait(10_000), false);
    assert.ok(pit.now < 5e6, `${pit.now} reads`);
    const start = pit.now;
    assert.equal(wait(10_000), false);
    assert.ok(pit.now - start >= 10_000 && pit.now - start < 10_050);
  });
});

describe("the trampoline's page", () => {
  const INFORMATION = 0x2000n;

  function pageWith(facts: Partial<BootFacts>, kind = MULTIBOOT2, ebda = 0x9fc00, at = INFORMATION): bigint {
    const on = new ProcessorMachine(module);
    on.memory.write(0x40en, Uint8Array.of((ebda >> 4) & 0xff, ebda >> 12));
    const all = { commandLine: "", memoryMap: pcMemoryMap, modules: [], rsdp: null, ...facts };
    if (kind === PVH) writePvh(on.memory, at, all);
    else writeMultiboot2(on.memory, at, all);
    return on.harness.trampolinePage(kind, at);
  }

  const low = (start: bigint, bytes: bigint, type = RAM): BootFacts["memoryMap"] => [{ start, bytes, type }];

  test("is the highest whole page of RAM below 640 KiB, with either loader", () => {
    for (const kind of [MULTIBOOT2, PVH]) {
      assert.equal(pageWith({}, kind), 0x9e000n);
      assert.equal(pageWith({ memoryMap: low(0n, 0x1000000n) }, kind, 0), 0x9f000n);
    }
  });

  test("is never page 0, and there is none where no other is whole", () => {
    assert.equal(pageWith({ memoryMap: low(0n, 0x2fffn) }), 0x1000n);
    assert.equal(pageWith({ memoryMap: low(0n, 0x1fffn) }), 0n);
    assert.equal(pageWith({ memoryMap: low(0x5001n, 0x1ffen) }), 0n);
    assert.equal(pageWith({ memoryMap: low(0xa0000n, 0x60000n) }), 0n);
  });

  test("lies below the extended BIOS data area, where the BIOS has one", () => {
    assert.equal(pageWith({ memoryMap: low(0n, 0xa0000n) }, MULTIBOOT2, 0x88400), 0x87000n);
    // After UEFI the place holds anything: one that cannot be is passed over.
    assert.equal(pageWith({ memoryMap: low(0n, 0xa0000n) }, MULTIBOOT2, 0x500), 0x9f000n);
  });

  test("holds nothing of modules, of the boot information, or of what the map calls reserved too", () => {
    assert.equal(pageWith({ modules: [{ start: 0x9e800n, bytes: 1n }] }), 0x9d000n);
    assert.equal(pageWith({ modules: [{ start: 0x80000n, bytes: 0x1f000n }] }), 0x7f000n);
    assert.equal(pageWith({}, MULTIBOOT2, 0x9fc00, 0x9e000n), 0x9d000n);
    assert.equal(pageWith({}, PVH, 0x9fc00, 0x9e000n) < 0x9e000n, true);
    const memoryMap = [...low(0x9d000n, 0x1000n, RESERVED), ...low(0n, 0x9e000n)];
    assert.equal(pageWith({ memoryMap }), 0x9c000n);
  });

  test("is RAM and nobody's on 2,000 random maps", () => {
    const random = new Random(3);
    let none = 0;
    for (let n = 0; n < 2000; n++) {
      const piece = (): { start: bigint; bytes: bigint } => {
        const start = random.below(0xb0000);
        return { start: BigInt(start), bytes: BigInt(1 + random.below(random.pick([0x1000, 0x60000]))) };
      };
      const memoryMap = Array.from({ length: 1 + random.below(5) }, () => ({
        ...piece(),
        type: random.pick([RAM, RAM, RESERVED]),
      }));
      const modules = Array.from({ length: random.below(3) }, piece);
      const page = pageWith({ memoryMap, modules }, random.pick([MULTIBOOT2, PVH]), 0x9fc00, 0x200000n);
      if (page === 0n) none++;
      const touches = ({ start, bytes }: { start: bigint; bytes: bigint }): boolean =>
        start < page + 0x1000n && start + bytes > page;
      const isIn = ({ start, bytes }: { start: bigint; bytes: bigint }): boolean =>
        start <= page && start + bytes >= page + 0x1000n;
      if (page === 0n) continue;
      assert.equal(page % 0x1000n, 0n);
      assert.ok(page <= 0x9e000n, `page 0x${page.toString(16)} reaches into the extended BIOS data area`);
      assert.ok(memoryMap.some((range) => range.type === RAM && isIn(range)));
      assert.ok(![...memoryMap.filter(({ type }) => type !== RAM), ...modules].some(touches));
    }
    assert.ok(none > 20 && none < 1900, `${none} of 2,000 maps had no page`);
  });
});
