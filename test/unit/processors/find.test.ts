// Which processors are found: by the MADT, by the MP table where that fails, else the boot processor alone.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { writeAcpi } from "../core/machine/acpi.ts";
import { PhysicalMemory } from "../core/machine/physical-memory.ts";
import { Random } from "../ept/random.ts";
import { ProcessorMachine, X2APIC, XAPIC } from "./machine.ts";
import {
  apic,
  bochsMadt,
  bochsMpEntries,
  ioApic,
  madtOf,
  mpOther,
  mpProcessor,
  nmi,
  qemuMadt,
  writeMpTable,
  x2apic,
  type MpOptions,
} from "./tables.ts";

const MAX_CPUS = 64;
const EBDA = 0x9fc00;
const BASE_MEMORY_KIB = 639;
const ROM = 0xf5a90;
/** Of a table's header, which every table begins with. */
const CHECKSUM = 9n;
const HEADER_BYTES = 36n;

/** Two processors that are enabled, one that is not, and the other types of entries between them. */
const MP_ENTRIES = [mpProcessor(0, 3), mpOther(1), mpProcessor(5, 0), mpOther(3), mpProcessor(2), mpOther(4)];

let module: WebAssembly.Module;
before(async () => {
  module = await ProcessorMachine.compile();
});

/** A machine whose BIOS tells where its extended data area is, and where base memory ends. */
function machine(): ProcessorMachine {
  const made = new ProcessorMachine(module);
  setBiosData(made.memory, EBDA, BASE_MEMORY_KIB);
  return made;
}

function setBiosData(memory: PhysicalMemory, ebda: number, kib: number): void {
  memory.write(0x40en, Uint8Array.of((ebda >> 4) & 0xff, ebda >> 12));
  memory.write(0x413n, Uint8Array.of(kib & 0xff, kib >> 8));
}

interface Found {
  readonly ids: number[];
  /** Warnings alone. */
  readonly warnings: string[];
}

function found(on: ProcessorMachine, rsdp: bigint, mode: number, boot: number): Found {
  const { ids, lines } = on.find(rsdp, mode, boot);
  return { ids, warnings: lines.filter((line) => !/^basalt: (debug: )?\d+ processors, by|: neither /.test(line)) };
}

function byMadt(madt: Uint8Array, mode = XAPIC, boot = 0): Found {
  const on = machine();
  return found(on, writeAcpi(on.memory, { tables: [["APIC", madt]] }).address, mode, boot);
}

function byMpTable(pointer: number, options: MpOptions = {}, entries = MP_ENTRIES): Found {
  const on = machine();
  writeMpTable(on.memory, pointer, entries, options);
  return found(on, 0n, XAPIC, 0);
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

describe("by the MADT", () => {
  test("the processors of QEMU's and of Bochs's table are found", () => {
    assert.deepEqual(byMadt(qemuMadt), { ids: [0, 1, 2, 3], warnings: [] });
    assert.deepEqual(byMadt(bochsMadt), { ids: [0, 1], warnings: [] });
  });

  test("by the XSDT too", () => {
    const on = machine();
    const { address } = writeAcpi(on.memory, { hasXsdt: true, tables: [["APIC", qemuMadt]] });
    assert.deepEqual(on.find(address).ids, [0, 1, 2, 3]);
  });

  test("the boot processor comes first, whatever its place, and the others in the table's order", () => {
    assert.deepEqual(byMadt(madtOf(...[6, 4, 2, 0].map((id) => apic(id))), XAPIC, 2).ids, [2, 6, 4, 0]);
  });

  test("disabled processors stay out, and those that are only online capable", () => {
    assert.deepEqual(byMadt(madtOf(apic(0), apic(1, 0), apic(2, 2), apic(3, 3), x2apic(4, 2), x2apic(5, 1))), {
      ids: [0, 3, 5],
      warnings: [],
    });
  });

  test("an ID that is listed twice, by either type of entry, counts once", () => {
    assert.deepEqual(byMadt(madtOf(apic(0), apic(1), x2apic(1), x2apic(0), apic(1))).ids, [0, 1]);
  });

  test("in x2APIC mode IDs from 255 on are used", () => {
    assert.deepEqual(byMadt(madtOf(apic(0), x2apic(255), x2apic(0x12345678)), X2APIC), {
      ids: [0, 255, 0x12345678],
      warnings: [],
    });
  });

  test("in xAPIC mode IDs from 255 on are left out with a warning", () => {
    assert.deepEqual(byMadt(madtOf(apic(0), x2apic(254), x2apic(255), x2apic(256))), {
      ids: [0, 254],
      warnings: [
        "basalt: warning: 2 processors of the MADT stay unused: APIC ID 0xff cannot be addressed in xAPIC mode",
      ],
    });
  });

  test("the broadcast ID is no processor's in either mode", () => {
    for (const [mode, name] of [
      [XAPIC, "xAPIC"],
      [X2APIC, "x2APIC"],
    ] as const) {
      assert.deepEqual(byMadt(madtOf(apic(0), apic(0xff), x2apic(0xffffffff)), mode), {
        ids: [0],
        warnings: [
          `basalt: warning: 2 processors of the MADT stay unused: APIC ID 0xffffffff cannot be addressed in ${name} mode`,
        ],
      });
    }
  });

  test("64 processors are used, and a warning counts the others, each once", () => {
    const exactly = madtOf(...range(0, MAX_CPUS).map((id) => apic(id)));
    assert.deepEqual(byMadt(exactly), { ids: range(0, MAX_CPUS), warnings: [] });
    const more = madtOf(...range(0, 100).map((id) => apic(id)), ...range(0, 100).map((id) => x2apic(id)));
    assert.deepEqual(byMadt(more, XAPIC, 99), {
      ids: [99, ...range(0, MAX_CPUS - 1)],
      warnings: ["basalt: warning: 36 processors stay unused: Basalt uses 64 at most"],
    });
  });

  test("a boot processor that the table lacks or disables is used with a warning", () => {
    for (const madt of [madtOf(apic(1), apic(2)), madtOf(apic(1), apic(9, 0), apic(2))]) {
      assert.deepEqual(byMadt(madt, XAPIC, 9), {
        ids: [9, 1, 2],
        warnings: [
          "basalt: warning: the MADT does not list the boot processor, APIC ID 0x9, which is used all the same",
        ],
      });
    }
  });

  for (const [what, entry, length] of [
    ["of no length", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0), 0],
    ["of one byte", Uint8Array.of(2, 1, 6, 0, 0, 0, 0), 1],
    ["of a local APIC that is too short", Uint8Array.of(0, 7, 1, 1, 1, 0, 0), 7],
    ["of a local x2APIC that is too short", x2apic(1).with(1, 15), 15],
    ["that goes beyond the table's end", Uint8Array.of(0, 200, 1, 1, 1, 0, 0, 0), 200],
  ] as const) {
    test(`an entry ${what} ends the walk with a warning`, () => {
      assert.deepEqual(byMadt(madtOf(apic(0), apic(3), entry, apic(4))), {
        ids: [0, 3],
        warnings: [
          `basalt: warning: the MADT has an entry of the impossible length ${length}; processors behind it stay unused`,
        ],
      });
    });
  }

  test("a wrong checksum is said, and the MP table used instead", () => {
    const on = machine();
    const { address } = writeAcpi(on.memory, { tables: [["APIC", qemuMadt]] });
    // The third entry of the RSDT, to which the root pointer leads.
    const rsdt = BigInt(on.memory.read32(address + 16n));
    const madt = BigInt(on.memory.read32(rsdt + HEADER_BYTES + 8n));
    on.memory.write(madt + CHECKSUM, Uint8Array.of(on.memory.read(madt + CHECKSUM, 1)[0]! + 1));
    const warning = "basalt: warning: the MADT's checksum is wrong, so the processors are looked for in the MP table";
    assert.deepEqual(found(on, address, XAPIC, 0), { ids: [0], warnings: [warning] });
    writeMpTable(on.memory, ROM, MP_ENTRIES);
    assert.deepEqual(found(on, address, XAPIC, 0), { ids: [0, 2], warnings: [warning] });
  });

  test("the MP table is not asked where the MADT is sound", () => {
    const on = machine();
    writeMpTable(on.memory, ROM, [mpProcessor(7)]);
    const { address } = writeAcpi(on.memory, { tables: [["APIC", qemuMadt]] });
    assert.deepEqual(found(on, address, XAPIC, 0).ids, [0, 1, 2, 3]);
  });
});

describe("by the MP table", () => {
  for (const [place, pointer] of [
    ["the extended BIOS data area", EBDA],
    ["the last 16 bytes of its first KiB", EBDA + 0x3f0],
    ["the last KiB of base memory", BASE_MEMORY_KIB * 1024 - 1024],
    ["the ROM's first bytes", 0xf0000],
    ["the ROM", ROM],
    ["the ROM's last bytes", 0xffff0],
  ] as const) {
    test(`a floating pointer in ${place} is found`, () => {
      assert.deepEqual(byMpTable(pointer), { ids: [0, 2], warnings: [] });
    });
  }

  test("the processors of Bochs's table are found", () => {
    assert.deepEqual(byMpTable(0xf9e80, {}, bochsMpEntries), { ids: [0, 1], warnings: [] });
  });

  test("a floating pointer anywhere else is not", () => {
    for (const pointer of [EBDA - 0x410, 0xeff00, ROM + 8, 0x100000]) {
      assert.deepEqual(byMpTable(pointer), { ids: [0], warnings: [] });
    }
  });

  test("where the BIOS tells nothing of base memory, its last KiB is that from 639 KiB on", () => {
    for (const kib of [0, 641, 0xffff]) {
      const on = machine();
      setBiosData(on.memory, 0, kib);
      writeMpTable(on.memory, 639 * 1024, MP_ENTRIES);
      assert.deepEqual(on.find(0n).ids, [0, 2]);
    }
  });

  test("an impossible place of the extended BIOS data area is not searched", () => {
    for (const ebda of [0x1000, 0xa0000, 0xe0000]) {
      const on = machine();
      setBiosData(on.memory, ebda, BASE_MEMORY_KIB);
      writeMpTable(on.memory, ebda, MP_ENTRIES);
      assert.deepEqual(on.find(0n).ids, [0]);
    }
  });

  test("a floating pointer with a wrong checksum is passed over for a sound one behind it", () => {
    const on = machine();
    writeMpTable(on.memory, ROM, [mpProcessor(0), mpProcessor(9)], { pointerError: 1, tableAddress: 0xf7000 });
    assert.deepEqual(found(on, 0n, XAPIC, 0), { ids: [0], warnings: [] });
    writeMpTable(on.memory, ROM + 16, MP_ENTRIES);
    assert.deepEqual(found(on, 0n, XAPIC, 0), { ids: [0, 2], warnings: [] });
  });

  test("so is one of another length than 16 bytes", () => {
    assert.deepEqual(byMpTable(ROM, { pointerLength: 2 }), { ids: [0], warnings: [] });
  });

  for (const [what, options] of [
    ["checksum", { tableError: 1 }],
    ["signature", { signature: "PCMQ" }],
    ["length, which is shorter than the header,", { length: 43 }],
    ["length, which the checksum does not cover,", { length: 60, tableError: 0 }],
  ] as const) {
    test(`a configuration table with a wrong ${what} is unusable, and a warning says so`, () => {
      assert.deepEqual(byMpTable(ROM, options), {
        ids: [0],
        warnings: [
          "basalt: warning: the MP table at 0x000f6000 has a wrong signature, length or checksum, so its processors stay unused",
        ],
      });
    });
  }

  test("a configuration table where nothing is, up to the end of 4 GiB, is no trap", () => {
    for (const tableAddress of [0, 0xfffff000, 0xffffffff]) {
      const on = machine();
      writeMpTable(on.memory, ROM, [], { tableAddress, signature: "none" });
      assert.match(on.find(0n).lines.join("\n"), /the MP table at 0x[0-9a-f]{8} has a wrong signature/);
    }
  });

  test("a default configuration means two processors", () => {
    assert.deepEqual(byMpTable(ROM, { defaultConfiguration: 6 }), { ids: [0, 1], warnings: [] });
  });

  test("a table that ends before its last entry is used as far as it goes", () => {
    for (const [entries, entryCount, rest] of [
      [MP_ENTRIES, 9, 3],
      [[...MP_ENTRIES, Uint8Array.of(0, 9, 0, 1)], 7, 1],
      [[...MP_ENTRIES, mpOther(5), mpProcessor(9)], 8, 2],
    ] as const) {
      assert.deepEqual(byMpTable(ROM, { entryCount }, [...entries]), {
        ids: [0, 2],
        warnings: [
          `basalt: warning: the MP table ends before its last ${rest} entries; processors among them stay unused`,
        ],
      });
    }
  });

  test("the broadcast ID is no processor's", () => {
    const { ids, warnings } = byMpTable(ROM, {}, [mpProcessor(0), mpProcessor(0xff), mpProcessor(1)]);
    assert.deepEqual(ids, [0, 1]);
    assert.match(warnings.join("\n"), /1 processors of the MP table stay unused: APIC ID 0xffffffff cannot/);
  });
});

test("where nothing lists processors the boot processor is used alone, without a warning", () => {
  assert.deepEqual(machine().find(0n, XAPIC, 3), {
    ids: [3],
    lines: ["basalt: neither a MADT nor an MP table lists the processors; Basalt uses the boot processor alone"],
  });
});

describe("mangled tables", () => {
  /** Every ID that a table with these bytes can name: each byte, and each four of them. */
  function isNamed(id: number, bytes: Uint8Array): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (bytes.includes(id)) return true;
    for (let at = 0; at + 4 <= bytes.length; at++) if (view.getUint32(at, true) === id) return true;
    return false;
  }

  function mangle(random: Random, sound: Uint8Array): Uint8Array {
    const bytes = Uint8Array.from(sound);
    for (let n = 1 + random.below(4); n > 0; n--) {
      bytes[random.below(bytes.length)] = random.chance(50) ? random.below(256) : random.pick([0, 1, 2, 8, 16, 0xff]);
    }
    return random.chance(20) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
  }

  function assertSensible({ ids }: { readonly ids: readonly number[] }, boot: number, table: Uint8Array): void {
    assert.equal(ids[0], boot);
    assert.ok(ids.length <= MAX_CPUS);
    assert.equal(new Set(ids).size, ids.length, "each ID once");
    for (const id of ids.slice(1)) assert.ok(isNamed(id, table), `no byte of the table names ${id}`);
  }

  test("5,000 MADTs whose checksum is right neither trap nor give an ID that is not in them", () => {
    const random = new Random(7);
    const sound = madtOf(
      ...range(0, 40).map((id) => apic(id)),
      ioApic(0),
      nmi,
      ...range(300, 30).map((id) => x2apic(id)),
    );
    let several = 0;
    for (let n = 0; n < 5000; n++) {
      const on = machine();
      const table = mangle(random, random.pick([sound, qemuMadt, bochsMadt]));
      const { address } = writeAcpi(on.memory, { tables: [["APIC", table]] });
      const boot = random.below(4);
      const answer = on.find(address, random.pick([XAPIC, X2APIC]), boot);
      assertSensible(answer, boot, table);
      if (answer.ids.length > 1) several++;
    }
    assert.ok(several > 1000, `${several} of 5,000 tables had several processors`);
  });

  test("5,000 MP tables, with right checksums and wrong ones, do as little", () => {
    const random = new Random(11);
    const on = machine();
    let several = 0;
    for (let n = 0; n < 5000; n++) {
      const entries = mangle(
        random,
        Uint8Array.from([...range(0, 8).flatMap((id) => [...mpProcessor(id)]), ...mpOther(2)]),
      );
      on.memory = new PhysicalMemory();
      setBiosData(on.memory, random.below(0x100000), random.below(0x10000));
      writeMpTable(on.memory, ROM, [entries], {
        entryCount: random.pick([9, 9, random.below(0x10000)]),
        ...(random.chance(10) ? { length: random.below(0x10000) } : {}),
        tableError: random.chance(10) ? 1 : 0,
        defaultConfiguration: random.chance(5) ? random.below(256) : 0,
      });
      const answer = on.find(0n, XAPIC, 0);
      assertSensible(answer, 0, Uint8Array.of(1, ...entries));
      if (answer.ids.length > 1) several++;
    }
    assert.ok(several > 1000, `${several} of 5,000 tables had several processors`);
  });
});
